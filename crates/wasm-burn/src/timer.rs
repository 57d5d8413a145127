//! The class `GpuTimer`: what a network takes on this very GPU, with random weights.

use ghostdet::detection::{DETECT_THRESHOLD, threshold_logit};
use ghostdet::engine::gpu::Tuning;
use ghostdet::engine::{Engine, Executor, Weights, random_checkpoint};
use ghostdet::model::{Config, builtin};
use ghostdet_burn::{BURN_OPS, BurnOpsExecutor, FusedExecutor};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::{argument, thrown};
use crate::gpu;

/// The largest configuration that is read.
const CONFIG_BYTES: usize = 64 * 1024;

/// A network with random weights, ready to be run again and again.
#[wasm_bindgen]
pub struct GpuTimer {
    engine: Engine,
    size: [usize; 2],
    pixels: Vec<u8>,
}

#[wasm_bindgen]
impl GpuTimer {
    /// A built-in network or a YAML text for `nc` classes at `size` pixels a side. `way`: a configuration of the fused shaders
    /// (the default one if left out), or `burn-ops`.
    ///
    /// # Errors
    /// A configuration that can't be built, a device that can't be had.
    pub async fn load(text: String, nc: Option<usize>, size: usize, way: Option<String>) -> Result<GpuTimer, JsValue> {
        if text.len() > CONFIG_BYTES || !(1..=4096).contains(&size) {
            return Err(argument("a configuration has at most 64 kB, an image at most 4096 pixels a side"));
        }
        let config = builtin(text.trim()).map_or_else(|| Config::parse(&text), Ok).map_err(thrown)?;
        let graph = config.graph(nc).map_err(thrown)?;
        let stride = graph.max_stride().max(1);
        let side = size.div_ceil(stride) * stride;
        let burn = gpu::open().await.map_err(thrown)?;
        let mut engine = Engine::without_cpu(&graph, Weights::Random).map_err(thrown)?;
        let executor: Box<dyn Executor> = if way.as_deref() == Some(BURN_OPS) {
            Box::new(BurnOpsExecutor::new(&burn, &graph, &random_checkpoint(&graph)).map_err(thrown)?)
        } else {
            let tuning = way.map_or_else(|| Ok(Tuning::default_for(&burn.gpu)), |name| name.parse());
            let executor = FusedExecutor::new(&burn, engine.program(), tuning.map_err(thrown)?);
            Box::new(executor.map_err(thrown)?)
        };
        engine.attach(executor);
        let pixels = (0..side * side * graph.input_channels).map(|i| (i * 31 % 251) as u8).collect();
        Ok(Self { engine, size: [side, side], pixels })
    }

    /// Runs it once: milliseconds from the image's bytes to the candidates, or to the raw maps in Burn's operations.
    ///
    /// # Errors
    /// What the device refuses.
    pub async fn run(&self) -> Result<f64, JsValue> {
        let start = web_time::Instant::now();
        let threshold = threshold_logit(DETECT_THRESHOLD).map_err(thrown)?;
        let found = self.engine.candidates_async(&self.pixels, self.size, threshold).await.map_err(thrown)?;
        if found.is_none() {
            std::hint::black_box(self.engine.forward_async(&self.pixels, self.size).await.map_err(thrown)?);
        }
        std::hint::black_box(found);
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }

    /// The raw maps of that run, one level after the other, channels last, through Burn's tensors.
    ///
    /// # Errors
    /// What the device refuses.
    pub async fn maps(&self) -> Result<Vec<f32>, JsValue> {
        let maps = self.engine.forward_async(&self.pixels, self.size).await.map_err(thrown)?;
        Ok(maps.into_iter().flat_map(|map| map.data).collect())
    }
}
