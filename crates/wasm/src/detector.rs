//! The class `WebDetector`.

use ghostdet::detection::{DETECT_THRESHOLD, NmsOptions};
use ghostdet::detector::Predicted;
use ghostdet::image::Image;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, ErrorKind};
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::device::{self, Choice, Place};
use crate::error::{argument, thrown};

/// A loaded network and the candidates of its last run.
#[wasm_bindgen]
pub struct WebDetector {
    detector: Detector,
    place: Place,
    last: Option<Predicted>,
    /// The picture size asked for last.
    size: usize,
}

#[wasm_bindgen]
impl WebDetector {
    /// Reads a checkpoint (`.safetensors` or `.pt`) and chooses where it runs; `yaml` overrides the configuration in
    /// the file. `device`: `auto`, `webgpu` or `cpu`; `remembered`: the lines `device.remember` of earlier starts;
    /// `size`: the picture size that will be asked for, if that is known.
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
        let remembered = remembered.unwrap_or_default();
        let precision = device::precision(&device)?;
        let choice = match device.as_str() {
            "auto" => Choice::Auto { remembered },
            "webgpu" => Choice::WebGpu { remembered },
            cpu if cpu.starts_with("cpu") => Choice::Cpu,
            other => return Err(argument(&format!("device: {other:?} is none of auto, webgpu, cpu, cpu/float"))),
        };
        let class = device::class(bytes.len(), size);
        let gpu = choice.wants_gpu(&class).await;
        let checkpoint = Checkpoint::load(&bytes).map_err(thrown)?;
        drop(bytes);
        let detector = match gpu {
            true => Detector::from_checkpoint(checkpoint, yaml.as_deref()),
            false => Detector::for_cpu(checkpoint, yaml.as_deref(), size, precision),
        };
        let mut detector = detector.map_err(thrown)?;
        let side = size.unwrap_or(detector.imgsz());
        let place = Place::choose(&mut detector, choice, &class, side).await.map_err(thrown)?;
        if !place.gpu() && !place.pending() {
            detector.forget_weights();
        }
        Ok(Self { detector, place, last: None, size: side })
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
            "device": self.place.json(&self.detector, self.size),
        })
        .to_string()
    }

    /// Goes on with what `auto` left undecided at the load, one step. JSON: the device.
    pub async fn tune(&mut self) -> String {
        self.place.tune(&mut self.detector).await;
        self.place.json(&self.detector, self.size).to_string()
    }

    /// Runs the network on RGBA pixels at `size` and keeps the candidates. JSON: milliseconds of letterbox and network,
    /// and the device, which changes to the CPU when the GPU fails.
    ///
    /// # Errors
    /// Pixels that don't fit the size; what the core refuses.
    pub async fn run(&mut self, rgba: Vec<u8>, width: usize, height: usize, size: usize) -> Result<String, JsValue> {
        let image = Image::from_rgba(width, height, &rgba).map_err(thrown)?;
        drop(rgba);
        // Boxes of the picture before must not be taken for this one's, should it fail.
        (self.last, self.size) = (None, size);
        let imgsz = Some([size, size]);
        self.place.revive(&mut self.detector).await;
        let mut failed = None;
        if self.place.takes(size) {
            match self.detector.predict_on_gpu(&image, imgsz, true, DETECT_THRESHOLD).await {
                Ok(predicted) => return Ok(self.keep(predicted)),
                Err(error) => failed = Some(error),
            }
        }
        // What the CPU refuses too is not the GPU's fault.
        let predicted = self.detector.predict(&image, imgsz).map_err(thrown)?;
        if let Some(error) = failed {
            self.place.failed(&mut self.detector, size, &error);
        }
        Ok(self.keep(predicted))
    }

    /// As [`WebDetector::run`], of a bitmap, which goes to the GPU without being read. Undefined where that can't be: no GPU
    /// (any more), or one that takes no bitmaps; [`WebDetector::run`] with the pixels works then.
    ///
    /// # Errors
    /// What the core refuses.
    #[wasm_bindgen(js_name = runBitmap)]
    pub async fn run_bitmap(&mut self, bitmap: web_sys::ImageBitmap, size: usize) -> Result<Option<String>, JsValue> {
        (self.last, self.size) = (None, size);
        let (width, height) = (bitmap.width(), bitmap.height());
        if !self.place.takes(size) || width == 0 || height == 0 {
            return Ok(None);
        }
        let fill = move |queue: &wgpu::Queue, texture: &wgpu::Texture| copy(&bitmap, queue, texture);
        let sides = [height as usize, width as usize];
        match self.detector.predict_from_texture(sides, Some([size, size]), true, DETECT_THRESHOLD, fill).await {
            Ok(predicted) => Ok(predicted.map(|predicted| self.keep(predicted))),
            Err(error) => {
                if error.kind() == ErrorKind::Device {
                    self.place.failed(&mut self.detector, size, &error);
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
        let size = [height, width];
        let maps = match self.place.gpu() {
            true => self.detector.maps_on_gpu(&values, size).await.map_err(thrown)?,
            false => self.detector.engine().forward(&values, size).map_err(thrown)?,
        };
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
        let device = self.place.json(&self.detector, self.size);
        self.last = Some(predicted);
        json!({ "letterbox": speed.letterbox, "network": speed.network, "device": device }).to_string()
    }
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
