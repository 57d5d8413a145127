//! The class `WebDetector`.

use ghostdet::Detector;
use ghostdet::detection::NmsOptions;
use ghostdet::detector::Predicted;
use ghostdet::picture::Picture;
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::{argument, thrown};

/// A loaded network and the candidates of its last run.
#[wasm_bindgen]
pub struct WebDetector {
    detector: Detector,
    last: Option<Predicted>,
}

#[wasm_bindgen]
impl WebDetector {
    /// Reads a checkpoint (`.safetensors` or `.pt`); `yaml` overrides the configuration in the file.
    ///
    /// # Errors
    /// What the core refuses, as an `Error` with a `code`.
    pub fn load(bytes: &[u8], yaml: Option<String>) -> Result<WebDetector, JsValue> {
        let detector = Detector::load(bytes, yaml.as_deref()).map_err(thrown)?;
        Ok(Self { detector, last: None })
    }

    /// JSON: model, labels, parameters, gflops, imgsz, format, device. `device.reason` is the caller's to fill in.
    pub fn info(&self) -> String {
        let info = self.detector.info();
        json!({
            "model": info.architecture,
            "labels": self.detector.names(),
            "parameters": info.parameters,
            "gflops": (info.gflops * 10.0).round() / 10.0,
            "imgsz": info.imgsz,
            "format": info.format,
            "device": { "kind": "cpu", "adapter": adapter(), "reason": "" },
        })
        .to_string()
    }

    /// Runs the network on RGBA pixels at `size` and keeps the candidates. JSON: milliseconds of letterbox and network.
    ///
    /// # Errors
    /// Pixels that don't fit the size; what the core refuses.
    pub fn run(&mut self, rgba: &[u8], width: usize, height: usize, size: usize) -> Result<String, JsValue> {
        let pixels =
            width.checked_mul(height).filter(|&pixels| pixels > 0 && pixels.checked_mul(4) == Some(rgba.len()));
        if pixels.is_none() {
            return Err(argument(&format!("{} bytes are no RGBA picture of {width}x{height}", rgba.len())));
        }
        let rgb = rgba.as_chunks::<4>().0.iter().flat_map(|&[red, green, blue, _]| [red, green, blue]).collect();
        let picture = Picture { width, height, rgb };
        let predicted = self.detector.predict(&picture, Some([size, size])).map_err(thrown)?;
        let speed = json!({ "letterbox": predicted.speed.letterbox, "network": predicted.speed.network });
        self.last = Some(predicted);
        Ok(speed.to_string())
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
        let Some(predicted) = &self.last else { return Vec::new() };
        let options = NmsOptions {
            conf,
            iou,
            classes: classes.map(|classes| classes.into_iter().map(|class| class as usize).collect()),
            agnostic,
            max_det: max_detections,
            ..NmsOptions::default()
        };
        let flat = |found: ghostdet::detection::Detection| {
            let [x1, y1, x2, y2] = found.bounds;
            [x1, y1, x2, y2, found.score, found.class as f32]
        };
        predicted.boxes(&options).into_iter().flat_map(flat).collect()
    }
}

/// What the CPU executor was compiled for.
fn adapter() -> &'static str {
    if cfg!(target_feature = "simd128") { "WebAssembly SIMD128, one thread" } else { "WebAssembly, one thread" }
}
