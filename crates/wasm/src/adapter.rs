//! The GPU of this thread.

use std::cell::RefCell;

use ghostdet::Result;
use ghostdet::engine::gpu::{Gpu, GpuExecutor, Tuning};
use ghostdet::engine::{Device, Engine, EngineOptions, Weights};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::thrown;
use crate::tuning_cache::TuningCache;

thread_local! {
    /// Shared by all networks.
    static OPENED: RefCell<Option<Gpu>> = const { RefCell::new(None) };
}

/// The GPU, if it was opened.
pub fn opened() -> Option<Gpu> {
    OPENED.with_borrow(Clone::clone)
}

/// Whether a GPU is opened and has not failed.
pub fn alive() -> bool {
    opened().is_some_and(|gpu| gpu.check().is_ok())
}

/// Forgets the GPU: the next [`open`] gets another device.
pub fn close() {
    OPENED.with_borrow_mut(|opened| *opened = None);
}

/// Checks the name of a device. If it may be a GPU, opens the GPU of this thread, and compiles the shaders that a built-in
/// network will probably need, while the weights are downloaded. `remembered`: the lines of the tuning cache.
///
/// # Errors
/// An unknown name.
#[wasm_bindgen]
pub async fn warm(device: String, model: String, remembered: Option<String>, size: usize) -> Result<(), JsValue> {
    let device: Device = device.parse().map_err(thrown)?;
    if matches!(device, Device::Cpu(_)) {
        return Ok(());
    }
    let Ok(gpu) = open().await else { return Ok(()) };
    if let Some(tuning) = TuningCache::new(remembered, String::new()).any_at(&gpu, size) {
        // What goes wrong here goes wrong in `load`, too, which reports it.
        let _ = compile(&gpu, &model, tuning, size).await;
    }
    Ok(())
}

async fn compile(gpu: &Gpu, model: &str, tuning: Tuning, size: usize) -> Result<()> {
    let Some(config) = ghostdet::model::builtin(model) else { return Ok(()) };
    let engine = Engine::new(&config.graph(None)?, Weights::Random, &EngineOptions::default())?;
    GpuExecutor::new(gpu, engine.program(), tuning)?.prepare(engine.program(), [size; 2]).await
}

/// The GPU of this thread, opened at the first call.
///
/// # Errors
/// No GPU.
pub async fn open() -> Result<Gpu> {
    if let Some(gpu) = opened()
        && gpu.check().is_ok()
    {
        return Ok(gpu);
    }
    let mut gpu = Gpu::open().await?;
    complete(&mut gpu);
    OPENED.with_borrow_mut(|opened| *opened = Some(gpu.clone()));
    Ok(gpu)
}

/// Adds what the browser knows and wgpu doesn't pass on: the adapter's name, its subgroups, and internal errors (a driver
/// that can't compile a shader), at which wgpu panics.
#[cfg(target_arch = "wasm32")]
fn complete(gpu: &mut Gpu) {
    use js_sys::Reflect;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::prelude::Closure;
    let text = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok().and_then(|value| value.as_string());
    let Some(device) = gpu.device.as_webgpu().cloned() else { return };
    let info = Reflect::get(device.as_ref(), &"adapterInfo".into()).unwrap_or_default();
    let parts = ["vendor", "architecture", "device", "description"].map(|name| text(&info, name).unwrap_or_default());
    let described = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let name = if gpu.name.is_empty() { &described } else { &gpu.name };
    gpu.rename(if name.is_empty() { "WebGPU".into() } else { name.clone() });
    // wgpu requests no subgroups in browsers; `worker.js` does, where there are any.
    let number = |name: &str| Reflect::get(&info, &name.into()).ok().and_then(|value| value.as_f64()).unwrap_or(0.0);
    if device.features().has("subgroups") {
        gpu.subgroup = number("subgroupMinSize") as usize;
    }
    let failed = gpu.failure_callback();
    let listener = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        let error = Reflect::get(&event, &"error".into()).unwrap_or_default();
        failed(text(&error, "message").unwrap_or_else(|| "an error without a message".into()));
    });
    device.set_onuncapturederror(Some(listener.as_ref().unchecked_ref()));
    listener.forget();
}

/// Natively wgpu passes everything on.
#[cfg(not(target_arch = "wasm32"))]
fn complete(_: &mut Gpu) {}
