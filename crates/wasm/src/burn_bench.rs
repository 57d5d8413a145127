//! The class `WebPlain`: the network as Burn's own tensors on Burn's WebGPU backend, which is what the executors are
//! measured against. Only in builds with the feature `burn` (`xtask wasm-burn`), for checks and benches.

use ghostdet::Detector;
use ghostdet::detector::DetectorOptions;
use ghostdet::engine::cpu::Precision;
use ghostdet::engine::gpu::Gpu;
use ghostdet::image::Image;
use ghostdet::model::Config;
use ghostdet::weights::Checkpoint;
use ghostdet_burn::{self as network, Network};
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::thrown;

/// A network on Burn's WebGPU backend, and the executors beside it on the same device and queue.
#[wasm_bindgen]
pub struct WebPlain {
    network: Network,
    detector: Detector,
}

#[wasm_bindgen]
impl WebPlain {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// What the core refuses; no WebGPU.
    pub async fn load(bytes: &[u8], yaml: Option<String>) -> Result<WebPlain, JsValue> {
        let gpu = Gpu::open_whole().await.map_err(thrown)?;
        let device = network::gpu(&gpu).map_err(thrown)?;
        let options = DetectorOptions {
            config: yaml.map(|text| Config::parse(&text)).transpose().map_err(thrown)?,
            precision: Some(Precision::Float),
            ..DetectorOptions::default()
        };
        let mut detector = Detector::load(bytes, &options).map_err(thrown)?;
        let mut checkpoint = Checkpoint::load(bytes).map_err(thrown)?;
        checkpoint.fold().map_err(thrown)?;
        let network = Network::new(detector.graph(), &checkpoint, &device).map_err(thrown)?;
        detector.attach_gpu(&gpu).await.map_err(thrown)?;
        Ok(Self { network, detector })
    }

    /// JSON: milliseconds of one run in Burn at `size`, and the largest difference of the raw maps to the CPU
    /// executor's (`burn`), as well as our own WebGPU executor's (`webgpu`).
    ///
    /// # Errors
    /// What a device refuses.
    pub async fn run(&mut self, size: usize) -> Result<String, JsValue> {
        let rgb: Vec<u8> = (0..size * size * 3).map(|i| ((i * i + 31 * i) % 251) as u8).collect();
        let image = Image::new(size, size, rgb).map_err(thrown)?;
        let pixels: Vec<f32> = image.rgb.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let start = web_time::Instant::now();
        let input = network::input(&[&image], self.network.device()).map_err(thrown)?;
        let maps = self.network.forward(input).map_err(thrown)?;
        let maps = network::read_async(maps).await.map_err(thrown)?;
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        let engine = self.detector.engine();
        let expected = engine.forward_in_floats(&pixels, [size, size]).map_err(thrown)?;
        let own = engine.forward_async(&pixels, [size, size]).await.map_err(thrown)?;
        let difference = |maps: &[ghostdet::detection::RawMap]| {
            let pairs = maps.iter().zip(&expected).flat_map(|(a, b)| a.data.iter().zip(&b.data));
            pairs.fold(0.0_f32, |most, (a, b)| if (a - b).is_nan() { f32::NAN } else { most.max((a - b).abs()) })
        };
        let burn = maps.first().map_or(f32::NAN, |maps| difference(maps));
        Ok(json!({ "milliseconds": milliseconds, "burn": burn, "webgpu": difference(&own) }).to_string())
    }
}
