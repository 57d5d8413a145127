//! `weights/manifest.json`: the weights that ship, and how to know them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::weights_error;
use crate::error::Result;

/// The manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The weights, the default first.
    pub weights: Vec<Entry>,
}

/// One file of weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// File name, beside the manifest.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// The network, e.g. `yolov5n-ghost-backbone`.
    pub model: String,
    /// Classes.
    pub nc: usize,
    /// Class names.
    pub names: Vec<String>,
    /// The picture size to use.
    pub imgsz: usize,
    /// How good it is.
    pub map: Measured,
    /// Licence of the file.
    pub licence: String,
    /// Model card, beside the manifest.
    pub card: String,
}

/// A measured precision and what it was measured on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The set.
    pub set: String,
    /// Image size.
    pub imgsz: usize,
    /// mAP50-95.
    #[serde(rename = "map50-95")]
    pub map: f64,
    /// mAP50.
    pub map50: f64,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Text that is not such a JSON.
    pub fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|error| weights_error(format!("manifest: {error}")))
    }

    /// The entry of a model or file name.
    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.weights.iter().find(|entry| entry.model == name || entry.file == name)
    }
}

impl Entry {
    /// Whether `bytes` are the file: size and SHA-256.
    ///
    /// # Errors
    /// Another size or another SHA-256.
    pub fn check(&self, bytes: &[u8]) -> Result<()> {
        let found = sha256(bytes);
        if bytes.len() as u64 == self.bytes && found == self.sha256 {
            return Ok(());
        }
        Err(weights_error(format!(
            "not the file of the manifest: {} bytes, SHA-256 {found}; expected {} bytes, {}",
            bytes.len(),
            self.bytes,
            self.sha256
        ))
        .at(&self.file)
        .hint("download it again"))
    }
}

/// SHA-256, hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
