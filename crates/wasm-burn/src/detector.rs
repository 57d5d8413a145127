//! The class `GpuDetector`.

use ghostdet::Detector;
use ghostdet::detection::NmsOptions;
use ghostdet::detector::{PredictOptions, Predicted};
use ghostdet::engine::DeviceKind;
use ghostdet::image::Image;
use ghostdet::model::Config;
use ghostdet::weights::Checkpoint;
use ghostdet_burn::Execution;
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::thrown;
use crate::gpu;

/// Runs of each in a comparison; the best counts.
const RUNS: usize = 3;

/// A loaded network on Burn's WebGPU backend, and the candidates of its last run.
#[wasm_bindgen]
pub struct GpuDetector {
    detector: Detector,
    /// For Burn's own operations, if they are wanted.
    checkpoint: Option<Checkpoint>,
    last: Option<Predicted>,
}

#[wasm_bindgen]
impl GpuDetector {
    /// Reads a safetensors checkpoint (the other module's `toSafetensors` makes one of a `.pt`). `yaml` overrides the
    /// configuration in the file. `burn_ops`: whether it will be attached in that way.
    ///
    /// # Errors
    /// What the core refuses, as an `Error` with a `code`.
    pub fn load(bytes: &[u8], yaml: Option<String>, burn_ops: bool) -> Result<GpuDetector, JsValue> {
        let checkpoint = Checkpoint::load_safetensors(bytes).map_err(thrown)?;
        let mut kept = None;
        if burn_ops {
            let mut checkpoint = checkpoint.clone();
            checkpoint.fold().map_err(thrown)?;
            kept = Some(checkpoint);
        }
        let config = yaml.map(|text| Config::parse(&text)).transpose().map_err(thrown)?;
        let detector = Detector::without_cpu(checkpoint, config).map_err(thrown)?;
        Ok(Self { detector, checkpoint: kept, last: None })
    }

    /// Puts it on the GPU as `way` says (see `openGpu`; or `burn-ops`: Burn's own operations), and tests it there at `side`
    /// pixels against `expected`, what the other module's `selfTest(side)` gave.
    ///
    /// # Errors
    /// An `Error` of code `device`: no GPU, it doesn't fit, or it computes something else.
    pub async fn attach(&mut self, way: String, side: usize, expected: Vec<f32>) -> Result<(), JsValue> {
        let execution: Execution = way.parse().map_err(thrown)?;
        let burn = gpu::open().await.map_err(thrown)?;
        let test = self.detector.self_test_from(side, &expected).map_err(thrown)?;
        drop(expected);
        execution.attach(&mut self.detector, &burn, self.checkpoint.as_ref(), &test).await.map_err(thrown)?;
        if execution == Execution::BurnOps {
            self.checkpoint = None;
        } else {
            // The test's tensors were the only ones.
            gpu::clean_up(&burn);
        }
        Ok(())
    }

    /// Takes it off the GPU and frees its memory there.
    pub fn detach(&mut self) {
        self.detector.detach();
    }

    /// Milliseconds of the network for an image of `side` pixels, the best of a few runs.
    ///
    /// # Errors
    /// What the GPU refuses.
    pub async fn time(&self, side: usize) -> Result<f64, JsValue> {
        let grey = Image::new(side, side, vec![114; side * side * 3]).map_err(thrown)?;
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            let predicted = self.detector.predict_async(&grey, &options(side)).await.map_err(thrown)?;
            best = best.min(predicted.speed.network);
        }
        Ok(best)
    }

    /// Runs the network on RGBA pixels at `size` and keeps the candidates. JSON: milliseconds of letterbox and network.
    ///
    /// # Errors
    /// Pixels that don't fit the size; what the GPU refuses.
    pub async fn run(&mut self, rgba: Vec<u8>, width: usize, height: usize, size: usize) -> Result<String, JsValue> {
        // If this run fails, the boxes of the last image must not be taken for this one's.
        self.last = None;
        let image = Image::from_rgba(width, height, &rgba).map_err(thrown)?;
        drop(rgba);
        let predicted = self.detector.predict_async(&image, &options(size)).await.map_err(thrown)?;
        Ok(self.keep(predicted))
    }

    /// As [`GpuDetector::run`], for a bitmap, which goes to the GPU without being read. `undefined` if it takes no bitmaps, or
    /// Burn's own operations run: use [`GpuDetector::run`] with the pixels then.
    ///
    /// # Errors
    /// What the GPU refuses.
    #[wasm_bindgen(js_name = runBitmap)]
    pub async fn run_bitmap(&mut self, bitmap: web_sys::ImageBitmap, size: usize) -> Result<Option<String>, JsValue> {
        self.last = None;
        let (width, height) = (bitmap.width(), bitmap.height());
        if width == 0 || height == 0 {
            return Ok(None);
        }
        let fill = move |queue: &wgpu::Queue, texture: &wgpu::Texture| copy(&bitmap, queue, texture);
        let sides = [height as usize, width as usize];
        let predicted = self.detector.predict_texture(sides, &options(size), fill).await.map_err(thrown)?;
        Ok(predicted.map(|predicted| self.keep(predicted)))
    }

    /// The raw maps for channels-last `values` of `height` x `width`, one level after the other, through Burn's tensors.
    ///
    /// # Errors
    /// Values that don't fit the size; what the GPU refuses.
    pub async fn maps(&self, values: Vec<f32>, height: usize, width: usize) -> Result<Vec<f32>, JsValue> {
        let maps = self.detector.engine().forward_async(&values, [height, width]).await.map_err(thrown)?;
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

    /// Bytes of GPU memory: weights and activations. 0 where Burn alone knows.
    pub fn memory(&self) -> f64 {
        let info = self.detector.engine().executor().info();
        if info.kind == DeviceKind::Gpu { info.memory as f64 } else { 0.0 }
    }
}

impl GpuDetector {
    fn keep(&mut self, predicted: Predicted) -> String {
        let speed = predicted.speed;
        self.last = Some(predicted);
        json!({ "letterbox": speed.letterbox, "network": speed.network }).to_string()
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
