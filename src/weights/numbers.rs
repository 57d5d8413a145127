//! Number types widened to fp32.

use super::dtype::Dtype;
use super::{Tensor, weights_error};
use crate::error::Result;

/// One element, little-endian, as fp32. Too few bytes give NaN, which loading refuses.
pub(super) fn widen(dtype: Dtype, bytes: &[u8]) -> f32 {
    match (dtype, bytes) {
        (Dtype::F16, &[a, b]) => half::f16::from_le_bytes([a, b]).to_f32(),
        (Dtype::Bf16, &[a, b]) => half::bf16::from_le_bytes([a, b]).to_f32(),
        (Dtype::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (Dtype::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
        _ => f32::NAN,
    }
}

/// Refuses NaN and infinity.
pub(super) fn check_finite(name: &str, tensor: &Tensor) -> Result<()> {
    match tensor.data.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(weights_error(format!("element {at} is {}, weights must be finite", tensor.data[at]))
            .at(name)
            .hint("the training diverged or the file is damaged; take an earlier checkpoint")),
    }
}
