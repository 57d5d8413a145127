//! safetensors: reading any, writing ours.

use safetensors::SafeTensors;

use super::dtype::Dtype;
use super::keys::Raw;
use super::limits::{MAX_HEADER_BYTES, MAX_TENSORS};
use super::metadata::{self, VERSION};
use super::numbers::widen;
use super::{Checkpoint, Tensor, keys, weights_error};
use crate::error::{Error, Result};

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
    let repaired = repaired(bytes);
    let bytes = repaired.as_deref().unwrap_or(bytes);
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    if file.len() > MAX_TENSORS {
        return Err(weights_error(format!("{} tensors, at most {MAX_TENSORS} are read", file.len())));
    }
    let mut raw = Raw::default();
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
            _ => {
                raw.unusable.insert(key.to_owned(), "integers");
                continue;
            }
        };
        let data: Vec<f32> = view.data().chunks_exact(dtype.size()).map(|chunk| widen(dtype, chunk)).collect();
        if data.is_empty() {
            raw.unusable.insert(key.to_owned(), "no elements");
            continue;
        }
        first.get_or_insert(dtype);
        raw.tensors.insert(key.to_owned(), Tensor { shape: view.shape().to_vec(), data });
    }
    let mut notes = Vec::new();
    let mut checkpoint = Checkpoint {
        tensors: keys::normalise(raw, &mut notes)?,
        notes,
        format: format!("safetensors ({})", first.map_or("no numbers", Dtype::name)),
        ..Checkpoint::default()
    };
    if let Some(all) = metadata.metadata() {
        metadata::read(&mut checkpoint, |key: &str| all.get(key).map(String::as_str))?;
    }
    Ok(checkpoint)
}

/// The file with metadata as the format wants them, all text, if they are not: some writers put numbers and lists there.
fn repaired(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*head)).ok()?;
    let (header, data) = rest.split_at_checked(length)?;
    // Nearly every file is as it should be: only the metadata are looked at.
    #[derive(serde::Deserialize)]
    struct Only {
        #[serde(rename = "__metadata__")]
        metadata: Option<serde_json::Value>,
    }
    let only: Only = serde_json::from_slice(header).ok()?;
    let metadata = only.metadata?;
    if metadata.as_object().is_some_and(|all| all.values().all(serde_json::Value::is_string)) {
        return None;
    }
    let mut all: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(header).ok()?;
    let mut texts = serde_json::Map::new();
    for (key, value) in metadata.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        texts.insert(key.clone(), text.into());
    }
    all.insert("__metadata__".to_owned(), texts.into());
    let mut header = serde_json::Value::Object(all).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    Some([&(header.len() as u64).to_le_bytes(), header.as_slice(), data].concat())
}

/// Writes our safetensors. Equal checkpoints give equal bytes.
pub(super) fn write(checkpoint: &Checkpoint, half: bool) -> Result<Vec<u8>> {
    let mut header = serde_json::Map::new();
    header.insert("__metadata__".to_owned(), own_metadata(checkpoint));
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

fn own_metadata(checkpoint: &Checkpoint) -> serde_json::Value {
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
