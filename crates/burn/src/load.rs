//! Takes tensors from a checkpoint by their keys, checks their shapes, and puts them on the device.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor, TensorData};

use ghostdet::weights;
use ghostdet::{Error, ErrorKind, Result};

/// Tensors by key, and which of them were taken.
pub(super) struct Loader<'a> {
    tensors: &'a BTreeMap<String, weights::Tensor>,
    taken: BTreeSet<String>,
    device: Device,
}

impl<'a> Loader<'a> {
    pub(super) fn new(tensors: &'a BTreeMap<String, weights::Tensor>, device: &Device) -> Self {
        Self { tensors, taken: BTreeSet::new(), device: device.clone() }
    }

    /// Whether there is a tensor `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.tensors.contains_key(key)
    }

    /// Takes tensor `key`, which must have this shape.
    pub(super) fn take<const D: usize>(&mut self, key: &str, shape: [usize; D]) -> Result<Tensor<D>> {
        let tensor = self.tensors.get(key).ok_or_else(|| missing(key))?;
        if tensor.shape != shape {
            return Err(Error::new(
                ErrorKind::Weights,
                format!("the checkpoint has shape {:?}, the network needs {shape:?}", tensor.shape),
            )
            .at(key)
            .hint("is it the configuration this checkpoint was trained with, with the same nc?"));
        }
        let count = shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
        if count != Some(tensor.data.len()) {
            return Err(Error::new(
                ErrorKind::Weights,
                format!("shape {shape:?} doesn't fit {} values", tensor.data.len()),
            )
            .at(key));
        }
        self.taken.insert(key.to_owned());
        Ok(Tensor::from_data(TensorData::new(tensor.data.clone(), shape), &self.device))
    }

    /// Fails if the checkpoint has parameters that nothing asked for.
    pub(super) fn finish(self) -> Result<()> {
        let mut unexpected = self.tensors.keys().filter(|key| !self.taken.contains(*key) && !is_bookkeeping(key));
        let Some(first) = unexpected.next() else { return Ok(()) };
        let others = unexpected.count();
        let message = match others {
            0 => "the network has no place for this tensor".to_owned(),
            _ => format!("the network has no place for this tensor and {others} others"),
        };
        Err(Error::new(ErrorKind::Weights, message)
            .at(first)
            .hint("is it the configuration this checkpoint was trained with?"))
    }
}

/// Entries of a state dict that aren't parameters: counters, and Detect's anchors (the graph has them).
fn is_bookkeeping(key: &str) -> bool {
    matches!(key.rsplit('.').next(), Some("num_batches_tracked" | "anchors" | "anchor_grid" | "stride"))
}

fn missing(key: &str) -> Error {
    Error::new(ErrorKind::Weights, "the checkpoint lacks this tensor")
        .at(key)
        .hint("is it the configuration this checkpoint was trained with?")
}
