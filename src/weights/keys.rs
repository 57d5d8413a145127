//! State-dict keys, made to begin with `model.{row}.`.

use std::collections::BTreeMap;

use super::{Tensor, weights_error};
use crate::error::Result;

/// Tensors of real checkpoints that no network needs: counters, and grids older versions kept.
pub(super) fn is_dropped(key: &str) -> bool {
    key.ends_with("num_batches_tracked") || key.ends_with(".anchor_grid")
}

/// Gives every key its `model.` in front: plain files leave it out, wrapped ones have `module.` or `model.model.`.
pub(super) fn normalise(tensors: BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    let mut all = BTreeMap::new();
    for (key, tensor) in tensors {
        let mut rest = key.as_str();
        while let Some(inner) = rest.strip_prefix("module.").or_else(|| rest.strip_prefix("model.")) {
            rest = inner;
        }
        if row(rest).is_none() {
            return Err(weights_error("this tensor's name isn't a YOLOv5 state dict's (model.0.conv.weight, …)")
                .at(shown(&key))
                .hint("is it the checkpoint of another network?"));
        }
        if all.insert(format!("model.{rest}"), tensor).is_some() {
            return Err(weights_error("this tensor is there twice").at(format!("model.{rest}")));
        }
    }
    Ok(all)
}

/// A key's row, without `model.` in front.
fn row(rest: &str) -> Option<usize> {
    let (row, name) = rest.split_once('.')?;
    if name.is_empty() { None } else { row.parse().ok() }
}

/// The highest row of normalised keys: the Detect row.
pub(super) fn last_row(tensors: &BTreeMap<String, Tensor>) -> Option<usize> {
    tensors.keys().filter_map(|key| row(key.strip_prefix("model.")?)).max()
}

/// A foreign name, fit to be shown.
pub(super) fn shown(key: &str) -> String {
    key.chars().take(120).flat_map(char::escape_default).collect()
}
