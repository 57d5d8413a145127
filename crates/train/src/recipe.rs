//! Recipes: a whole training in a YAML file.

use std::path::PathBuf;

use ghostdet::{Error, ErrorKind, Result, text};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Options of a training, under the names the command line has for them. Paths are relative to the working directory.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// A YOLO `data.yaml`, a COCO JSON, or packs.
    pub data: Vec<PathBuf>,
    /// The folder with a COCO file's pictures.
    pub images: Option<PathBuf>,
    /// What to measure on.
    pub val: Option<PathBuf>,
    /// The folder with the pictures of a COCO file to measure on.
    pub val_images: Option<PathBuf>,
    /// The network: a YAML or a built-in name.
    pub cfg: Option<String>,
    /// Weights to begin with.
    pub weights: Option<PathBuf>,
    /// Rounds over all pictures.
    pub epochs: Option<usize>,
    /// Pictures a batch.
    pub batch: Option<usize>,
    /// The batch that the learning rate is meant for.
    pub nominal_batch: Option<usize>,
    /// Side of the pictures.
    pub imgsz: Option<usize>,
    /// Sides that batches draw from.
    pub sizes: Vec<usize>,
    /// The last epochs do without mosaic.
    pub close_mosaic: Option<usize>,
    /// The learning rate falls in a cosine.
    pub cos_lr: bool,
    /// Hyperparameters, for [`Hyp::with_values`](crate::hyp::Hyp::with_values).
    pub hyp: Map<String, Value>,
}

impl Recipe {
    /// Reads a recipe.
    ///
    /// # Errors
    /// Text that is no such YAML, or sets something else.
    pub fn parse(yaml: &str) -> Result<Self> {
        text::parse_yaml(yaml).map_err(|error| Error::new(ErrorKind::Config, format!("not a recipe: {error}")))
    }
}
