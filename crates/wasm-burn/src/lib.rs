//! ghostdet on a browser's GPU: Burn's WebGPU backend, and in it the fused executor as an operation on the same device and
//! queue. A module of its own, which a page fetches only where there is a GPU. It has no kernels for the processor: the
//! other module runs networks there, and computes what this one's results are tested against.

mod detector;
/// Both modules throw the same errors.
#[path = "../../wasm/src/error.rs"]
mod error;
mod gpu;
mod timer;

use js_sys::Function;
use std::cell::RefCell;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

unsafe extern "C" {
    /// Runs the module's static constructors: CubeCL's compiler registers the parts of its language in them. The linker makes it.
    #[cfg(target_arch = "wasm32")]
    fn __wasm_call_ctors();
}

/// Runs when the module is loaded. Without a call to the constructors the linker puts one into every exported function: a frame
/// then registers everything some thirty times, which takes 26 ms.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen(start)]
fn start() {
    // SAFETY: it is called once, before any other function of the module.
    unsafe { __wasm_call_ctors() }
}

thread_local! {
    static ON_PANIC: RefCell<Option<Function>> = const { RefCell::new(None) };
}

/// `handler` is told the message if this module stops in the middle of a call. It can't be used any more then, and what it
/// promised never comes.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(handler: Function) {
    ON_PANIC.with_borrow_mut(|known| *known = Some(handler));
    std::panic::set_hook(Box::new(|info| {
        let message = JsValue::from_str(&info.to_string());
        ON_PANIC.with_borrow(|known| {
            if let Some(handler) = known {
                // It is too late for what the handler itself does wrong.
                let _ = handler.call1(&JsValue::NULL, &message);
            }
        });
    }));
}
