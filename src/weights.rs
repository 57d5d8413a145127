//! Checkpoints: named tensors from safetensors or PyTorch `.pt`, batch norm folded.

use std::collections::BTreeMap;

/// A tensor in fp32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// `shape.product()` values.
    pub data: Vec<f32>,
}

/// What a checkpoint file holds.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// Tensors by PyTorch state-dict key, always beginning with `model.{row}.`.
    pub tensors: BTreeMap<String, Tensor>,
    /// The model configuration as YAML text, if the file holds it (or it could be told from the shapes).
    pub yaml: Option<String>,
    /// Class names; empty if the file holds none.
    pub names: Vec<String>,
    /// The picture size it was trained for.
    pub imgsz: Option<usize>,
    /// Whether batch norm is folded already.
    pub folded: bool,
    /// Free JSON: the model card.
    pub card: Option<serde_json::Value>,
    /// What the file is, in words: `safetensors`, `PyTorch .pt (ema, float16)`.
    pub format: String,
}
