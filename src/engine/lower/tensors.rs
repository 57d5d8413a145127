//! Where a lowered network's weights come from.

use crate::model::Graph;
use crate::weights::{Checkpoint, Tensor};
use crate::{Error, ErrorKind, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Tensors by key.
pub struct Tensors<'a>(Source<'a>);

enum Source<'a> {
    Borrowed(&'a BTreeMap<String, Tensor>),
    Owned(RefCell<BTreeMap<String, Tensor>>),
    Random,
    Absent,
}

impl<'a> Tensors<'a> {
    /// Copies out of a checkpoint, whose batch norm must be folded.
    pub fn of(checkpoint: &'a Checkpoint) -> Self {
        Self(Source::Borrowed(&checkpoint.tensors))
    }

    /// Takes the tensors out of a checkpoint: less memory than copies.
    pub fn from_owned(checkpoint: Checkpoint) -> Self {
        Self(Source::Owned(RefCell::new(checkpoint.tensors)))
    }

    /// Random values, the same every time: for timing, and for comparing executors. Sums keep the size of what they sum
    /// over, so that activations neither vanish nor grow.
    pub fn random() -> Self {
        Self(Source::Random)
    }

    /// No values at all: for looking at the operations of a network.
    pub fn absent() -> Self {
        Self(Source::Absent)
    }

    pub(super) fn are_absent(&self) -> bool {
        matches!(self.0, Source::Absent)
    }

    /// The values of tensor `key`, row by row.
    pub(super) fn take(&self, key: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let found = match &self.0 {
            Source::Absent => return Ok(Vec::new()),
            Source::Random => return Ok(random(key, shape)),
            Source::Borrowed(tensors) => tensors.get(key).cloned(),
            // A parameter that several modules share is left for the others.
            Source::Owned(tensors) if shape == [1] => tensors.borrow().get(key).cloned(),
            Source::Owned(tensors) => tensors.borrow_mut().remove(key),
        };
        let found = found.ok_or_else(|| {
            Error::new(ErrorKind::Weights, format!("the checkpoint has no tensor {key}"))
                .hint("it was made for another architecture; give the YAML it was trained with")
        })?;
        if found.shape != shape || found.data.len() != shape.iter().product::<usize>() {
            let message = format!("{key} has shape {:?}, the network needs {shape:?}", found.shape);
            return Err(Error::new(ErrorKind::Weights, message)
                .hint("it was made for another architecture, size or number of classes"));
        }
        Ok(found.data)
    }
}

/// A whole checkpoint of random values for `graph`, batch norms folded: for comparing executors that take
/// checkpoints.
pub fn random_checkpoint(graph: &Graph) -> Checkpoint {
    let tensor = |(key, shape): (String, Vec<usize>)| {
        let data = random(&key, &shape);
        (key, Tensor { shape, data })
    };
    let tensors = graph.parameters(true).into_iter().map(tensor).collect();
    Checkpoint { tensors, folded: true, ..Checkpoint::default() }
}

fn random(key: &str, shape: &[usize]) -> Vec<f32> {
    // Every tensor has a sequence of its own, so that a change in one row leaves the others alone.
    let mut random = fastrand::Rng::with_seed(u64::from(crc32fast::hash(key.as_bytes())));
    let mut next = || random.f32() * 2.0 - 1.0;
    let fan_in: usize = shape.iter().skip(1).product();
    let (centre, spread) = match shape.len() {
        1 if key.ends_with("running_var") || key.ends_with("bn.weight") => (1.0, 0.3),
        // The head's: nothing is found.
        1 if is_head_bias(key) => (-12.0, 0.1),
        1 if shape == [1] => (0.25, 0.0),
        1 => (0.0, 0.1),
        _ => (0.0, 1.3 * (3.0 / fan_in.max(1) as f32).sqrt()),
    };
    (0..shape.iter().product()).map(|_| centre + spread * next()).collect()
}

/// `model.24.m.0.bias`.
fn is_head_bias(key: &str) -> bool {
    let parts: Vec<&str> = key.split('.').collect();
    matches!(parts[..], ["model", _, "m", level, "bias"] if level.parse::<usize>().is_ok())
}
