//! The metadata of a checkpoint: which network it belongs to.

use super::{Detector, Info, MAX_SIDE, adopt_anchors};
use crate::engine::Engine;
use crate::model::{Config, Cost, Graph, builtin};
use crate::weights::{Checkpoint, infer_config};
use crate::{Error, ErrorKind, Result};

/// A detector without its engine.
pub struct Metadata {
    /// Its structure.
    pub graph: Graph,
    names: Vec<String>,
    /// The picture size it was trained for.
    pub imgsz: usize,
    config: Config,
    architecture: String,
    format: String,
    notes: Vec<String>,
}

impl Metadata {
    /// What a checkpoint says; its batch norm is folded.
    pub fn read(mut checkpoint: Checkpoint, config: Option<Config>) -> Result<(Self, Checkpoint)> {
        let config = config.map_or_else(|| configuration(&checkpoint), Ok)?;
        let classes = classes_of(&checkpoint);
        let mut graph = config.graph(classes)?;
        checkpoint.keep_owned(&graph)?;
        checkpoint.fold()?;
        checkpoint.check_rows(&graph)?;
        adopt_anchors(&mut graph, &checkpoint)?;
        let names = match checkpoint.names.len() == graph.nc {
            true => checkpoint.names.clone(),
            false => (0..graph.nc).map(|class| class.to_string()).collect(),
        };
        let imgsz = checkpoint.imgsz.unwrap_or(640).clamp(graph.max_stride(), MAX_SIDE);
        let (architecture, format) = (architecture(&checkpoint), std::mem::take(&mut checkpoint.format));
        let notes = checkpoint.notes.clone();
        Ok((Self { graph, names, imgsz, config, architecture, format, notes }, checkpoint))
    }

    /// The detector with its engine.
    pub fn with(self, engine: impl FnOnce(&Graph) -> Result<Engine>) -> Result<Detector> {
        let Self { graph, names, imgsz, config, architecture, format, notes } = self;
        let cost = Cost::of(&graph, true);
        let engine = engine(&graph)?;
        let info = Info {
            architecture,
            format,
            nc: graph.nc,
            parameters: cost.parameters,
            gflops: cost.gflops(640),
            imgsz,
            weight_bytes: engine.weight_bytes(),
        };
        Ok(Detector { graph, engine, names, imgsz, config, info, notes })
    }
}

fn configuration(checkpoint: &Checkpoint) -> Result<Config> {
    if let Some(text) = checkpoint.yaml.as_deref() {
        return Config::parse(text);
    }
    let inferred = infer_config(&checkpoint.tensors)?;
    let unknown = || Error::new(ErrorKind::Weights, format!("no configuration is called {}", inferred.architecture));
    let config = builtin(inferred.architecture).ok_or_else(unknown)?;
    config.with_multiples(inferred.depth, inferred.width)
}

/// Classes as the checkpoint knows them, which wins over its YAML (training overrides that by the data set's).
fn classes_of(checkpoint: &Checkpoint) -> Option<usize> {
    match (checkpoint.names.len(), &checkpoint.inferred) {
        (0, inferred) => inferred.as_ref().map(|i| i.nc),
        (names, _) => Some(names),
    }
}

/// The network's name as its tensors tell it.
fn architecture(checkpoint: &Checkpoint) -> String {
    let Ok(inferred) = infer_config(&checkpoint.tensors) else { return "custom".into() };
    let letter = [("n", 0.25), ("s", 0.5), ("m", 0.75), ("l", 1.0), ("x", 1.25)]
        .iter()
        .find(|(_, width)| (width - inferred.width).abs() < 1e-6)
        .map_or("", |(letter, _)| letter);
    inferred.architecture.replacen("yolov5", &format!("yolov5{letter}"), 1)
}
