//! What one call of a convolution kernel computes.

use crate::{Map, MapMut};

/// Pixels that a dense kernel handles together while a panel of weights stays in the L1 cache. A multiple of all tile heights.
pub const BLOCK: usize = 48;

/// The part of a convolution that one thread computes.
pub struct Job<'a, P, I = Map> {
    /// The packed weights.
    pub packed: &'a P,
    /// What is read.
    pub input: I,
    /// What is added after the activation.
    pub residual: Option<Map>,
    /// A smaller map that is added before the activation, and how many times smaller its sides are.
    pub upsampled_addend: Option<(Map, usize)>,
    /// What is written.
    pub output: MapMut,
    /// The first output row, or the first output pixel for kernels that work pixel by pixel.
    pub first: usize,
    /// One past the last.
    pub last: usize,
}
