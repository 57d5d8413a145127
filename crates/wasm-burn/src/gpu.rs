//! The GPU of this thread, opened by Burn.

use std::cell::RefCell;

use ghostdet::Result;
use ghostdet::engine::gpu::{GpuExecutor, Tuning};
use ghostdet::engine::{Engine, Weights};
use ghostdet_burn::BurnGpu;
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::thrown;

thread_local! {
    /// Shared by all networks.
    static OPENED: RefCell<Option<BurnGpu>> = const { RefCell::new(None) };
}

/// Opens the GPU of this thread at the first call, and after it failed. JSON: `name`, `software` (whether it is imitated on
/// the processor), the names of the ways of running that are worth timing (`ways`), and of those that are taken untimed, the
/// likeliest first (`likely`).
///
/// # Errors
/// No adapter, or one that refuses a device.
#[wasm_bindgen(js_name = openGpu)]
pub async fn open_gpu() -> core::result::Result<String, JsValue> {
    let gpu = open().await.map_err(thrown)?.gpu;
    let names = |ways: Vec<Tuning>| ways.into_iter().map(|way| way.to_string()).collect::<Vec<_>>();
    let likely = names(vec![Tuning::default_for(&gpu), Tuning::new(gpu.software)]);
    let ways = names(Tuning::configurations(gpu.software, gpu.f16()));
    Ok(json!({ "name": gpu.name, "software": gpu.software, "ways": ways, "likely": likely }).to_string())
}

/// JSON: what is worth trying beside `way`, of which it differs in one thing each.
#[wasm_bindgen]
pub fn variants(way: &str) -> String {
    let list = OPENED.with_borrow(|opened| {
        let gpu = &opened.as_ref()?.gpu;
        Some(way.parse::<Tuning>().ok()?.variants(gpu.subgroup))
    });
    json!(list.unwrap_or_default().into_iter().map(|way| way.to_string()).collect::<Vec<_>>()).to_string()
}

/// Why the GPU can't be used any more; undefined while it can, or before it was opened.
#[wasm_bindgen(js_name = gpuFailure)]
pub fn gpu_failure() -> Option<String> {
    OPENED.with_borrow(|opened| opened.as_ref()?.gpu.check().err().map(|error| error.to_string()))
}

/// The next network gets another device.
#[wasm_bindgen(js_name = closeGpu)]
pub fn close_gpu() {
    OPENED.with_borrow_mut(|opened| *opened = None);
}

/// Gives memory back that Burn holds for later tensors.
pub fn clean_up(burn: &BurnGpu) {
    burn.device.memory_cleanup();
}

/// Forgets compiled shaders that no network uses.
#[wasm_bindgen(js_name = forgetShaders)]
pub fn forget_shaders() {
    OPENED.with_borrow(|opened| opened.as_ref().inspect(|burn| burn.gpu.clear_pipeline_cache()).is_some());
}

/// Compiles the shaders of the built-in network `model` for pictures of `size` pixels: that may take as long as its weights'
/// download.
#[wasm_bindgen(js_name = warmGpu)]
pub async fn warm_gpu(model: String, way: String, size: usize) {
    // Whatever goes wrong here goes wrong at the load, and is told there.
    let _ = compile(&model, &way, size).await;
}

async fn compile(model: &str, way: &str, size: usize) -> Result<()> {
    let gpu = open().await?.gpu;
    let (Some(config), Ok(tuning)) = (ghostdet::model::builtin(model), way.parse::<Tuning>()) else {
        return Ok(());
    };
    let engine = Engine::without_cpu(&config.graph(None)?, Weights::Random)?;
    GpuExecutor::new(&gpu, engine.program(), tuning)?.prepare(engine.program(), [size; 2]).await
}

/// The GPU of this thread, opened at the first call.
pub async fn open() -> Result<BurnGpu> {
    let known = OPENED.with_borrow(Clone::clone).filter(|burn| burn.gpu.check().is_ok());
    if let Some(burn) = known {
        return Ok(burn);
    }
    let mut burn = BurnGpu::open().await?;
    adopt(&mut burn);
    OPENED.with_borrow_mut(|opened| *opened = Some(burn.clone()));
    Ok(burn)
}

/// Takes over from wgpu what it makes less of than the browser says: the adapter's name, and errors of the GPU's own
/// (a driver that can't compile a shader), at which wgpu panics.
#[cfg(target_arch = "wasm32")]
fn adopt(burn: &mut BurnGpu) {
    use js_sys::Reflect;
    use wasm_bindgen::JsCast;
    use wasm_bindgen::prelude::Closure;
    let text = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).ok().and_then(|value| value.as_string());
    let gpu = &mut burn.gpu;
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
fn adopt(_: &mut BurnGpu) {}
