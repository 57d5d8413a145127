//! How a network is loaded into an engine.

use super::cpu::Precision;
use crate::weights::Checkpoint;

/// Options of [`Engine::new`](super::Engine::new).
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The number type of dense convolutions on the CPU; `None` is [the faster one](Precision::detect).
    pub precision: Option<Precision>,
    /// The most threads of a run on the CPU; `None` is as many as rayon has. WebAssembly ignores it: its workers are
    /// started by the page.
    pub threads: Option<usize>,
    /// The largest input, `[height, width]`, to reserve memory for before the weights are packed. WebAssembly's memory only
    /// grows: with this the packed weights fill the holes that the source weights leave.
    pub max_input: Option<[usize; 2]>,
    /// Whether the weights stay as they were before packing. Attaching another executor needs them; without them the
    /// engine takes about half the memory.
    pub keep_source_weights: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self { precision: None, threads: None, max_input: None, keep_source_weights: true }
    }
}

impl EngineOptions {
    /// The default options with floats on the CPU, for comparisons.
    pub fn in_floats() -> Self {
        Self { precision: Some(Precision::Float), ..Self::default() }
    }
}

/// The weights of a network.
// One at a time, and never kept: its size does not matter.
#[allow(clippy::large_enum_variant)]
pub enum Weights<'a> {
    /// Copied from a checkpoint.
    Borrowed(&'a Checkpoint),
    /// Moved out of a checkpoint: takes less memory.
    Owned(Checkpoint),
    /// Random, the same for the same network: for timing, and for comparing executors. The network finds nothing.
    Random,
}

impl<'a> From<&'a Checkpoint> for Weights<'a> {
    fn from(checkpoint: &'a Checkpoint) -> Self {
        Self::Borrowed(checkpoint)
    }
}

impl From<Checkpoint> for Weights<'_> {
    fn from(checkpoint: Checkpoint) -> Self {
        Self::Owned(checkpoint)
    }
}
