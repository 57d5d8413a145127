//! The class `WebTimer`: what a network takes on this very device, with random weights.

use ghostdet::detection::threshold_logit;
use ghostdet::engine::Engine;
use ghostdet::engine::cpu::Precision;
use ghostdet::engine::gpu::{GpuExecutor, Tuning};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::adapter;
use crate::device;
use crate::error::{argument, thrown};
use crate::model_stats::{checked, read};

/// A network without trained weights, ready to be run again and again.
#[wasm_bindgen]
pub struct WebTimer {
    engine: Engine,
    gpu: Option<GpuExecutor>,
    size: [usize; 2],
    rgb: Vec<u8>,
}

#[wasm_bindgen]
impl WebTimer {
    /// A built-in network or a YAML text for `nc` classes at `size` pixels a side, on `device`: `cpu`, `webgpu`, or
    /// `webgpu/TUNING` (`webgpu/half-4096-4x2`) for one way of running there, `cpu/float` or `cpu/fixed` for one precision.
    ///
    /// # Errors
    /// A configuration that can't be built, a device that can't be had.
    pub async fn load(text: String, nc: Option<usize>, size: usize, device: String) -> Result<WebTimer, JsValue> {
        let graph = read(&text)?.1.graph(nc).map_err(thrown)?;
        let stride = graph.max_stride().max(1);
        let side = checked(size)?.div_ceil(stride) * stride;
        let mut engine = Engine::unweighted(&graph).map_err(thrown)?;
        let mut gpu = None;
        if let Some(way) = device.strip_prefix("webgpu") {
            // What its maps are compared with.
            engine = engine.with_precision(Precision::Float);
            let opened = adapter::open().await.map_err(thrown)?;
            let tuning = match way.strip_prefix('/') {
                None => Tuning::default_for(&opened),
                Some(name) => name.parse().map_err(thrown)?,
            };
            let executor = GpuExecutor::new(&opened, engine.program(), tuning);
            gpu = Some(executor.map_err(thrown)?);
        } else if device.starts_with("cpu") {
            engine = engine.with_precision(device::precision(&device)?);
        } else {
            return Err(argument(&format!("device: {device:?} is none of webgpu, cpu")));
        }
        let rgb: Vec<u8> = (0..side * side * 3).map(|i| (i * 31 % 251) as u8).collect();
        Ok(Self { engine, gpu, size: [side, side], rgb })
    }

    /// JSON: row, name and milliseconds of each operation in one run on the CPU.
    ///
    /// # Errors
    /// A network that runs on the GPU.
    pub fn profile(&self) -> Result<String, JsValue> {
        if self.gpu.is_some() {
            return Err(argument("operations are timed on the CPU only"));
        }
        let (_, times) = self.engine.profile(&self.pixels(), self.size).map_err(thrown)?;
        serde_json::to_string(&times).map_err(|error| argument(&error.to_string()))
    }

    /// The largest difference between the raw maps of WebGPU and of the CPU, and the largest value among them.
    ///
    /// # Errors
    /// A network that runs on the CPU; what the device refuses.
    pub async fn deviation(&mut self) -> Result<Vec<f32>, JsValue> {
        let pixels = self.pixels();
        let Some(executor) = &mut self.gpu else {
            return Err(argument("there is nothing to compare on the CPU"));
        };
        let expected = self.engine.forward(&pixels, self.size).map_err(thrown)?;
        let got = executor.maps(self.engine.program(), &pixels, self.size).await.map_err(thrown)?;
        let mut most = [0.0_f32; 2];
        for (e, g) in expected.iter().zip(&got).flat_map(|(e, g)| e.data.iter().zip(&g.data)) {
            if !(e - g).is_finite() {
                return Err(argument("a map holds something that is not a number"));
            }
            most = [most[0].max((e - g).abs()), most[1].max(e.abs())];
        }
        Ok(most.to_vec())
    }

    /// Runs it once: milliseconds from the picture's bytes to the candidates.
    ///
    /// # Errors
    /// What the device refuses.
    pub async fn run(&mut self) -> Result<f64, JsValue> {
        let start = web_time::Instant::now();
        let threshold = threshold_logit(ghostdet::detection::DETECT_THRESHOLD).map_err(thrown)?;
        match &mut self.gpu {
            Some(executor) => {
                let found = executor
                    .candidates(self.engine.program(), &self.rgb, self.size, threshold)
                    .await
                    .map_err(thrown)?;
                std::hint::black_box(found);
            }
            None => {
                std::hint::black_box(self.engine.candidates(&self.rgb, self.size, threshold).map_err(thrown)?);
            }
        }
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }
}

impl WebTimer {
    fn pixels(&self) -> Vec<f32> {
        self.rgb.iter().map(|&byte| f32::from(byte) / 255.0).collect()
    }
}
