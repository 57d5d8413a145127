//! Shared by the tests: golden files, when they are there.
#![allow(dead_code)]

use ghostdet::weights::{Checkpoint, Tensor};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The folder with the large golden vectors, if this machine has it.
pub fn reference() -> Option<PathBuf> {
    let shared = std::env::var_os("GHOSTDET_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("reference");
    if !folder.is_dir() {
        eprintln!("skipped: no {}", folder.display());
        return None;
    }
    Some(folder)
}

/// All tensors of a safetensors file, widened to fp32.
pub fn tensors(path: PathBuf) -> BTreeMap<String, Tensor> {
    use safetensors::{Dtype, SafeTensors};
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            let raw = view.data();
            let data = match view.dtype() {
                Dtype::F32 => raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
                Dtype::F16 => raw.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
                Dtype::U8 => raw.iter().map(|&b| f32::from(b)).collect(),
                _ => Vec::new(),
            };
            (name, Tensor { shape: view.shape().to_vec(), data })
        })
        .collect()
}

/// The tensors under `prefix` as a folded checkpoint whose keys begin with `to`.
pub fn checkpoint(all: &BTreeMap<String, Tensor>, prefix: &str, to: &str) -> Checkpoint {
    let tensors = all
        .iter()
        .filter_map(|(key, tensor)| Some((format!("{to}{}", key.strip_prefix(prefix)?), tensor.clone())))
        .filter(|(key, _)| !key.ends_with("num_batches_tracked"))
        .collect();
    let mut checkpoint = Checkpoint { tensors, ..Checkpoint::default() };
    checkpoint.fold().expect("batch norm to fold");
    checkpoint
}

/// Image `n` of a `(B, C, H, W)` tensor, channels-last.
pub fn channels_last(t: &Tensor, n: usize) -> (Vec<f32>, [usize; 2]) {
    let [_, c, h, w] = t.shape[..] else { panic!("four dimensions") };
    let base = n * c * h * w;
    let pixels = (0..h * w).flat_map(|i| (0..c).map(move |k| t.data[base + k * h * w + i])).collect();
    (pixels, [h, w])
}

/// The largest absolute difference that tolerance `abs + rel * |expected|` does not cover, and the largest of all.
pub fn deviation(got: &[f32], expected: &[f32], abs: f32, rel: f32) -> (f32, f32) {
    assert_eq!(got.len(), expected.len());
    let mut worst = (0.0_f32, 0.0_f32);
    for (g, e) in got.iter().zip(expected) {
        let d = (g - e).abs();
        assert!(d.is_finite(), "not a number");
        worst = (worst.0.max(d - abs - rel * e.abs()), worst.1.max(d));
    }
    worst
}
