//! Image in, detections out: the single entry point used by the command line, the page and the trainer.
//!
//! The network runs once; thresholds can be changed afterwards:
//!
//! ```
//! # #[cfg(feature = "decode")] {
//! use ghostdet::Detector;
//! use ghostdet::detection::NmsOptions;
//! use ghostdet::image::Image;
//!
//! let detector = Detector::load(&std::fs::read("weights/yolov5n-ghost-backbone.safetensors")?, None)?;
//! let photo = Image::decode(&std::fs::read("tests/samples/coffee.jpg")?)?;
//! let predicted = detector.predict(&photo, None)?; // at the size that the weights were trained for
//! let many = predicted.boxes(&NmsOptions { conf: 0.05, ..NmsOptions::default() });
//! let few = predicted.boxes(&NmsOptions { conf: 0.5, ..NmsOptions::default() });
//! assert!(many.len() > few.len());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::detection::{
    Candidate, DETECT_THRESHOLD, Detection, NmsOptions, Predictions, RawMap, decode_above, decode_candidates, nms,
    scale_boxes, threshold_logit,
};
use crate::engine::Engine;
use crate::engine::cpu::Precision;
use crate::image::{Image, LetterboxOptions, letterbox};
use crate::model::{Config, Graph};
use crate::weights::Checkpoint;
use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use web_time::Instant;

/// The largest picture side the network is run at.
pub const MAX_SIDE: usize = 4096;

#[cfg(feature = "gpu")]
mod gpu;
mod metadata;
#[cfg(feature = "gpu")]
mod self_test;

use metadata::Metadata;
pub use metadata::adopt_anchors;
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
    /// GFLOPs at 640x640, batch norm folded. `None` where the reference can't count them.
    pub gflops: Option<f64>,
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
    pub image: Image,
    image_size: [usize; 2],
    milliseconds: f64,
}

impl Prepared {
    /// `[height, width]` of the network's input.
    pub fn size(&self) -> [usize; 2] {
        [self.image.height, self.image.width]
    }

    fn framing(&self) -> Framing {
        let Self { image_size, milliseconds, .. } = *self;
        Framing { network_size: self.size(), image_size, milliseconds }
    }

    /// The network's input: channels last, values 0 to 1.
    pub fn pixels(&self) -> Vec<f32> {
        self.image.rgb.iter().map(|&byte| f32::from(byte) / 255.0).collect()
    }
}

/// One picture after the network: thresholds can be applied again and again without running it.
#[derive(Clone, Debug)]
pub struct Predicted {
    candidates: Predictions,
    network_size: [usize; 2],
    image_size: [usize; 2],
    /// Milliseconds of letterbox and network.
    pub speed: Speed,
}

/// The sizes of a picture in and before its letterbox, and the milliseconds that took.
#[derive(Clone, Copy)]
struct Framing {
    network_size: [usize; 2],
    image_size: [usize; 2],
    milliseconds: f64,
}

impl Predicted {
    fn new(framing: Framing, candidates: Predictions, network: f64, nms: f64) -> Self {
        let Framing { network_size, image_size, milliseconds } = framing;
        Self { candidates, network_size, image_size, speed: Speed { letterbox: milliseconds, network, nms } }
    }

    /// The boxes for these thresholds, in the picture's pixels. Scores below [`DETECT_THRESHOLD`] are gone already.
    pub fn boxes(&self, options: &NmsOptions) -> Vec<Detection> {
        let mut found = nms(&self.candidates, options);
        let mut bounds: Vec<[f32; 4]> = found.iter().map(|d| d.bounds).collect();
        scale_boxes(self.network_size, &mut bounds, self.image_size, None);
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
        let (metadata, checkpoint) = Metadata::read(checkpoint, yaml)?;
        metadata.with(|graph| Engine::taking(graph, checkpoint))
    }

    /// As [`Detector::from_checkpoint`] in the logit memory: no GPU can be attached to it. `imgsz` is the largest picture
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
        let (metadata, checkpoint) = Metadata::read(checkpoint, yaml)?;
        let stride = metadata.graph.max_stride().max(1);
        let side = imgsz.unwrap_or(metadata.imgsz).min(MAX_SIDE).div_ceil(stride).max(1) * stride;
        metadata.with(|graph| Engine::for_cpu(graph, checkpoint, Some([side, side]), precision))
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
    pub fn detect(&self, image: &Image, options: &DetectOptions) -> Result<Detections> {
        let threshold = options.nms.conf.clamp(0.0, DETECT_THRESHOLD);
        let predicted = self.predict_with(image, options.imgsz, true, threshold)?;
        let start = Instant::now();
        let detections = predicted.boxes(&options.nms);
        let nms = predicted.speed.nms + milliseconds(start);
        let speed = Speed { nms, ..predicted.speed };
        Ok(Detections { width: image.width, height: image.height, detections, speed })
    }

    /// Runs the network once; boxes for any thresholds come from the result.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn predict(&self, image: &Image, imgsz: Option<[usize; 2]>) -> Result<Predicted> {
        self.predict_with(image, imgsz, true, DETECT_THRESHOLD)
    }

    /// As [`Detector::predict`] with all choices: `auto` pads to the smallest rectangle that fits the strides (else to
    /// the whole of `imgsz`), cells with an objectness of `threshold` or less are dropped.
    ///
    /// # Errors
    /// As [`Detector::detect`].
    pub fn predict_with(
        &self,
        image: &Image,
        imgsz: Option<[usize; 2]>,
        auto: bool,
        threshold: f32,
    ) -> Result<Predicted> {
        let prepared = self.prepare(image, imgsz, auto)?;
        let start = Instant::now();
        let logit = threshold_logit(threshold)?;
        if logit == f32::NEG_INFINITY {
            let maps = self.engine.forward(&prepared.image.rgb, prepared.size())?;
            return self.postprocess(&prepared, &maps, milliseconds(start), threshold);
        }
        let (cells, sizes) = self.engine.candidates(&prepared.image.rgb, prepared.size(), logit)?;
        self.postprocess_candidates(prepared.framing(), &cells, &sizes, milliseconds(start))
    }

    /// The first half of a prediction: the network's input. For running the network elsewhere (on a GPU).
    ///
    /// # Errors
    /// A size beyond [`MAX_SIDE`].
    pub fn prepare(&self, image: &Image, imgsz: Option<[usize; 2]>, auto: bool) -> Result<Prepared> {
        let start = Instant::now();
        let options = self.letterbox_options(imgsz, auto)?;
        let boxed = letterbox(image, &options);
        Ok(Prepared { image: boxed.image, image_size: [image.height, image.width], milliseconds: milliseconds(start) })
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

    /// As [`Detector::postprocess`], from cells that were picked already.
    fn postprocess_candidates(
        &self,
        framing: Framing,
        cells: &[Vec<Candidate>],
        sizes: &[[usize; 2]],
        network: f64,
    ) -> Result<Predicted> {
        let start = Instant::now();
        let Graph { strides, anchors, nc, .. } = &self.graph;
        let candidates = decode_candidates(cells, sizes, strides, anchors, *nc)?;
        Ok(Predicted::new(framing, candidates, network, milliseconds(start)))
    }

    /// The second half of a prediction: candidates from the raw maps that took `network` milliseconds.
    ///
    /// # Errors
    /// Maps that don't fit, or that hold values that are not numbers.
    pub fn postprocess(&self, prepared: &Prepared, maps: &[RawMap], network: f64, threshold: f32) -> Result<Predicted> {
        self.postprocess_maps(prepared.framing(), maps, network, threshold)
    }

    fn postprocess_maps(&self, framing: Framing, maps: &[RawMap], network: f64, threshold: f32) -> Result<Predicted> {
        let start = Instant::now();
        let candidates = decode_above(maps, &self.graph.strides, &self.graph.anchors, self.graph.nc, threshold)?;
        Ok(Predicted::new(framing, candidates, network, milliseconds(start)))
    }
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
