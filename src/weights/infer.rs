//! Which of the known networks is it, told from the tensors' names and shapes.

use std::collections::BTreeMap;

use super::{Tensor, keys, owned, weights_error};
use crate::error::Result;

/// A known network, told from tensors alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// `yolov5`, `yolov5-ghost` or `yolov5-ghost-backbone`.
    pub architecture: &'static str,
    /// `depth_multiple`.
    pub depth: f64,
    /// `width_multiple`.
    pub width: f64,
    /// Classes.
    pub nc: usize,
}

/// Tells architecture, multiples and classes. Batch norm may be folded or not.
///
/// # Errors
/// Of kind [`ErrorKind::Weights`](crate::ErrorKind::Weights): none of the known networks has such tensors.
pub fn infer_config(tensors: &BTreeMap<String, Tensor>) -> Result<Inferred> {
    let has = |key: &str| tensors.contains_key(key);
    let last = keys::last_row(tensors);
    if let Some(last) = last.filter(|last| *last < 24) {
        return Err(owned::part(last + 1, 24)
            .hint("give the weights of a whole network; if it has fewer rows, give the YAML it was trained with"));
    }
    if last != Some(24) || !has("model.24.m.0.weight") || !has("model.24.m.2.weight") || has("model.24.m.3.weight") {
        return Err(unknown("it isn't 25 rows with three detection levels"));
    }
    let architecture = match (has("model.1.cv1.conv.weight"), has("model.10.cv1.conv.weight")) {
        (false, false) if has("model.1.conv.weight") && has("model.10.conv.weight") => "yolov5",
        (true, true) => "yolov5-ghost",
        (true, false) if has("model.10.conv.weight") => "yolov5-ghost-backbone",
        _ => return Err(unknown("rows 1 and 10 are neither Conv nor GhostConv")),
    };
    if tensors.get("model.0.conv.weight").is_none_or(|stem| !stem.shape.ends_with(&[3, 6, 6])) {
        return Err(unknown("row 0 isn't a 6x6 convolution (v6.0 and later)"));
    }
    let nc = classes(tensors)?;
    Ok(Inferred { architecture, depth: depth(tensors)?, width: width(tensors)?, nc })
}

fn unknown(why: &str) -> crate::error::Error {
    weights_error(format!(
        "the checkpoint does not say which network it belongs to, and its tensors do not tell: {why}"
    ))
    .hint("give the YAML it was trained with")
}

fn outputs(tensors: &BTreeMap<String, Tensor>, key: &str) -> Result<usize> {
    let first = tensors.get(key).and_then(|tensor| tensor.shape.first().copied());
    first.ok_or_else(|| unknown(&format!("{key} is missing")))
}

fn classes(tensors: &BTreeMap<String, Tensor>) -> Result<usize> {
    let all = outputs(tensors, "model.24.m.0.weight")?;
    let anchors = tensors.get("model.24.anchors").and_then(|a| a.shape.get(1).copied()).unwrap_or(3);
    match all.checked_div(anchors) {
        Some(each) if each > 5 && each * anchors == all => Ok(each - 5),
        _ => Err(unknown(&format!("{all} detection channels don't fit {anchors} anchors"))),
    }
}

/// `width * channels`, rounded up to a multiple of 8.
fn scaled(channels: f64, width: f64) -> f64 {
    (channels * width / 8.0).ceil() * 8.0
}

fn width(tensors: &BTreeMap<String, Tensor>) -> Result<f64> {
    let widest = outputs(tensors, "model.8.cv3.conv.weight")?;
    let width = widest as f64 / 1024.0;
    let rows = [
        ("model.0.conv.weight", 64.0),
        ("model.2.cv3.conv.weight", 128.0),
        ("model.4.cv3.conv.weight", 256.0),
        ("model.6.cv3.conv.weight", 512.0),
    ];
    for (key, channels) in rows {
        if outputs(tensors, key)? as f64 != scaled(channels, width) {
            return Err(unknown(&format!("{key} doesn't fit a width multiple of {width}")));
        }
    }
    Ok(width)
}

/// How many modules `model.{row}.m.{j}` there are.
fn repeats(tensors: &BTreeMap<String, Tensor>, row: usize) -> usize {
    let prefix = format!("model.{row}.m.");
    let numbers = tensors.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let numbers = numbers.filter_map(|(key, _)| key[prefix.len()..].split('.').next()?.parse::<usize>().ok());
    numbers.max().map_or(0, |last| last.saturating_add(1))
}

fn depth(tensors: &BTreeMap<String, Tensor>) -> Result<f64> {
    let found = [(2, 3.0), (4, 6.0), (6, 9.0), (8, 3.0)].map(|(row, n)| (n, repeats(tensors, row)));
    let fits = |depth: f64| found.iter().all(|&(n, have)| (n * depth).round_ties_even().max(1.0) == have as f64);
    let ninths = found[2].1 as f64 / 9.0;
    let known = [0.33, 0.67, 1.0, 1.33, ninths];
    known.into_iter().find(|&depth| fits(depth)).ok_or_else(|| {
        unknown(&format!("{:?} repeats in rows 2, 4, 6, 8 fit no depth multiple", found.map(|(_, have)| have)))
    })
}
