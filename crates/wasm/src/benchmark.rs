//! The class `WebTimer`: what a network takes on this very device, with random weights.

use ghostdet::detection::{DETECT_THRESHOLD, threshold_logit};
use ghostdet::engine::gpu::{GpuExecutor, Tuning};
use ghostdet::engine::{Device, DeviceKind, Engine, EngineOptions, Weights};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::adapter;
use crate::error::{argument, thrown};
use crate::model_stats::{checked, read};

/// A network with random weights, ready to be run again and again.
#[wasm_bindgen]
pub struct WebTimer {
    engine: Engine,
    size: [usize; 2],
    rgb: Vec<u8>,
}

#[wasm_bindgen]
impl WebTimer {
    /// A built-in network or a YAML text for `nc` classes at `size` pixels a side. `device`: `cpu`, `cpu/PRECISION`,
    /// `webgpu` or `webgpu/CONFIGURATION` (`webgpu/half-4096-4x2`).
    ///
    /// # Errors
    /// A configuration that can't be built, a device that can't be had.
    pub async fn load(text: String, nc: Option<usize>, size: usize, device: String) -> Result<WebTimer, JsValue> {
        let device: Device = device.parse().map_err(thrown)?;
        let graph = read(&text)?.1.graph(nc).map_err(thrown)?;
        let stride = graph.max_stride().max(1);
        let side = checked(size)?.div_ceil(stride) * stride;
        let options = match &device {
            Device::Auto => return Err(argument("a benchmark runs on cpu or webgpu, not on auto")),
            Device::Cpu(precision) => EngineOptions { precision: *precision, ..EngineOptions::default() },
            // The GPU's maps are compared with the CPU's in floats.
            Device::Gpu(_) => EngineOptions::in_floats(),
        };
        let mut engine = Engine::new(&graph, Weights::Random, &options).map_err(thrown)?;
        if let Device::Gpu(configuration) = device {
            let gpu = adapter::open().await.map_err(thrown)?;
            let tuning = configuration.map_or_else(|| Ok(Tuning::default_for(&gpu)), |name| name.parse());
            let executor = GpuExecutor::new(&gpu, engine.program(), tuning.map_err(thrown)?);
            engine.attach(Box::new(executor.map_err(thrown)?));
        }
        let rgb: Vec<u8> = (0..side * side * 3).map(|i| (i * 31 % 251) as u8).collect();
        Ok(Self { engine, size: [side, side], rgb })
    }

    /// JSON: row, name and milliseconds of each operation in one run on the CPU.
    ///
    /// # Errors
    /// A network that runs on the GPU.
    pub async fn profile(&self) -> Result<String, JsValue> {
        let times = self.engine.profile_async(&self.pixels(), self.size).await.map_err(thrown)?;
        serde_json::to_string(&times).map_err(|error| argument(&error.to_string()))
    }

    /// The largest difference between the raw maps of WebGPU and of the CPU, and the largest value among them.
    ///
    /// # Errors
    /// A network that runs on the CPU; what the device refuses.
    pub async fn deviation(&self) -> Result<Vec<f32>, JsValue> {
        if self.engine.executor().info().kind == DeviceKind::Cpu {
            return Err(argument("there is nothing to compare on the CPU"));
        }
        let pixels = self.pixels();
        let expected = self.engine.forward_in_floats(&pixels, self.size).map_err(thrown)?;
        let got = self.engine.forward_async(&pixels, self.size).await.map_err(thrown)?;
        let mut most = [0.0_f32; 2];
        for (e, g) in expected.iter().zip(&got).flat_map(|(e, g)| e.data.iter().zip(&g.data)) {
            if !(e - g).is_finite() {
                return Err(argument("a map holds something that is not a number"));
            }
            most = [most[0].max((e - g).abs()), most[1].max(e.abs())];
        }
        Ok(most.to_vec())
    }

    /// Runs it once: milliseconds from the image's bytes to the candidates.
    ///
    /// # Errors
    /// What the device refuses.
    pub async fn run(&self) -> Result<f64, JsValue> {
        let start = web_time::Instant::now();
        let threshold = threshold_logit(DETECT_THRESHOLD).map_err(thrown)?;
        let found = self.engine.candidates_async(&self.rgb, self.size, threshold).await.map_err(thrown)?;
        std::hint::black_box(found);
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }
}

impl WebTimer {
    fn pixels(&self) -> Vec<f32> {
        self.rgb.iter().map(|&byte| f32::from(byte) / 255.0).collect()
    }
}
