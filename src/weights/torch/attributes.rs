//! What a model says about itself: names, picture size, anchors.

use std::collections::BTreeMap;

use super::tensor::Storages;
use crate::error::Result;
use crate::weights::Tensor;
use crate::weights::limits::{MAX_DEPTH, MAX_NAMES, MAX_VISITS};
use crate::weights::pickle::{Heap, Id, Value};

/// Class names: a list (before v7.0) or a dictionary from number to name. Names that can't be used are passed over.
pub(super) fn names(heap: &Heap, model: Id, notes: &mut Vec<String>) -> Vec<String> {
    let Some(names) = heap.attribute(model, "names") else { return Vec::new() };
    let mut pass_over = |what: &str| {
        notes.push(format!("the class names are passed over: {what}"));
        Vec::new()
    };
    let many = format!("more than {MAX_NAMES} of them");
    if let Some(items) = heap.items(names) {
        if items.len() > MAX_NAMES {
            return pass_over(&many);
        }
        return items.iter().map(|&item| name(heap, item)).collect();
    }
    let pairs = heap.pairs(names).unwrap_or_default();
    if pairs.len() > MAX_NAMES {
        return pass_over(&many);
    }
    let number = |id: Id| heap.int(id).or_else(|| heap.text(id)?.trim().parse().ok());
    let mut all: BTreeMap<i64, String> = BTreeMap::new();
    all.extend(pairs.iter().filter_map(|&(k, v)| Some((number(k)?, name(heap, v)))));
    if all.keys().enumerate().any(|(i, &k)| i64::try_from(i) != Ok(k)) {
        return pass_over("they aren't numbered 0, 1, 2, …");
    }
    all.into_values().collect()
}

fn name(heap: &Heap, id: Id) -> String {
    match heap.get(id) {
        Value::Str(text) => text.chars().take(256).collect(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        _ => "?".to_owned(),
    }
}

/// The picture size of the training's options.
pub(super) fn image_size(heap: &Heap) -> Option<usize> {
    let options = heap.key(heap.root, "opt")?;
    let find = |name| heap.key(options, name).or_else(|| heap.attribute(options, name));
    let size = find("imgsz").or_else(|| find("img_size"))?;
    let size = heap.items(size).and_then(|items| items.first().copied()).unwrap_or(size);
    heap.int(size).and_then(|size| usize::try_from(size).ok()).filter(|size| (1..=16384).contains(size))
}

/// The Detect module: the last of the model's rows.
fn detect(heap: &Heap, model: Id) -> Option<Id> {
    let rows = heap.key(heap.attribute(model, "_modules")?, "model")?;
    heap.pairs(heap.attribute(rows, "_modules")?)?.last().map(|(_, row)| *row)
}

/// The class of the last row: `Detect`, if it is a detector.
pub(super) fn detect_class(heap: &Heap, model: Id) -> Option<&str> {
    heap.class(detect(heap, model)?)
}

/// The number of classes the Detect module has.
pub(super) fn classes(heap: &Heap, model: Id) -> Option<i64> {
    heap.int(heap.attribute(detect(heap, model)?, "nc")?)
}

/// The activation of most convolutions, as Python writes it, if it isn't the default. Single rows may name another one.
pub(super) fn activation(heap: &Heap, model: Id) -> Option<String> {
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    let mut open = vec![(model, 0)];
    let mut visits = 0;
    while let Some((module, depth)) = open.pop() {
        visits += 1;
        if depth > MAX_DEPTH || visits > MAX_VISITS {
            break;
        }
        let Some(inner) = heap.attribute(module, "_modules") else { continue };
        if let (Some("Conv" | "DWConv"), Some(act)) = (heap.class(module), heap.key(inner, "act")) {
            let text = printed_activation(heap, act);
            *found.entry(text.unwrap_or_default()).or_default() += 1;
        }
        open.extend(heap.pairs(inner).unwrap_or_default().iter().map(|(_, inner)| (*inner, depth + 1)));
    }
    // `act=False` says nothing of the others.
    found.remove("nn.Identity()");
    found.remove("");
    let (text, _) = found.into_iter().max_by_key(|(_, count)| *count)?;
    (text != "nn.SiLU()").then_some(text)
}

fn printed_activation(heap: &Heap, act: Id) -> Option<String> {
    let class = heap.class(act)?;
    let slope = heap.attribute(act, "negative_slope").filter(|_| class == "LeakyReLU");
    Some(match slope.map(|slope| heap.get(slope)) {
        Some(Value::Float(slope)) => format!("nn.LeakyReLU({slope:?})"),
        Some(Value::Int(slope)) => format!("nn.LeakyReLU({slope})"),
        _ => format!("nn.{class}()"),
    })
}

/// The Detect module's own anchors in pixels: AutoAnchor changes them without touching the configuration.
pub(super) fn anchors_in_pixels(
    heap: &Heap,
    model: Id,
    storages: &mut Storages<'_, '_>,
) -> Result<Option<Vec<Vec<f32>>>> {
    let Some(detect) = detect(heap, model) else { return Ok(None) };
    let Some(stride) = heap.attribute(detect, "stride") else { return Ok(None) };
    let buffers = heap.attribute(detect, "_buffers");
    let Some(anchors) = buffers.and_then(|buffers| heap.key(buffers, "anchors")) else { return Ok(None) };
    let (Value::Tensor(anchors), Value::Tensor(stride)) = (heap.get(anchors), heap.get(stride)) else {
        return Ok(None);
    };
    let anchors = storages.read(anchors).map_err(|error| error.at("anchors"))?;
    let stride = storages.read(stride).map_err(|error| error.at("stride"))?;
    Ok(in_pixels(&anchors, &stride.data))
}

fn in_pixels(anchors: &Tensor, stride: &[f32]) -> Option<Vec<Vec<f32>>> {
    let &[levels, each, 2] = anchors.shape.as_slice() else { return None };
    if levels != stride.len() || stride.iter().any(|s| !(1.0..=1024.0).contains(s)) {
        return None;
    }
    let levels = anchors.data.chunks_exact(each * 2).zip(stride);
    Some(levels.map(|(level, stride)| level.iter().map(|value| value * stride).collect()).collect())
}
