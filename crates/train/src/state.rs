//! The state of a stopped training, in one safetensors file that is replaced atomically.
//!
//! Tensors are `value/KEY`, `average/KEY`, `momentum/KEY`, `second_moment/KEY`, `gradient/KEY`; the position is JSON in the metadata.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use ghostdet::{Error, ErrorKind, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use crate::optimizer::{Average, Parameter};

/// The key of the position in the metadata.
const POSITION: &str = "training";

/// Where a training stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epoch at work, from 0.
    pub epoch: usize,
    /// The next batch of it.
    pub batch: usize,
    /// The batch (over all epochs) of the last step; -1 before the first.
    pub last_step: i64,
    /// The best fitness so far and its epoch.
    pub best: Option<(f64, usize)>,
    /// The moving average's state.
    pub average: Average,
    /// Sums of the loss's parts over the epoch's batches.
    pub sums: [f64; 3],
    /// The seed.
    pub seed: u64,
    /// What must not change between stop and resumption, in words.
    pub setting: String,
}

/// Writes a file so that either the old or the new one is there, whatever happens.
///
/// # Errors
/// The folder can't be written to, the disk is full: the old file stays.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let written = fs::File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_data()
    });
    written.and_then(|()| fs::rename(&part, path)).map_err(|error| {
        let _ = fs::remove_file(&part);
        Error::new(ErrorKind::Io, format!("can't be written: {error}"))
            .at(path.display())
            .hint("what was saved before is still there; make room, then go on with --resume")
    })
}

/// Saves parameters and position.
///
/// # Errors
/// The folder can't be written to, the disk is full: the old file stays.
pub fn save(path: &Path, parameters: &[Parameter], position: &Position) -> Result<()> {
    let mut tensors: Vec<(String, &Vec<f32>, &[usize])> = Vec::with_capacity(parameters.len() * 4);
    for one in parameters {
        let parts = [
            ("value", &one.value),
            ("average", &one.average),
            ("momentum", &one.momentum),
            ("second_moment", &one.second_moment),
            ("gradient", &one.gradient),
        ];
        for (name, values) in parts {
            if !values.is_empty() {
                tensors.push((format!("{name}/{}", one.key), values, &one.shape));
            }
        }
    }
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, values, _)| values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let broken = |error: String| Error::new(ErrorKind::Io, error).at(path.display());
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((key, _, shape), bytes)| Ok((key, TensorView::new(Dtype::F32, shape.to_vec(), bytes)?)))
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()
        .map_err(|error| broken(error.to_string()))?;
    let position = serde_json::to_string(position).map_err(|error| broken(error.to_string()))?;
    let metadata = HashMap::from([(POSITION.to_owned(), position)]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(|error| broken(error.to_string()))?;
    replace(path, &file)
}

/// Reads what [`save`] wrote into the parameters of the same network.
///
/// # Errors
/// A file that is something else, or belongs to another network.
pub fn load(path: &Path, parameters: &mut [Parameter]) -> Result<Position> {
    let wrong = |message: String| {
        Error::new(ErrorKind::Data, message).at(path.display()).hint("--resume wants the folder of a stopped training")
    };
    let file = fs::read(path).map_err(|error| wrong(format!("can't be read: {error}")))?;
    let (_, header) = SafeTensors::read_metadata(&file).map_err(|error| wrong(error.to_string()))?;
    let position = header.metadata().as_ref().and_then(|metadata| metadata.get(POSITION));
    let position = position.ok_or_else(|| wrong("not the state of a training".into()))?;
    let position = serde_json::from_str(position).map_err(|error| wrong(error.to_string()))?;
    let tensors = SafeTensors::deserialize(&file).map_err(|error| wrong(error.to_string()))?;
    for one in parameters {
        let read = |name: &str| -> Result<Option<Vec<f32>>> {
            let Ok(view) = tensors.tensor(&format!("{name}/{}", one.key)) else { return Ok(None) };
            if view.dtype() != Dtype::F32 || view.shape() != one.shape {
                return Err(wrong(format!("{name}/{} is not of this network", one.key)));
            }
            let (values, _) = view.data().as_chunks::<4>();
            Ok(Some(values.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
        };
        let missing = || wrong(format!("{} is not in it", one.key));
        let (value, average) = (read("value")?.ok_or_else(missing)?, read("average")?.ok_or_else(missing)?);
        let (momentum, gradient) = (read("momentum")?.unwrap_or_default(), read("gradient")?.unwrap_or_default());
        one.value = value;
        one.average = average;
        one.momentum = momentum;
        one.second_moment = read("second_moment")?.unwrap_or_default();
        one.gradient = gradient;
    }
    Ok(position)
}
