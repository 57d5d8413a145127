//! Options of a training, its events and its outcome.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ghostdet::Detector;
use ghostdet::data::Dataset;
use ghostdet::detection::metrics::Report;
use ghostdet::model::Config;
use ghostdet::weights::Checkpoint;
use ghostdet_burn::Device;

use crate::augment::Augment;
use crate::hyp::Hyp;
use crate::loader::{Sampling, Scores};
use crate::loss::Hyperparameters;
use crate::optimizer::Frozen;
use crate::results::Row;
use crate::schedule::Schedule;

/// What is trained, on what, how long.
pub struct Options {
    /// The network; its classes are the data's.
    pub config: Config,
    /// Weights to begin with.
    pub weights: Option<Checkpoint>,
    /// Pictures to learn from.
    pub data: Dataset,
    /// Pictures to measure on; without them the last weights are the best.
    pub val: Option<Dataset>,
    /// Where results go.
    pub out: PathBuf,
    /// Side of the pictures.
    pub imgsz: usize,
    /// Sides that batches draw from; empty for `imgsz` alone.
    pub sizes: Vec<usize>,
    /// Epochs, batch size and learning rates; the number of batches is filled in.
    pub schedule: Schedule,
    /// How pictures are changed.
    pub augment: Augment,
    /// The last epochs do without mosaic.
    pub close_mosaic: usize,
    /// The loss's gains.
    pub hyp: Hyperparameters,
    /// Rows that keep their weights.
    pub frozen: Frozen,
    /// Epochs without a better result after which it ends.
    pub patience: usize,
    /// Looks whether the anchors fit the labels, and takes better ones if they don't.
    pub autoanchor: bool,
    /// A network to learn from beside the labels, and the weight of its loss (0 to 1).
    pub teacher: Option<(Detector, f32)>,
    /// Seed of everything that is left to chance.
    pub seed: u64,
    /// Threads that prepare pictures.
    pub workers: usize,
    /// Decay of the moving average, and steps until it is reached.
    pub average: (f32, f32),
    /// What scores of labels mean.
    pub scores: Scores,
    /// Which pictures an epoch has.
    pub sampling: Sampling,
    /// Batch norms keep their running statistics.
    pub freeze_bn: bool,
    /// Where the network runs.
    pub device: Device,
    /// Goes on from the state in `out`.
    pub resume: bool,
}

impl Options {
    /// Trains `config` on `data` from scratch, on the CPU, at 640 pixels, with the numbers of `hyp`: `epochs` rounds in
    /// batches of `batch`. Results go to `runs/train`.
    pub fn new(config: Config, data: Dataset, hyp: &Hyp, epochs: usize, batch: usize) -> Self {
        let weights = match hyp.repeat_rare > 0.0 {
            true => Sampling::repeat_rare(&data, hyp.repeat_rare),
            false => Vec::new(),
        };
        Self {
            config,
            weights: None,
            data,
            val: None,
            out: PathBuf::from("runs/train"),
            imgsz: 640,
            sizes: Vec::new(),
            schedule: hyp.schedule(epochs, batch),
            augment: hyp.augment.clone(),
            close_mosaic: epochs / 10,
            hyp: hyp.loss,
            frozen: Frozen::default(),
            patience: 100,
            autoanchor: true,
            teacher: None,
            seed: 0,
            workers: 0,
            average: (hyp.ema_decay, hyp.ema_ramp),
            scores: hyp.scores,
            sampling: Sampling { pictures: None, weights },
            freeze_bn: hyp.freeze_bn,
            device: ghostdet_burn::cpu(),
            resume: false,
        }
    }
}

/// What happens on the way.
pub enum Event<'a> {
    /// Something to tell.
    Note(&'a str),
    /// A batch was learnt from.
    Batch(&'a Progress),
    /// Pictures were measured: how many of how many.
    Validating(usize, usize),
    /// An epoch is over.
    Epoch(&'a Row, Option<&'a Report>),
}

/// Progress of a training.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Batches done in this epoch.
    pub batch: usize,
    /// Batches an epoch.
    pub batches: usize,
    /// Mean box, objectness and class loss of this epoch.
    pub parts: [f64; 3],
    /// Pictures a second, lately.
    pub rate: f64,
    /// What is left to do, at this rate, without validation.
    pub remaining: Duration,
}

/// How it ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The best epoch and its fitness.
    pub best: Option<(f64, usize)>,
    /// Epochs that were finished.
    pub epochs: usize,
    /// Whether it was stopped early: the state file can be resumed.
    pub stopped: bool,
}

/// Files in the output folder.
pub struct Files {
    /// The state to resume from.
    pub state: PathBuf,
    /// Averaged weights of now.
    pub last: PathBuf,
    /// Averaged weights of the best epoch.
    pub best: PathBuf,
    /// A line an epoch.
    pub results: PathBuf,
}

impl Files {
    /// The files in `folder`.
    pub fn inside(folder: &Path) -> Self {
        Self {
            state: folder.join("state.safetensors"),
            last: folder.join("last.safetensors"),
            best: folder.join("best.safetensors"),
            results: folder.join("results.csv"),
        }
    }
}
