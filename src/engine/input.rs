//! The input of a run.

use super::plan::Plan;
use super::program::INPUT;
use crate::{Error, ErrorKind, Result};

/// A channels-last input, `[height][width][channels]`.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Values from 0 to 1.
    Values(&'a [f32]),
    /// Bytes: 0 to 255 stand for 0.0 to 1.0.
    Bytes(&'a [u8]),
    /// The texture that was filled before (see [`Executor::texture`](super::Executor::texture)).
    Texture,
}

impl<'a> From<&'a [f32]> for Input<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::Values(values)
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Input<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        Self::Values(values)
    }
}

impl<'a> From<&'a Vec<f32>> for Input<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self::Values(values)
    }
}

impl<'a> From<&'a [u8]> for Input<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Input<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl Input<'_> {
    /// The number of values, if the input has as many as `plan` needs.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`] if it has not, or is a texture, which the CPU can't read.
    pub(super) fn check(self, plan: &Plan) -> Result<usize> {
        let view = plan.views[INPUT];
        let expected = view.height * view.width * view.channels;
        let found = match self {
            Self::Values(values) => values.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Texture => return Err(Error::new(ErrorKind::Argument, "the CPU does not read textures")),
        };
        if found != expected {
            let message = format!("the input has {found} values, {expected} are needed");
            return Err(Error::new(ErrorKind::Argument, message));
        }
        Ok(expected)
    }

    /// The input as values from 0 to 1, in `target`.
    pub(super) fn write(self, target: &mut [f32]) {
        match self {
            Self::Values(values) => target.copy_from_slice(values),
            Self::Bytes(bytes) => {
                target.iter_mut().zip(bytes).for_each(|(value, &byte)| *value = f32::from(byte) / 255.0);
            }
            Self::Texture => {}
        }
    }
}
