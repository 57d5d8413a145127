//! State-dict keys, made to begin with `model.{row}.`.

use std::collections::BTreeMap;

use super::{Tensor, foreign, weights_error};
use crate::error::{Error, Result};

/// Parts of a key in front of the row that say nothing: PyTorch's wrappers, and YOLOv5's own `model`.
const WRAPPERS: [&str; 2] = ["module", "model"];
/// Parts that `torch.compile` and sharding put into keys, anywhere.
const INSERTED: [&str; 4] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"];
/// Words in a prefix that stand for a second copy of the network.
const COPIES: [&str; 5] = ["ema", "teacher", "average", "averaged", "shadow"];

/// Parts of the names of YOLOv5's tensors: every network of it has some of them.
const PARTS: [&str; 4] = [".conv.", ".cv1.", ".bn.", ".m."];

/// Tensors as a file has them, and the names of those that can't be weights, with the reason.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub tensors: BTreeMap<String, Tensor>,
    pub unusable: BTreeMap<String, &'static str>,
}

impl Raw {
    /// Why no tensor is left, if none is.
    pub fn check(&self) -> Result<()> {
        if !self.tensors.is_empty() {
            return Ok(());
        }
        Err(match self.unusable.first_key_value() {
            Some((key, why)) => weights_error(format!("none of the tensors can be a weight: {why}"))
                .at(shown(key))
                .hint("a quantised checkpoint can't be read; give the one in floating point"),
            None => weights_error("the checkpoint holds no tensors").hint("is it a YOLOv5 model?"),
        })
    }
}

/// Tensors of real checkpoints that no network needs: counters, and grids older versions kept.
pub(super) fn is_dropped(key: &str) -> bool {
    key.ends_with("num_batches_tracked") || key.ends_with(".anchor_grid")
}

/// Gives every key its `model.` in front, whatever all of them have in front. Adds to `notes` what is left aside.
pub(super) fn normalise(raw: Raw, notes: &mut Vec<String>) -> Result<BTreeMap<String, Tensor>> {
    raw.check()?;
    let mut groups: BTreeMap<String, usize> = BTreeMap::new();
    for (group, _) in raw.tensors.keys().filter_map(|key| split(key)) {
        *groups.entry(group).or_default() += 1;
    }
    let all = || raw.tensors.keys().map(String::as_str);
    let Some(group) = choose(&groups) else { return Err(foreign::other(all()).unwrap_or_else(|| unknown(all()))) };
    if let Some(error) = Some(&group).filter(|group| !group.is_empty()).and_then(|_| foreign::other(all())) {
        return Err(error);
    }
    let rests: Vec<String> =
        all().filter_map(|key| split(key).filter(|(own, _)| *own == group).map(|(_, rest)| rest)).collect();
    if let Some(error) = foreign::yolo(&rests) {
        return Err(error);
    }
    if !group.is_empty() && !rests.iter().any(|rest| PARTS.iter().any(|part| rest.contains(part))) {
        return Err(unknown(all()));
    }
    let (mut named, mut aside) = (BTreeMap::new(), Vec::new());
    for (key, tensor) in raw.tensors {
        match split(&key) {
            Some((own, rest)) if own == group => {
                if named.insert(format!("model.{rest}"), tensor).is_some() {
                    return Err(weights_error("this tensor is there twice").at(format!("model.{rest}")));
                }
            }
            _ => aside.push(key),
        }
    }
    note_aside(notes, &aside, "no part of the network");
    for why in ["integers", "no elements"] {
        let keys: Vec<String> = raw.unusable.iter().filter(|(_, w)| **w == why).map(|(k, _)| k.clone()).collect();
        note_aside(notes, &keys, why);
    }
    Ok(named)
}

/// The error for tensors that are not called as YOLOv5's.
fn unknown<'k>(mut keys: impl Iterator<Item = &'k str>) -> Error {
    let first = shown(keys.next().unwrap_or_default());
    weights_error(format!("the first tensor is called {first}, those of YOLOv5 model.0.conv.weight and so on"))
        .hint("this is the checkpoint of another network, or a part of one: give a whole one of YOLOv5")
}

/// Notes tensors that are left aside.
pub(super) fn note_aside(notes: &mut Vec<String>, keys: &[String], why: &str) {
    let shown: Vec<String> = keys.iter().take(3).map(|key| shown(key)).collect();
    let more = if keys.len() > 3 { ", …" } else { "" };
    match keys.len() {
        0 => {}
        1 => notes.push(format!("1 tensor is left aside ({why}): {}", shown[0])),
        count => notes.push(format!("{count} tensors are left aside ({why}): {}{more}", shown.join(", "))),
    }
}

/// What stands in front of the row (without wrappers), and the rest from the row on.
fn split(key: &str) -> Option<(String, String)> {
    let parts: Vec<&str> = key.split('.').filter(|part| !INSERTED.contains(part)).collect();
    let is_row = |at: &usize| parts.get(*at).is_some_and(|part| is_number(part)) && at + 1 < parts.len();
    // A network inside of a list has numbers in front of `model`, too.
    let after_model = (1..parts.len()).rev().find(|at| parts[at - 1] == "model" && is_row(at));
    let at = after_model.or_else(|| (0..parts.len()).find(is_row))?;
    if parts[at + 1..].iter().any(|part| part.is_empty()) {
        return None;
    }
    let front: Vec<&str> = parts[..at].iter().copied().filter(|part| !WRAPPERS.contains(part)).collect();
    Some((front.join("."), parts[at..].join(".")))
}

fn is_number(part: &str) -> bool {
    (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
}

/// The group that is the network: the largest, but rather the network itself than a copy.
fn choose(groups: &BTreeMap<String, usize>) -> Option<String> {
    let largest = groups.values().max()?;
    let is_copy = |group: &str| group.split(['.', '_']).any(|word| COPIES.contains(&word));
    let order = |(group, count): &(&String, &usize)| (is_copy(group), std::cmp::Reverse(**count), group.len());
    let large = groups.iter().filter(|(_, count)| *count * 2 >= *largest);
    large.min_by_key(order).map(|(group, _)| group.clone())
}

/// The row of a normalised key.
pub(super) fn row(key: &str) -> Option<usize> {
    let (row, name) = key.strip_prefix("model.")?.split_once('.')?;
    if name.is_empty() { None } else { row.parse().ok() }
}

/// The highest row of normalised keys: the Detect row.
pub(super) fn last_row(tensors: &BTreeMap<String, Tensor>) -> Option<usize> {
    tensors.keys().filter_map(|key| row(key)).max()
}

/// A foreign name, fit to be shown.
pub(super) fn shown(key: &str) -> String {
    key.chars().take(120).flat_map(char::escape_default).collect()
}
