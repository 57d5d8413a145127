//! The GPU of this thread.

use std::cell::RefCell;

use ghostdet::Result;
use ghostdet::engine::Engine;
use ghostdet::engine::gpu::{Gpu, GpuExecutor, Tuning};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::device;

thread_local! {
    /// Shared by all networks.
    static OPENED: RefCell<Option<Gpu>> = const { RefCell::new(None) };
}

/// The GPU, if it was opened.
pub fn opened() -> Option<Gpu> {
    OPENED.with_borrow(Clone::clone)
}

/// The next [`open`] gets another device.
pub fn close() {
    OPENED.with_borrow_mut(|opened| *opened = None);
}

/// Opens the GPU of this thread, if there is one, and lets it compile the shaders that it will probably need: a built-in
/// network, in the way that was fastest here (`remembered`, as in `load`). All that takes its time, which may be that of a
/// download.
#[wasm_bindgen(js_name = warmGpu)]
pub async fn warm_gpu(model: String, remembered: Option<String>, size: usize) -> bool {
    let Ok(gpu) = open().await else { return false };
    if let Some(tuning) = device::remembered_tuning(remembered.as_deref().unwrap_or_default(), &gpu, size) {
        // Whatever goes wrong here goes wrong at the load, and is told there.
        let _ = compile(&gpu, &model, tuning, size).await;
    }
    true
}

async fn compile(gpu: &Gpu, model: &str, tuning: Tuning, size: usize) -> Result<()> {
    let Some(config) = ghostdet::model::builtin(model) else { return Ok(()) };
    let engine = Engine::unweighted(&config.graph(None)?)?;
    GpuExecutor::new(gpu, engine.program(), tuning)?.prepare(engine.program(), [size; 2]).await
}

/// The GPU of this thread, opened at the first call.
pub async fn open() -> Result<Gpu> {
    if let Some(gpu) = opened()
        && gpu.check().is_ok()
    {
        return Ok(gpu);
    }
    let mut gpu = Gpu::open().await?;
    adopt(&mut gpu);
    OPENED.with_borrow_mut(|opened| *opened = Some(gpu.clone()));
    Ok(gpu)
}

/// Takes over from wgpu what it makes less of than the browser says: the adapter's name, and errors of the GPU's own
/// (a driver that can't compile a shader), at which wgpu panics.
#[cfg(target_arch = "wasm32")]
fn adopt(gpu: &mut Gpu) {
    use js_sys::Reflect;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::prelude::{Closure, JsValue};
    let text = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok().and_then(|value| value.as_string());
    let Some(device) = gpu.device.as_webgpu().cloned() else { return };
    let info = Reflect::get(device.as_ref(), &"adapterInfo".into()).unwrap_or_default();
    let parts = ["vendor", "architecture", "device", "description"].map(|name| text(&info, name).unwrap_or_default());
    let said = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let name = if gpu.name.is_empty() { &said } else { &gpu.name };
    gpu.rename(if name.is_empty() { "WebGPU".into() } else { name.clone() });
    // wgpu asks for no subgroups in browsers; `worker.js` does, where there are any.
    let number = |name: &str| Reflect::get(&info, &name.into()).ok().and_then(|value| value.as_f64()).unwrap_or(0.0);
    if device.features().has("subgroups") {
        gpu.subgroup = number("subgroupMinSize") as usize;
    }
    let alarm = gpu.failure_callback();
    let listener = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        let error = Reflect::get(&event, &"error".into()).unwrap_or_default();
        alarm(text(&error, "message").unwrap_or_else(|| "an error without a word".into()));
    });
    device.set_onuncapturederror(Some(listener.as_ref().unchecked_ref()));
    listener.forget();
}

/// Natively wgpu says everything.
#[cfg(not(target_arch = "wasm32"))]
fn adopt(_: &mut Gpu) {}
