//! The thin interface between JavaScript and the core: no logic, one file a class. This module runs networks on the CPU;
//! `crates/wasm-burn` is its counterpart for GPUs.
//!
//! The npm package in `www/lib` is what people use; it runs this in a worker.

mod benchmark;
mod detector;
mod error;
mod evaluator;
mod model_stats;
#[cfg(all(target_arch = "wasm32", feature = "wasm-threads"))]
mod threads;
mod tracker;

pub use detector::WebDetector;
pub use evaluator::WebEvaluator;
pub use model_stats::{compare, configuration, summarize};
pub use tracker::WebTracker;

use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// Runs once when the module is loaded: a panic's message goes to the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// A checkpoint (`.safetensors` or `.pt`) as safetensors in fp32: the only format that the GPU's module reads.
///
/// # Errors
/// What the core refuses.
#[wasm_bindgen(js_name = toSafetensors)]
pub fn to_safetensors(bytes: &[u8]) -> Result<Vec<u8>, JsValue> {
    let checkpoint = ghostdet::weights::Checkpoint::load(bytes).map_err(error::thrown)?;
    checkpoint.to_safetensors(false).map_err(error::thrown)
}

/// Checks the name of a device: see the core's `Device`.
///
/// # Errors
/// An unknown name.
#[wasm_bindgen(js_name = checkDevice)]
pub fn check_device(name: &str) -> Result<(), JsValue> {
    name.parse::<ghostdet::engine::Device>().map(drop).map_err(error::thrown)
}

/// The version of ghostdet.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
