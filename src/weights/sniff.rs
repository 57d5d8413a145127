//! What kind of file is it? Everything that isn't a checkpoint gets its own words.

use super::weights_error;
use crate::error::{Error, Result};

/// A file kind that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Safetensors,
    TorchZip,
    /// PyTorch before 1.6.
    TorchLegacy,
}

/// PyTorch before 1.6 begins its pickle with this magic number.
const LEGACY_TORCH: &[u8] = &[0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

const RESAVE: &str = "unpack a folder; save such a checkpoint again with a PyTorch that reads it: python3 -c \"import torch; \
                      torch.save(torch.load('old.pt', map_location='cpu', weights_only=False), 'new.pt')\"";

/// First bytes of files that are no checkpoints at all.
const MAGIC: [(&[u8], &str); 14] = [
    (b"\x89HDF", "an HDF5 file (Keras)"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"7767517", "an NCNN parameter file"),
    (b"ftrt", "a TensorRT engine"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\xfd7zXZ", "xz-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"%PDF", "a PDF"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
];

/// Tells the kind from the first bytes.
pub(super) fn sniff(bytes: &[u8]) -> Result<Kind> {
    if bytes.is_empty() {
        return Err(weights_error("the checkpoint is empty (0 bytes)").hint("download or copy it again"));
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Ok(Kind::TorchZip);
    }
    if bytes.first() == Some(&0x80)
        && bytes[..bytes.len().min(64)].windows(LEGACY_TORCH.len()).any(|w| w == LEGACY_TORCH)
    {
        return Ok(Kind::TorchLegacy);
    }
    if let Some((head, rest)) = bytes.split_first_chunk::<8>()
        && rest.first() == Some(&b'{')
    {
        let header = u64::from_le_bytes(*head);
        if header <= rest.len() as u64 {
            return Ok(Kind::Safetensors);
        }
        if header <= super::limits::MAX_HEADER_BYTES {
            return Err(weights_error(format!(
                "the safetensors file is cut off: its header needs {header} bytes, {} are there",
                rest.len()
            ))
            .hint("download or copy it again"));
        }
    }
    Err(name_it(bytes))
}

/// A version of ONNX's format, then the writer's name and version, a domain or the graph.
fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [8, 1..32, 0x12 | 0x1a | 0x22 | 0x3a | 0x42, ..])
}

fn name_it(bytes: &[u8]) -> Error {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let starts = |word: &[u8]| text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word);
    if starts(b"<!doctype html") || starts(b"<html") || starts(b"<head") {
        weights_error("this is an HTML page, not a checkpoint")
            .hint("the address led to a web page, perhaps a log-in or an error; download the file itself")
    } else if starts(b"<") {
        weights_error("this is XML or HTML, not a checkpoint").hint("give the .pt or .safetensors file itself")
    } else if starts(b"version https://git-lfs") {
        weights_error("this is a Git LFS pointer, not the checkpoint itself").hint("run `git lfs pull`")
    } else if bytes.get(257..262) == Some(b"ustar") {
        weights_error("this is a tar archive: a packed folder, or a checkpoint of PyTorch before 0.1.10").hint(RESAVE)
    } else if bytes.starts_with(&[0x80]) {
        weights_error("this is a bare Python pickle, not a PyTorch zip").hint("save it with torch.save")
    } else if bytes.starts_with(&[0x1f, 0x8b]) {
        weights_error("this is gzip-compressed").hint("unpack it first")
    } else if bytes.starts_with(b"GGUF") {
        weights_error("this is a GGUF file, not a YOLOv5 checkpoint").hint("give the .pt or .safetensors file")
    } else if is_onnx(bytes) {
        weights_error("this is an ONNX file, not a checkpoint").hint("give the .pt it was exported from")
    } else if bytes.get(4..8) == Some(b"TFL3") {
        weights_error("this is a TensorFlow Lite file, not a checkpoint").hint("give the .pt it was exported from")
    } else if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        weights_error(format!("this is {what}, neither safetensors nor a PyTorch zip"))
            .hint("give the .pt or .safetensors file itself")
    } else if bytes.starts_with(b"PK") {
        weights_error("this is an empty or damaged zip archive").hint("download or copy it again")
    } else if starts(b"{") || starts(b"nc:") || starts(b"#") {
        weights_error("this is text (JSON or YAML), not a checkpoint").hint("give the .pt or .safetensors file")
    } else {
        weights_error(format!("this is neither safetensors nor a PyTorch zip ({} bytes)", bytes.len()))
            .hint("checkpoints are .safetensors, or .pt as YOLOv5's train.py writes them; it may be cut off")
    }
}
