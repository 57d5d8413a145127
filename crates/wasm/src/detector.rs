//! The class `WebDetector`.

use ghostdet::detection::NmsOptions;
use ghostdet::detector::{DetectorOptions, PredictOptions, Predicted};
use ghostdet::engine::Device;
use ghostdet::image::Image;
use ghostdet::model::Config;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, ErrorKind};
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::thrown;
use crate::placement::{Placement, may_use_gpu};
use crate::tuning_cache::{TuningCache, network_class};

/// A loaded network, and the candidates of its last run.
#[wasm_bindgen]
pub struct WebDetector {
    detector: Detector,
    placement: Placement,
    last: Option<Predicted>,
    /// The image size that was asked for last.
    size: usize,
    /// The state of the placement that JavaScript knows.
    reported: Option<(u32, usize)>,
}

#[wasm_bindgen]
impl WebDetector {
    /// Reads a checkpoint (`.safetensors` or `.pt`) and chooses where it runs. `yaml` overrides the configuration in the
    /// file. `device`: see the core's `Device`. `remembered`: the lines `device.remember` of earlier starts. `size`: the
    /// image size that will be asked for, if it is known.
    ///
    /// # Errors
    /// What the core refuses, as an `Error` with a `code`; `device` if WebGPU was asked for and can't be had.
    pub async fn load(
        bytes: Vec<u8>,
        yaml: Option<String>,
        device: String,
        remembered: Option<String>,
        size: Option<usize>,
    ) -> Result<WebDetector, JsValue> {
        let device: Device = device.parse().map_err(thrown)?;
        let cache = TuningCache::new(remembered, network_class(bytes.len(), size));
        let options = DetectorOptions {
            config: yaml.map(|text| Config::parse(&text)).transpose().map_err(thrown)?,
            precision: device.precision(),
            keep_source_weights: may_use_gpu(&device, &cache).await,
            max_imgsz: size,
            ..DetectorOptions::default()
        };
        let checkpoint = Checkpoint::load(&bytes).map_err(thrown)?;
        drop(bytes);
        let mut detector = Detector::from_checkpoint(checkpoint, &options).map_err(thrown)?;
        let side = size.unwrap_or(detector.imgsz());
        let placement = Placement::choose(&mut detector, &device, cache, side).await.map_err(thrown)?;
        if placement.stays_on_cpu() {
            detector.drop_source_weights();
        }
        Ok(Self { detector, placement, last: None, size: side, reported: None })
    }

    /// JSON: model, labels, parameters, gflops, imgsz, format, device.
    pub fn info(&self) -> String {
        let info = self.detector.info();
        json!({
            "model": info.architecture,
            "labels": self.detector.names(),
            "parameters": info.parameters,
            "gflops": info.gflops.map(|gflops| (gflops * 10.0).round() / 10.0),
            "imgsz": info.imgsz,
            "format": info.format,
            "device": self.placement.json(&self.detector, self.size),
        })
        .to_string()
    }

    /// One step of autotuning. JSON: the device.
    pub async fn tune(&mut self) -> String {
        self.placement.tune(&mut self.detector).await;
        self.placement.json(&self.detector, self.size).to_string()
    }

    /// Runs the network on RGBA pixels at `size` and keeps the candidates. JSON: milliseconds of letterbox and network, and
    /// `device` if it has changed: the CPU goes on when the GPU fails.
    ///
    /// # Errors
    /// Pixels that don't fit the size; what the core refuses.
    pub async fn run(&mut self, rgba: Vec<u8>, width: usize, height: usize, size: usize) -> Result<String, JsValue> {
        let image = Image::from_rgba(width, height, &rgba).map_err(thrown)?;
        drop(rgba);
        // If this run fails, the boxes of the last image must not be taken for this one's.
        (self.last, self.size) = (None, size);
        self.placement.revive(&mut self.detector).await;
        let options = PredictOptions { on_cpu: !self.placement.takes(size), ..options(size) };
        let predicted = match self.detector.predict_async(&image, &options).await {
            Err(error) if !options.on_cpu => {
                // If the CPU refuses the image, too, it is not the GPU's fault.
                let on_cpu = PredictOptions { on_cpu: true, ..options };
                let predicted = self.detector.predict_async(&image, &on_cpu).await.map_err(thrown)?;
                self.placement.failed(&mut self.detector, size, &error);
                predicted
            }
            outcome => outcome.map_err(thrown)?,
        };
        Ok(self.keep(predicted))
    }

    /// As [`WebDetector::run`], for a bitmap, which goes to the GPU without being read. `undefined` if there is no GPU (any
    /// more), or it takes no bitmaps: use [`WebDetector::run`] with the pixels then.
    ///
    /// # Errors
    /// What the core refuses.
    #[wasm_bindgen(js_name = runBitmap)]
    pub async fn run_bitmap(&mut self, bitmap: web_sys::ImageBitmap, size: usize) -> Result<Option<String>, JsValue> {
        (self.last, self.size) = (None, size);
        let (width, height) = (bitmap.width(), bitmap.height());
        if !self.placement.takes(size) || width == 0 || height == 0 {
            return Ok(None);
        }
        let fill = move |queue: &wgpu::Queue, texture: &wgpu::Texture| copy(&bitmap, queue, texture);
        let sides = [height as usize, width as usize];
        match self.detector.predict_texture(sides, &options(size), fill).await {
            Ok(predicted) => Ok(predicted.map(|predicted| self.keep(predicted))),
            Err(error) => {
                if error.kind() == ErrorKind::Device {
                    self.placement.failed(&mut self.detector, size, &error);
                }
                Ok(None)
            }
        }
    }

    /// The raw maps for channels-last `values` of `height` x `width`, one level after the other: for checks.
    ///
    /// # Errors
    /// Values that don't fit the size; what the device refuses.
    pub async fn maps(&mut self, values: Vec<f32>, height: usize, width: usize) -> Result<Vec<f32>, JsValue> {
        let (engine, size) = (self.detector.engine(), [height, width]);
        let executor = if self.placement.takes(0) { engine.executor() } else { engine.cpu() };
        let maps = executor.maps(engine.program(), (&values).into(), size).await.map_err(thrown)?;
        Ok(maps.into_iter().flat_map(|map| map.data).collect())
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

impl WebDetector {
    fn keep(&mut self, predicted: Predicted) -> String {
        let speed = predicted.speed;
        self.last = Some(predicted);
        let mut result = json!({ "letterbox": speed.letterbox, "network": speed.network });
        let state = self.placement.state(self.size);
        if self.reported != Some(state) {
            self.reported = Some(state);
            result["device"] = self.placement.json(&self.detector, self.size);
        }
        result.to_string()
    }
}

fn options(size: usize) -> PredictOptions {
    PredictOptions { imgsz: Some([size, size]), ..PredictOptions::default() }
}

/// Copies a bitmap to a texture of its size.
#[cfg(target_arch = "wasm32")]
fn copy(bitmap: &web_sys::ImageBitmap, queue: &wgpu::Queue, texture: &wgpu::Texture) {
    let source = wgpu::ExternalImageSource::ImageBitmap(bitmap.clone());
    queue.copy_external_image_to_texture(
        &wgpu::CopyExternalImageSourceInfo { source, origin: wgpu::Origin2d::ZERO, flip_y: false },
        wgpu::CopyExternalImageDestInfo {
            texture,
            mip_level: 0,
            origin: wgpu::Origin3d::ZERO,
            aspect: wgpu::TextureAspect::All,
            color_space: wgpu::PredefinedColorSpace::Srgb,
            premultiplied_alpha: false,
        },
        texture.size(),
    );
}

/// There are no bitmaps outside of browsers.
#[cfg(not(target_arch = "wasm32"))]
fn copy(_: &web_sys::ImageBitmap, _: &wgpu::Queue, _: &wgpu::Texture) {}
