//! safetensors: reading any, writing ours.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use super::limits::{MAX_HEADER_BYTES, MAX_NAMES, MAX_TENSORS};
use super::numbers::widen;
use super::pickle::Dtype;
use super::{Checkpoint, Tensor, keys, weights_error};
use crate::error::{Error, Result};

/// The version of our metadata.
const VERSION: &str = "1";

/// Reads a safetensors file.
pub(super) fn load(bytes: &[u8]) -> Result<Checkpoint> {
    let header = bytes.first_chunk::<8>().map_or(u64::MAX, |head| u64::from_le_bytes(*head));
    if header > MAX_HEADER_BYTES {
        return Err(weights_error(format!(
            "a safetensors header of {header} bytes, at most {MAX_HEADER_BYTES} are read"
        )));
    }
    let damaged = |error| {
        weights_error(format!("damaged safetensors file: {error}")).hint("it may be cut off: download or copy it again")
    };
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    if file.len() > MAX_TENSORS {
        return Err(weights_error(format!("{} tensors, at most {MAX_TENSORS} are read", file.len())));
    }
    let mut tensors = BTreeMap::new();
    let mut first = None;
    for (key, view) in file.iter() {
        if keys::is_dropped(key) {
            continue;
        }
        let dtype = match view.dtype() {
            safetensors::Dtype::F16 => Dtype::F16,
            safetensors::Dtype::BF16 => Dtype::Bf16,
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::F64 => Dtype::F64,
            other => {
                return Err(weights_error(format!("type {other:?} isn't read, weights are F16, BF16, F32 or F64"))
                    .at(keys::shown(key)));
            }
        };
        first.get_or_insert(dtype);
        let data: Vec<f32> = view.data().chunks_exact(dtype.size()).map(|chunk| widen(dtype, chunk)).collect();
        if data.is_empty() {
            return Err(
                weights_error(format!("a tensor without elements (shape {:?})", view.shape())).at(keys::shown(key))
            );
        }
        tensors.insert(key.to_owned(), Tensor { shape: view.shape().to_vec(), data });
    }
    if tensors.is_empty() {
        return Err(weights_error("the file holds no tensors"));
    }
    let mut checkpoint = Checkpoint {
        tensors: keys::normalise(tensors)?,
        format: format!("safetensors ({})", first.map_or("no numbers", Dtype::name)),
        ..Checkpoint::default()
    };
    if let Some(metadata) = metadata.metadata() {
        let get = |key: &str| metadata.get(key).map(String::as_str);
        read_metadata(&mut checkpoint, get)?;
    }
    Ok(checkpoint)
}

fn read_metadata<'m>(checkpoint: &mut Checkpoint, get: impl Fn(&str) -> Option<&'m str>) -> Result<()> {
    if let Some(version) = get("ghostdet").filter(|version| *version != VERSION) {
        return Err(weights_error(format!("format version {}, this program reads {VERSION}", keys::shown(version)))
            .hint("take a newer ghostdet"));
    }
    checkpoint.yaml = get("yaml").map(str::to_owned);
    if let Some(names) = get("names") {
        checkpoint.names = json(names, "names")?;
        if checkpoint.names.len() > MAX_NAMES {
            return Err(weights_error(format!("more than {MAX_NAMES} class names")));
        }
    }
    if let Some(size) = get("imgsz") {
        checkpoint.imgsz = Some(json(size, "imgsz")?);
    }
    if let Some(card) = get("card") {
        checkpoint.card = Some(json(card, "card")?);
    }
    // Files without a configuration may still give anchors (in pixels) and strides.
    if let (Some(anchors), Some(strides)) = (get("anchors"), get("strides")) {
        let anchors: Vec<Vec<f32>> = json(anchors, "anchors")?;
        let strides: Vec<f32> = json(strides, "strides")?;
        add_anchors(checkpoint, &anchors, &strides)?;
    }
    Ok(())
}

fn json<T: serde::de::DeserializeOwned>(text: &str, key: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| weights_error(format!("metadata: {error}")).at(key))
}

fn add_anchors(checkpoint: &mut Checkpoint, anchors: &[Vec<f32>], strides: &[f32]) -> Result<()> {
    let Some(row) = keys::last_row(&checkpoint.tensors) else { return Ok(()) };
    let each = anchors.first().map_or(0, Vec::len);
    let fits = each > 0 && each.is_multiple_of(2) && anchors.iter().all(|level| level.len() == each);
    if !fits || anchors.len() != strides.len() || strides.iter().any(|&stride| !(1.0..=1024.0).contains(&stride)) {
        return Err(weights_error("metadata: anchors and strides don't fit each other").at("anchors"));
    }
    let data = anchors.iter().zip(strides).flat_map(|(level, stride)| level.iter().map(move |v| v / stride)).collect();
    let tensor = Tensor { shape: vec![anchors.len(), each / 2, 2], data };
    checkpoint.tensors.entry(format!("model.{row}.anchors")).or_insert(tensor);
    Ok(())
}

/// Writes our safetensors. Equal checkpoints give equal bytes.
pub(super) fn write(checkpoint: &Checkpoint, half: bool) -> Result<Vec<u8>> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), metadata(checkpoint));
    let mut data = Vec::new();
    for (key, tensor) in &checkpoint.tensors {
        let start = data.len();
        for &value in &tensor.data {
            if half {
                let narrow = half::f16::from_f32(value);
                if value.is_finite() && !narrow.is_finite() {
                    return Err(too_large(value).at(key));
                }
                data.extend_from_slice(&narrow.to_le_bytes());
            } else {
                data.extend_from_slice(&value.to_le_bytes());
            }
        }
        let dtype = if half { "F16" } else { "F32" };
        let entry = serde_json::json!({ "dtype": dtype, "shape": tensor.shape, "data_offsets": [start, data.len()] });
        header.insert(key.clone(), entry);
    }
    let mut header = serde_json::Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.append(&mut header);
    file.append(&mut data);
    Ok(file)
}

fn too_large(value: f32) -> Error {
    weights_error(format!("{value} is too large for fp16")).hint("write fp32")
}

fn metadata(checkpoint: &Checkpoint) -> serde_json::Value {
    let mut all = serde_json::Map::new();
    let mut put = |key: &str, value: String| all.insert(key.to_owned(), value.into());
    put("ghostdet", VERSION.to_owned());
    put("format", "pt".to_owned());
    put("folded", checkpoint.folded.to_string());
    if let Some(yaml) = &checkpoint.yaml {
        put("yaml", yaml.clone());
    }
    if !checkpoint.names.is_empty() {
        put("names", serde_json::Value::from(checkpoint.names.clone()).to_string());
    }
    if let Some(size) = checkpoint.imgsz {
        put("imgsz", size.to_string());
    }
    if let Some(card) = &checkpoint.card {
        put("card", card.to_string());
    }
    serde_json::Value::Object(all)
}
