//! The thin interface between JavaScript and the core: no logic, one file a class.
//!
//! The npm package in `www/lib` is what people use; it runs this in a worker.

mod adapter;
mod autotune;
mod benchmark;
#[cfg(feature = "burn")]
mod burn_bench;
mod detector;
mod error;
mod model_stats;
mod placement;
mod reason;
#[cfg(all(target_arch = "wasm32", feature = "wasm-threads"))]
mod threads;
mod tuning_cache;

#[cfg(feature = "burn")]
pub use burn_bench::WebPlain;
pub use detector::WebDetector;
pub use model_stats::{compare, summarize};

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs once when the module is loaded: a panic's message goes to the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
