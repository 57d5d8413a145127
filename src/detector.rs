//! Picture in, detections out: the one door for all faces.

use crate::detection::{
    Cell, DETECT_FLOOR, Detection, NmsOptions, Predictions, RawMap, candidates, decode_cells, floor_logit, nms,
    scale_boxes,
};
use crate::engine::Engine;
use crate::engine::cpu::Precision;
use crate::model::{Config, Graph};
use crate::picture::{LetterboxOptions, Picture, letterbox};
use crate::weights::Checkpoint;
use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use web_time::Instant;

/// The largest picture side the network is run at.
pub const MAX_SIDE: usize = 4096;

#[cfg(feature = "gpu")]
mod gpu;
mod parts;
#[cfg(feature = "gpu")]
mod self_test;

use parts::Parts;
pub use parts::adopt_anchors;
#[cfg(feature = "gpu")]
pub use self_test::SelfTest;

/// A loaded network.
pub struct Detector {
    graph: Graph,
    engine: Engine,
    #[cfg(feature = "gpu")]
    gpu: Option<crate::engine::gpu::GpuExecutor>,
    names: Vec<String>,
    imgsz: usize,
    config: Config,
    info: Info,
}

/// What a loaded network is.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// `yolov5n-ghost-backbone`, or `custom`.
    pub architecture: String,
    /// What the file was.
    pub format: String,
    /// Classes.
    pub nc: usize,
    /// Parameters with batch norm folded.
    pub parameters: u64,
    /// GFLOPs at 640x640, batch norm folded.
    pub gflops: f64,
    /// The picture size it was trained for.
    pub imgsz: usize,
    /// Bytes of packed weights.
    pub weight_bytes: usize,
}

/// Milliseconds per stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Speed {
    /// Scaling and padding the picture.
    pub letterbox: f64,
    /// The network.
    pub network: f64,
    /// Decoding, NMS, scaling back.
    pub nms: f64,
}

/// What is asked of [`Detector::detect`].
#[derive(Clone, Debug, Default)]
pub struct DetectOptions {
    /// `[height, width]` that pictures are fitted into; the weights' own size if absent.
    pub imgsz: Option<[usize; 2]>,
    /// Thresholds and filters.
    pub nms: NmsOptions,
}

/// What was found in one picture.
#[derive(Clone, Debug)]
pub struct Detections {
    /// Width of the picture.
    pub width: usize,
    /// Height of the picture.
    pub height: usize,
    /// The boxes in the picture's pixels, best score first.
    pub detections: Vec<Detection>,
    /// Milliseconds per stage.
    pub speed: Speed,
}

/// A picture ready for the network.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The letterboxed picture.
    pub picture: Picture,
    picture_size: [usize; 2],
    milliseconds: f64,
}

impl Prepared {
    /// `[height, width]` of the network's input.
    pub fn size(&self) -> [usize; 2] {
        [self.picture.height, self.picture.width]
    }

    fn framing(&self) -> Framing {
        let Self { picture_size, milliseconds, .. } = *self;
        Framing { network_size: self.size(), picture_size, milliseconds }
    }

    /// The network's input: channels last, values 0 to 1.
    pub fn pixels(&self) -> Vec<f32> {
        self.picture.rgb.iter().map(|&byte| f32::from(byte) / 255.0).collect()
    }
}

/// One picture after the network: thresholds can be applied again and again without running it.
#[derive(Clone, Debug)]
pub struct Predicted {
    candidates: Predictions,
    network_size: [usize; 2],
    picture_size: [usize; 2],
    /// Milliseconds of letterbox and network.
    pub speed: Speed,
}

/// The sizes of a picture in and before its letterbox, and the milliseconds that took.
#[derive(Clone, Copy)]
struct Framing {
    network_size: [usize; 2],
    picture_size: [usize; 2],
    milliseconds: f64,
}

impl Predicted {
    fn new(framing: Framing, candidates: Predictions, network: f64, nms: f64) -> Self {
        let Framing { network_size, picture_size, milliseconds } = framing;
        Self { candidates, network_size, picture_size, speed: Speed { letterbox: milliseconds, network, nms } }
    }

    /// The boxes for these thresholds, in the picture's pixels. Scores below [`DETECT_FLOOR`] are gone already.
    pub fn boxes(&self, options: &NmsOptions) -> Vec<Detection> {
        let mut found = nms(&self.candidates, options);
        let mut bounds: Vec<[f32; 4]> = found.iter().map(|d| d.bounds).collect();
        scale_boxes(self.network_size, &mut bounds, self.picture_size, None);
        found.iter_mut().zip(bounds).for_each(|(d, b)| d.bounds = b);
        found
    }
}

impl Detector {
    /// Loads a checkpoint; `yaml` overrides the configuration in the file (or stands in for a missing one).
    ///
    /// # Errors
    /// A file that is no checkpoint, a configuration that can't be built, weights that don't fit it.
    pub fn load(bytes: &[u8], yaml: Option<&str>) -> Result<Self> {
        Self::from_checkpoint(Checkpoint::load(bytes)?, yaml)
    }

    /// As [`Detector::load`], from a checkpoint already read.
    ///
    /// # Errors
    /// As [`Detector::load`].
    pub fn from_checkpoint(checkpoint: Checkpoint, yaml: Option<&str>) -> Result<Self> {
        let (parts, checkpoint) = Parts::read(checkpoint, yaml)?;
        parts.with(|graph| Engine::taking(graph, checkpoint))
    }

    /// As [`Detector::from_checkpoint`] in the least memory: no GPU can be attached to it. `imgsz` is the largest picture
    /// size to expect; the weights' own if absent. `precision` as for [`Engine::with_precision`].
    ///
    /// # Errors
    /// As [`Detector::load`].
    pub fn for_cpu(
        checkpoint: Checkpoint,
        yaml: Option<&str>,
        imgsz: Option<usize>,
        precision: Precision,
    ) -> Result<Self> {
        let (parts, checkpoint) = Parts::read(checkpoint, yaml)?;
        let stride = parts.graph.max_stride().max(1);
        let side = imgsz.unwrap_or(parts.imgsz).min(MAX_SIDE).div_ceil(stride).max(1) * stride;
        parts.with(|graph| Engine::for_cpu(graph, checkpoint, Some([side, side]), precision))
    }

    /// With dense convolutions of this precision on the processor: see [`Engine::with_precision`].
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.engine = self.engine.with_precision(precision);
        self
    }

    /// Gives back the memory of weights that are only needed to attach a GPU.
    pub fn forget_weights(&mut self) {
        self.engine.forget_weights();
    }

    /// Class names, one per class.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The network's structure.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The configuration it was built from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The picture size it was trained for.
    pub fn imgsz(&self) -> usize {
        self.imgsz
    }

    /// What it is.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The engine under it.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Finds objects in a picture.
    ///
    /// # Errors
    /// A picture size beyond bounds, or a network that computed something that is not a number.
    pub fn detect(&self, picture: &Picture, options: &DetectOptions) -> Result<Detections> {
        let floor = options.nms.conf.clamp(0.0, DETECT_FLOOR);
        let predicted = self.predict_above(picture, options.imgsz, true, floor)?;
        let start = Instant::now();
        let detections = predicted.boxes(&options.nms);
        let nms = predicted.speed.nms + milliseconds(start);
        let speed = Speed { nms, ..predicted.speed };
        Ok(Detections { width: picture.width, height: picture.height, detections, speed })
    }

    /// Runs the network once; boxes for any thresholds come from the result.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn predict(&self, picture: &Picture, imgsz: Option<[usize; 2]>) -> Result<Predicted> {
        self.predict_above(picture, imgsz, true, DETECT_FLOOR)
    }

    /// As [`Detector::predict`] with all choices: `auto` pads to the smallest rectangle that fits the strides (else to
    /// the whole of `imgsz`), cells with an objectness of `floor` or less are dropped.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn predict_above(
        &self,
        picture: &Picture,
        imgsz: Option<[usize; 2]>,
        auto: bool,
        floor: f32,
    ) -> Result<Predicted> {
        let prepared = self.prepare(picture, imgsz, auto)?;
        let start = Instant::now();
        let least = floor_logit(floor)?;
        if least == f32::NEG_INFINITY {
            let maps = self.engine.forward(&prepared.picture.rgb, prepared.size())?;
            return self.finish(&prepared, &maps, milliseconds(start), floor);
        }
        let (cells, sizes) = self.engine.cells(&prepared.picture.rgb, prepared.size(), least)?;
        self.finish_cells(prepared.framing(), &cells, &sizes, milliseconds(start))
    }

    /// The first half of a prediction: the network's input. For running the network elsewhere (on a GPU).
    ///
    /// # Errors
    /// A size beyond [`MAX_SIDE`].
    pub fn prepare(&self, picture: &Picture, imgsz: Option<[usize; 2]>, auto: bool) -> Result<Prepared> {
        let start = Instant::now();
        let options = self.letterbox_options(imgsz, auto)?;
        let boxed = letterbox(picture, &options);
        Ok(Prepared {
            picture: boxed.picture,
            picture_size: [picture.height, picture.width],
            milliseconds: milliseconds(start),
        })
    }

    fn letterbox_options(&self, imgsz: Option<[usize; 2]>, auto: bool) -> Result<LetterboxOptions> {
        let stride = self.graph.max_stride().max(1);
        let size = imgsz.unwrap_or([self.imgsz; 2]).map(|side| side.div_ceil(stride).max(1) * stride);
        if size.iter().any(|&side| side > MAX_SIDE) {
            let message = format!("a network input of {}x{} pixels is beyond {MAX_SIDE}", size[1], size[0]);
            return Err(Error::new(ErrorKind::Argument, message).hint("use a smaller imgsz"));
        }
        Ok(LetterboxOptions { size, auto, stride, ..LetterboxOptions::default() })
    }

    /// As [`Detector::finish`], from cells that were picked already.
    fn finish_cells(
        &self,
        framing: Framing,
        cells: &[Vec<Cell>],
        sizes: &[[usize; 2]],
        network: f64,
    ) -> Result<Predicted> {
        let start = Instant::now();
        let Graph { strides, anchors, nc, .. } = &self.graph;
        let candidates = decode_cells(cells, sizes, strides, anchors, *nc)?;
        Ok(Predicted::new(framing, candidates, network, milliseconds(start)))
    }

    /// The second half of a prediction: candidates from the raw maps that took `network` milliseconds.
    ///
    /// # Errors
    /// Maps that don't fit, or that hold values that are not numbers.
    pub fn finish(&self, prepared: &Prepared, maps: &[RawMap], network: f64, floor: f32) -> Result<Predicted> {
        self.finish_maps(prepared.framing(), maps, network, floor)
    }

    fn finish_maps(&self, framing: Framing, maps: &[RawMap], network: f64, floor: f32) -> Result<Predicted> {
        let start = Instant::now();
        let candidates = candidates(maps, &self.graph.strides, &self.graph.anchors, self.graph.nc, floor)?;
        Ok(Predicted::new(framing, candidates, network, milliseconds(start)))
    }
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
