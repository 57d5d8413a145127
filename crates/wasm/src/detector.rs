//! The class `WebDetector`.

use ghostdet::Detector;
use ghostdet::detection::{Detection, NmsOptions, VAL_THRESHOLD};
use ghostdet::detector::{DetectorOptions, PredictOptions, Predicted};
use ghostdet::engine::Device;
use ghostdet::engine::cpu::parallel::threads;
use ghostdet::image::Image;
use ghostdet::model::Config;
use ghostdet::weights::Checkpoint;
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::thrown;

/// Runs of which the best counts.
const RUNS: usize = 3;

/// A loaded network on the CPU, and the candidates of its last run.
#[wasm_bindgen]
pub struct WebDetector {
    detector: Detector,
    last: Option<Predicted>,
}

#[wasm_bindgen]
impl WebDetector {
    /// Reads a checkpoint (`.safetensors` or `.pt`). `yaml` overrides the configuration in the file. `device`: `cpu`,
    /// `cpu/float` or `cpu/int16`. `size`: the image size that will be asked for, if it is known. `keep_weights`: whether
    /// [`WebDetector::self_test`] will be asked for.
    ///
    /// # Errors
    /// What the core refuses, as an `Error` with a `code`.
    pub fn load(
        bytes: Vec<u8>,
        yaml: Option<String>,
        device: String,
        size: Option<usize>,
        keep_weights: bool,
    ) -> Result<WebDetector, JsValue> {
        let device: Device = device.parse().map_err(thrown)?;
        let options = DetectorOptions {
            config: yaml.map(|text| Config::parse(&text)).transpose().map_err(thrown)?,
            precision: device.precision(),
            keep_source_weights: keep_weights,
            max_imgsz: size,
            ..DetectorOptions::default()
        };
        let checkpoint = Checkpoint::load(&bytes).map_err(thrown)?;
        drop(bytes);
        let detector = Detector::from_checkpoint(checkpoint, &options).map_err(thrown)?;
        Ok(Self { detector, last: None })
    }

    /// JSON: model, labels, parameters, gflops, imgsz, format, and of the CPU: processor, threads, precision.
    pub fn info(&self) -> String {
        let info = self.detector.info();
        json!({
            "model": info.architecture,
            "labels": self.detector.names(),
            "parameters": info.parameters,
            "gflops": info.gflops.map(|gflops| (gflops * 10.0).round() / 10.0),
            "imgsz": info.imgsz,
            "format": info.format,
            "processor": processor(),
            "threads": threads(),
            "precision": self.detector.engine().precision().name(),
        })
        .to_string()
    }

    /// Runs the network on RGBA pixels at `size` and keeps the candidates. JSON: milliseconds of letterbox and network. `judged`: as
    /// `ghostdet val` does, with the picture fitted into the whole square, for [`WebDetector::judged_boxes`].
    ///
    /// # Errors
    /// Pixels that don't fit the size; what the core refuses.
    pub async fn run(
        &mut self,
        rgba: Vec<u8>,
        width: usize,
        height: usize,
        size: usize,
        judged: bool,
    ) -> Result<String, JsValue> {
        // If this run fails, the boxes of the last image must not be taken for this one's.
        self.last = None;
        let image = Image::from_rgba(width, height, &rgba).map_err(thrown)?;
        drop(rgba);
        let mut options = options(size);
        if judged {
            (options.auto, options.threshold) = (false, VAL_THRESHOLD);
        }
        let predicted = self.detector.predict_async(&image, &options).await.map_err(thrown)?;
        let speed = predicted.speed;
        self.last = Some(predicted);
        Ok(json!({ "letterbox": speed.letterbox, "network": speed.network }).to_string())
    }

    /// The raw maps for channels-last `values` of `height` x `width`, one level after the other: for checks.
    ///
    /// # Errors
    /// Values that don't fit the size; what the core refuses.
    pub async fn maps(&self, values: Vec<f32>, height: usize, width: usize) -> Result<Vec<f32>, JsValue> {
        let maps = self.detector.engine().forward_async(&values, [height, width]).await.map_err(thrown)?;
        Ok(maps.into_iter().flat_map(|map| map.data).collect())
    }

    /// What a GPU has to compute at `side` pixels: the raw maps of a test image, in floats.
    ///
    /// # Errors
    /// A size that doesn't fit the network; weights that were dropped (see [`WebDetector::drop_weights`]).
    #[wasm_bindgen(js_name = selfTest)]
    pub fn self_test(&self, side: usize) -> Result<Vec<f32>, JsValue> {
        Ok(self.detector.self_test(side).map_err(thrown)?.values())
    }

    /// Frees the weights that only [`WebDetector::self_test`] needs.
    #[wasm_bindgen(js_name = dropWeights)]
    pub fn drop_weights(&mut self) {
        self.detector.drop_source_weights();
    }

    /// Milliseconds of the network for an image of `side` pixels, the best of a few runs.
    ///
    /// # Errors
    /// A size that doesn't fit the network.
    pub async fn time(&self, side: usize) -> Result<f64, JsValue> {
        let grey = Image::new(side, side, vec![114; side * side * 3]).map_err(thrown)?;
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            let predicted = self.detector.predict_async(&grey, &options(side)).await.map_err(thrown)?;
            best = best.min(predicted.speed.network);
        }
        Ok(best)
    }

    /// Boxes of the last run, best first: six numbers each, `x1, y1, x2, y2, score, class`. Without a run: none.
    pub fn boxes(
        &self,
        conf: f32,
        iou: f64,
        classes: Option<Vec<u32>>,
        max_detections: usize,
        agnostic: bool,
    ) -> Vec<f32> {
        self.chosen(&NmsOptions {
            conf,
            iou,
            classes: classes.map(|classes| classes.into_iter().map(|class| class as usize).collect()),
            agnostic,
            max_det: max_detections,
            ..NmsOptions::default()
        })
    }

    /// What `ghostdet val` judges of the last run: scores above 0.001, an overlap of 0.6, several classes a cell. As
    /// [`WebDetector::boxes`].
    #[wasm_bindgen(js_name = judgedBoxes)]
    pub fn judged_boxes(&self) -> Vec<f32> {
        self.chosen(&NmsOptions::validation())
    }
}

impl WebDetector {
    fn chosen(&self, options: &NmsOptions) -> Vec<f32> {
        let Some(predicted) = &self.last else { return Vec::new() };
        let numbers = |found: Detection| {
            let [x1, y1, x2, y2] = found.bounds;
            [x1, y1, x2, y2, found.score, found.class as f32]
        };
        predicted.boxes(options).into_iter().flat_map(numbers).collect()
    }
}

fn options(size: usize) -> PredictOptions {
    PredictOptions { imgsz: Some([size, size]), ..PredictOptions::default() }
}

/// The CPU as `info.device.adapter` names it.
fn processor() -> String {
    let simd = if cfg!(target_feature = "simd128") { "WebAssembly SIMD128" } else { "WebAssembly" };
    match threads() {
        1 => format!("{simd}, one thread"),
        several => format!("{simd}, {several} threads"),
    }
}
