//! Checkpoints: named tensors from safetensors or PyTorch `.pt`, batch norm folded.
//!
//! ```
//! use ghostdet::weights::Checkpoint;
//!
//! let mut checkpoint = Checkpoint::load(&std::fs::read("weights/yolov5n-ghost-backbone.safetensors")?)?;
//! assert_eq!(checkpoint.names[0], "person");
//! checkpoint.fold()?; // does nothing here: these weights are folded already
//!
//! // Keys and shapes are PyTorch's: (outputs, inputs / groups, height, width).
//! let stem = &checkpoint.tensors["model.0.conv.weight"];
//! assert_eq!(stem.shape, [16, 3, 6, 6]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Files are foreign: nothing in them is run, and neither time nor memory goes beyond what [`limits`] and the
//! file's own size allow. Whatever is wrong comes back as an [`Error`] of kind [`ErrorKind::Weights`].
//!
//! [`manifest`] lists the weights that ship, with their checksums.

mod archive;
mod dtype;
mod fold;
mod foreign;
mod infer;
mod keys;
pub mod limits;
pub mod manifest;
mod metadata;
mod numbers;
mod owned;
mod pickle;
mod safetensors;
mod sniff;
mod torch;

use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};

pub use infer::{Inferred, infer_config};

/// A tensor in fp32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its shape, outermost dimension first.
    pub shape: Vec<usize>,
    /// `shape.product()` values.
    pub data: Vec<f32>,
}

/// What a checkpoint file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Tensors by PyTorch state-dict key, always beginning with `model.{row}.`.
    pub tensors: BTreeMap<String, Tensor>,
    /// The model configuration as YAML text, if the file holds it.
    pub yaml: Option<String>,
    /// What could be told from the shapes, if the file holds no configuration.
    pub inferred: Option<Inferred>,
    /// Class names; empty if the file holds none.
    pub names: Vec<String>,
    /// The picture size it was trained for.
    pub imgsz: Option<usize>,
    /// Whether batch norm is folded already.
    pub folded: bool,
    /// Free JSON: the model card.
    pub card: Option<serde_json::Value>,
    /// What the file is, in words: `safetensors (float16)`, `PyTorch .pt (ema, float16)`.
    pub format: String,
    /// What was left aside or passed over in reading, one sentence each.
    pub notes: Vec<String>,
}

/// Which of the two networks in an unstripped `.pt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The moving average if there is one, else the model.
    #[default]
    Ema,
    /// The model as trained last.
    Model,
}

impl Checkpoint {
    /// Reads a safetensors file or a PyTorch `.pt`.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Weights`]: a file that is no checkpoint (the message names what it is), a damaged one, one beyond
    /// the [`limits`], a pickle that names something outside of the allow-list, values that are not finite.
    pub fn load(bytes: &[u8]) -> Result<Self> {
        Self::load_part(bytes, Part::Ema)
    }

    /// Reads a checkpoint, choosing which of its networks to take.
    ///
    /// # Errors
    /// As [`Checkpoint::load`].
    pub fn load_part(bytes: &[u8], part: Part) -> Result<Self> {
        if bytes.len() as u64 > limits::MAX_FILE_BYTES {
            let most = limits::MAX_FILE_BYTES;
            return Err(weights_error(format!("the file has {} bytes, at most {most} are read", bytes.len())));
        }
        match sniff::sniff(bytes)? {
            sniff::Kind::Safetensors => Self::load_safetensors(bytes),
            sniff::Kind::TorchZip => Self::checked(torch::load(bytes, part)?),
            sniff::Kind::TorchLegacy => Self::checked(torch::load_legacy(bytes, part)?),
        }
    }

    /// Reads a safetensors file. A program that reads nothing else does not contain the reader of PyTorch's files.
    ///
    /// # Errors
    /// A file that is no safetensors file, or with values that are not numbers.
    pub fn load_safetensors(bytes: &[u8]) -> Result<Self> {
        Self::checked(safetensors::load(bytes)?)
    }

    fn checked(mut checkpoint: Self) -> Result<Self> {
        checkpoint.folded = fold::unfolded(&checkpoint.tensors).is_empty();
        if checkpoint.yaml.is_none() {
            // A network that isn't known can still be built from a YAML given beside the weights.
            checkpoint.inferred = infer_config(&checkpoint.tensors).ok();
        }
        checkpoint.check_names();
        checkpoint.check_finite()?;
        Ok(checkpoint)
    }

    /// Passes names over that are not as many as the network's classes.
    fn check_names(&mut self) {
        let (names, Some(known)) = (self.names.len(), &self.inferred) else { return };
        if names != 0 && names != known.nc {
            self.notes.push(format!("the {names} class names are passed over: the network has {} classes", known.nc));
            self.names.clear();
        }
    }

    /// Refuses NaN and infinity, except in tensors that are no part of the network.
    fn check_finite(&mut self) -> Result<()> {
        let bad = |(name, tensor): (&String, &Tensor)| Some((name.clone(), numbers::check_finite(name, tensor).err()?));
        let bad: Vec<(String, Error)> = self.tensors.iter().filter_map(bad).collect();
        if bad.is_empty() {
            return Ok(());
        }
        let owned = self.own_graph().map(|graph| owned::owned(&graph));
        let mut aside = Vec::new();
        for (name, error) in bad {
            if owned.as_ref().is_none_or(|owned| owned.contains(&name)) {
                return Err(error);
            }
            self.tensors.remove(&name);
            aside.push(name);
        }
        keys::note_aside(&mut self.notes, &aside, "not finite, and no part of the network");
        Ok(())
    }

    /// Folds every convolution's batch norm into its weight and a bias.
    ///
    /// # Errors
    /// A batch norm that lacks a tensor or doesn't fit its convolution; values that are not finite after folding.
    pub fn fold(&mut self) -> Result<()> {
        fold::fold(&mut self.tensors)?;
        for (name, tensor) in &self.tensors {
            numbers::check_finite(name, tensor)?;
        }
        self.folded = true;
        Ok(())
    }

    /// Writes the checkpoint as our safetensors, in fp16 if `half`, else fp32. Equal checkpoints give equal bytes.
    ///
    /// # Errors
    /// With `half`: a value that is too large for fp16.
    pub fn to_safetensors(&self, half: bool) -> Result<Vec<u8>> {
        safetensors::write(self, half)
    }
}

/// An error about a checkpoint.
fn weights_error(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Weights, message)
}
