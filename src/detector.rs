//! Image in, detections out: the single entry point used by the command line, the page and the trainer.
//!
//! A [`Detector`] letterboxes an image, runs the network on its [executor](crate::engine::Executor), decodes the candidates
//! and suppresses overlapping boxes. The network runs once; thresholds can be changed afterwards:
//!
//! ```
//! # #[cfg(feature = "decode")] {
//! use ghostdet::Detector;
//! use ghostdet::detection::NmsOptions;
//! use ghostdet::detector::{DetectorOptions, PredictOptions};
//! use ghostdet::image::Image;
//!
//! let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors")?;
//! let detector = Detector::load(&weights, &DetectorOptions::default())?;
//! let photo = Image::decode(&std::fs::read("tests/samples/coffee.jpg")?)?;
//! let predicted = detector.predict(&photo, &PredictOptions::default())?; // at the size that the weights were trained for
//! let many = predicted.boxes(&NmsOptions { conf: 0.01, ..NmsOptions::default() });
//! let few = predicted.boxes(&NmsOptions { conf: 0.5, ..NmsOptions::default() });
//! assert!(many.len() > few.len());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anchors;
#[cfg(feature = "gpu")]
mod gpu;
mod metadata;
mod options;
mod prediction;
mod self_test;

pub use anchors::adopt_anchors;
pub use options::{DetectOptions, DetectorOptions, PredictOptions};
pub use prediction::{Detections, Predicted, Prepared, Speed};
pub use self_test::SelfTest;

use crate::detection::{DETECT_THRESHOLD, RawMap, decode_above, decode_candidates, threshold_logit};
use crate::engine::{Candidates, Engine, EngineOptions, Executor};
use crate::image::{Image, LetterboxOptions, letterbox};
use crate::model::{Config, Graph};
use crate::weights::Checkpoint;
use crate::{Error, ErrorKind, Result};
use metadata::Metadata;
use prediction::{Framing, milliseconds};
use serde::Serialize;
use web_time::Instant;

/// The largest side of the network's input, in pixels.
pub const MAX_SIDE: usize = 4096;

/// A loaded network with its classes.
pub struct Detector {
    graph: Graph,
    engine: Engine,
    names: Vec<String>,
    imgsz: usize,
    config: Config,
    info: Info,
    notes: Vec<String>,
}

/// What a loaded network is.
#[derive(Clone, Debug, Serialize)]
pub struct Info {
    /// `yolov5n-ghost-backbone`, or `custom`.
    pub architecture: String,
    /// The format of the file.
    pub format: String,
    /// Number of classes.
    pub nc: usize,
    /// Parameters with batch norm folded.
    pub parameters: u64,
    /// GFLOPs at 640x640 with batch norm folded. `None` where the reference can't count them.
    pub gflops: Option<f64>,
    /// The image size it was trained for.
    pub imgsz: usize,
    /// Bytes of packed weights on the CPU.
    pub weight_bytes: usize,
}

impl Detector {
    /// Loads a checkpoint: a `.safetensors` file or a PyTorch `.pt`.
    ///
    /// # Errors
    /// A file that is no checkpoint, a configuration that can't be built, weights that don't fit it.
    pub fn load(bytes: &[u8], options: &DetectorOptions) -> Result<Self> {
        Self::from_checkpoint(Checkpoint::load(bytes)?, options)
    }

    /// As [`Detector::load`], from a checkpoint that is read already.
    ///
    /// # Errors
    /// As [`Detector::load`].
    pub fn from_checkpoint(checkpoint: Checkpoint, options: &DetectorOptions) -> Result<Self> {
        let (metadata, checkpoint) = Metadata::read(checkpoint, options.config.clone())?;
        let side = options.max_imgsz.unwrap_or(metadata.imgsz).min(MAX_SIDE);
        let side = side.next_multiple_of(metadata.graph.max_stride().max(1)).max(1);
        let engine = EngineOptions {
            precision: options.precision,
            threads: options.threads,
            max_input: (!options.keep_source_weights).then_some([side, side]),
            keep_source_weights: options.keep_source_weights,
        };
        metadata.with(|graph| Engine::new(graph, checkpoint, &engine))
    }

    /// As [`Detector::from_checkpoint`], but without the CPU's kernels (see [`Engine::without_cpu`]): it detects once an
    /// executor is attached.
    ///
    /// # Errors
    /// As [`Detector::load`].
    pub fn without_cpu(checkpoint: Checkpoint, config: Option<Config>) -> Result<Self> {
        let (metadata, checkpoint) = Metadata::read(checkpoint, config)?;
        metadata.with(|graph| Engine::without_cpu(graph, checkpoint))
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

    /// The image size it was trained for.
    pub fn imgsz(&self) -> usize {
        self.imgsz
    }

    /// What of the checkpoint was left aside or passed over, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What it is.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// The engine that runs the network.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Tests `executor`, and runs the network on it from now on. It must have been made from the
    /// [program](Engine::program_with_weights) of this detector's engine.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] if it computes something else than the CPU, or can't run.
    pub async fn attach(&mut self, executor: Box<dyn Executor>, test: &SelfTest) -> Result<()> {
        test.run(self.engine.program(), &*executor).await?;
        self.engine.attach(executor);
        Ok(())
    }

    /// Runs the network on the CPU from now on, and drops the attached executor.
    pub fn detach(&mut self) {
        self.engine.detach();
    }

    /// Frees the weights that only attaching an executor needs.
    pub fn drop_source_weights(&mut self) {
        self.engine.drop_source_weights();
    }

    /// Finds objects in an image.
    ///
    /// # Errors
    /// A size beyond [`MAX_SIDE`]; a network that computes NaN; a device that fails.
    pub async fn detect_async(&self, image: &Image, options: &DetectOptions) -> Result<Detections> {
        let threshold = options.nms.conf.clamp(0.0, DETECT_THRESHOLD);
        let predict = PredictOptions { imgsz: options.imgsz, threshold, ..PredictOptions::default() };
        let predicted = self.predict_async(image, &predict).await?;
        let start = Instant::now();
        let detections = predicted.boxes(&options.nms);
        let nms = predicted.speed.nms + milliseconds(start);
        let speed = Speed { nms, ..predicted.speed };
        Ok(Detections { width: image.width, height: image.height, detections, speed })
    }

    /// Runs the network once; boxes for any thresholds come from the result.
    ///
    /// # Errors
    /// As [`Detector::detect_async`].
    pub async fn predict_async(&self, image: &Image, options: &PredictOptions) -> Result<Predicted> {
        let prepared = self.prepare(image, options.imgsz, options.auto)?;
        let (start, program) = (Instant::now(), self.engine.program());
        let executor = if options.on_cpu { self.engine.cpu() } else { self.engine.executor() };
        let (input, logit) = ((&prepared.image.rgb).into(), threshold_logit(options.threshold)?);
        if logit > f32::NEG_INFINITY
            && let Some(candidates) = executor.candidates(program, input, prepared.size(), logit).await?
        {
            return self.decode(prepared.framing(), &candidates, milliseconds(start));
        }
        let maps = executor.maps(program, input, prepared.size()).await?;
        self.postprocess(&prepared, &maps, milliseconds(start), options.threshold)
    }

    /// The first half of a prediction: the network's input. For running the network elsewhere.
    ///
    /// # Errors
    /// A size beyond [`MAX_SIDE`].
    pub fn prepare(&self, image: &Image, imgsz: Option<[usize; 2]>, auto: bool) -> Result<Prepared> {
        let start = Instant::now();
        let options = self.letterbox_options(imgsz, auto)?;
        let boxed = letterbox(image, &options);
        Ok(Prepared::new(boxed.image, [image.height, image.width], milliseconds(start)))
    }

    /// The second half of a prediction: candidates from the raw maps, which took `network` milliseconds.
    ///
    /// # Errors
    /// Maps that don't fit; NaN in a map.
    pub fn postprocess(&self, prepared: &Prepared, maps: &[RawMap], network: f64, threshold: f32) -> Result<Predicted> {
        self.decode_maps(prepared.framing(), maps, network, threshold)
    }

    fn decode_maps(&self, framing: Framing, maps: &[RawMap], network: f64, threshold: f32) -> Result<Predicted> {
        let (start, graph) = (Instant::now(), &self.graph);
        let candidates = decode_above(maps, &graph.strides, &graph.anchors, graph.nc, threshold)?;
        Ok(Predicted::new(framing, candidates, network, milliseconds(start)))
    }

    fn decode(&self, framing: Framing, candidates: &Candidates, network: f64) -> Result<Predicted> {
        let (start, graph, Candidates { levels, sizes }) = (Instant::now(), &self.graph, candidates);
        let candidates = decode_candidates(levels, sizes, &graph.strides, &graph.anchors, graph.nc)?;
        Ok(Predicted::new(framing, candidates, network, milliseconds(start)))
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
}

/// Natively, the same without `async`.
#[cfg(not(target_arch = "wasm32"))]
impl Detector {
    /// Waits for [`Detector::detect_async`].
    ///
    /// # Errors
    /// As there.
    pub fn detect(&self, image: &Image, options: &DetectOptions) -> Result<Detections> {
        pollster::block_on(self.detect_async(image, options))
    }

    /// Waits for [`Detector::predict_async`].
    ///
    /// # Errors
    /// As there.
    pub fn predict(&self, image: &Image, options: &PredictOptions) -> Result<Predicted> {
        pollster::block_on(self.predict_async(image, options))
    }
}
