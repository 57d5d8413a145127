//! Options of loading and of running a detector.

use crate::detection::{DETECT_THRESHOLD, NmsOptions};
use crate::engine::cpu::Precision;
use crate::model::Config;

/// Options of [`Detector::load`](super::Detector::load).
#[derive(Clone, Debug)]
pub struct DetectorOptions {
    /// The configuration, in place of the one in the file (or of a missing one).
    pub config: Option<Config>,
    /// The number type of dense convolutions on the CPU; `None` is [the faster one](Precision::detect).
    pub precision: Option<Precision>,
    /// The most threads of a run on the CPU; `None` is as many as rayon has.
    pub threads: Option<usize>,
    /// Whether other executors can be attached. Without the source weights the network takes about half the memory, and the
    /// memory for an image of [`DetectorOptions::max_imgsz`] is reserved.
    pub keep_source_weights: bool,
    /// The largest image size to expect; `None` is the weights' own.
    pub max_imgsz: Option<usize>,
}

impl Default for DetectorOptions {
    fn default() -> Self {
        Self { config: None, precision: None, threads: None, keep_source_weights: true, max_imgsz: None }
    }
}

/// Options of [`Detector::predict`](super::Detector::predict).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictOptions {
    /// `[height, width]` that images are fitted into; `None` is the weights' own size.
    pub imgsz: Option<[usize; 2]>,
    /// Pad to the smallest rectangle that fits the strides, and not to the whole of `imgsz`.
    pub auto: bool,
    /// The objectness threshold, 0 to 1: cells at or below it are dropped. 0 keeps all.
    pub threshold: f32,
    /// Run on the CPU even if another executor is attached.
    pub on_cpu: bool,
}

impl Default for PredictOptions {
    fn default() -> Self {
        Self { imgsz: None, auto: true, threshold: DETECT_THRESHOLD, on_cpu: false }
    }
}

/// Options of [`Detector::detect`](super::Detector::detect).
#[derive(Clone, Debug, Default)]
pub struct DetectOptions {
    /// `[height, width]` that images are fitted into; `None` is the weights' own size.
    pub imgsz: Option<[usize; 2]>,
    /// Thresholds and filters.
    pub nms: NmsOptions,
}
