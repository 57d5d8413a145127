//! The class `WebTimer`: what a network takes on this very CPU, with random weights.

use ghostdet::detection::{DETECT_THRESHOLD, threshold_logit};
use ghostdet::engine::{Device, Engine, EngineOptions, Weights};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::{argument, thrown};
use crate::model_stats::{checked, read};

/// A network with random weights, ready to be run again and again.
#[wasm_bindgen]
pub struct WebTimer {
    engine: Engine,
    size: [usize; 2],
    pixels: Vec<u8>,
}

#[wasm_bindgen]
impl WebTimer {
    /// A built-in network or a YAML text for `nc` classes at `size` pixels a side. `device`: `cpu` or `cpu/PRECISION`.
    ///
    /// # Errors
    /// A configuration that can't be built, another device.
    pub fn load(text: String, nc: Option<usize>, size: usize, device: String) -> Result<WebTimer, JsValue> {
        let Device::Cpu(precision) = device.parse().map_err(thrown)? else {
            return Err(argument("a benchmark runs on cpu or webgpu"));
        };
        let graph = read(&text)?.1.graph(nc).map_err(thrown)?;
        let stride = graph.max_stride().max(1);
        let side = checked(size)?.div_ceil(stride) * stride;
        let options = EngineOptions { precision, ..EngineOptions::default() };
        let engine = Engine::new(&graph, Weights::Random, &options).map_err(thrown)?;
        let pixels: Vec<u8> = (0..side * side * graph.input_channels).map(|i| (i * 31 % 251) as u8).collect();
        Ok(Self { engine, size: [side, side], pixels })
    }

    /// JSON: row, name and milliseconds of each operation in one run.
    ///
    /// # Errors
    /// What the core refuses.
    pub async fn profile(&self) -> Result<String, JsValue> {
        let times = self.engine.profile_async(&self.values(), self.size).await.map_err(thrown)?;
        serde_json::to_string(&times).map_err(|error| argument(&error.to_string()))
    }

    /// The raw maps in floats, one level after the other, channels last: what other devices are compared with.
    ///
    /// # Errors
    /// What the core refuses.
    pub fn maps(&self) -> Result<Vec<f32>, JsValue> {
        let maps = self.engine.forward_in_floats(&self.values(), self.size).map_err(thrown)?;
        Ok(maps.into_iter().flat_map(|map| map.data).collect())
    }

    /// Runs it once: milliseconds from the image's bytes to the candidates.
    ///
    /// # Errors
    /// What the core refuses.
    pub async fn run(&self) -> Result<f64, JsValue> {
        let start = web_time::Instant::now();
        let threshold = threshold_logit(DETECT_THRESHOLD).map_err(thrown)?;
        let found = self.engine.candidates_async(&self.pixels, self.size, threshold).await.map_err(thrown)?;
        std::hint::black_box(found);
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }
}

impl WebTimer {
    fn values(&self) -> Vec<f32> {
        self.pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect()
    }
}
