//! What workers that share the memory call, and the allocator that they share.
//!
//! Every worker has its own instance of this module, made by `initSync` with the first one's memory. The standard
//! library in it is compiled for one thread; see `ghostdet::engine::cpu::bands` for why that is enough.

use ghostdet::engine::cpu::bands::{HELPERS, wake_with};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// The system's allocator behind a lock: it knows of no other threads.
struct Locked {
    taken: AtomicBool,
}

#[global_allocator]
static MEMORY: Locked = Locked { taken: AtomicBool::new(false) };

impl Locked {
    fn with<T>(&self, call: impl FnOnce() -> T) -> T {
        while self.taken.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        let result = call();
        self.taken.store(false, Ordering::Release);
        result
    }
}

// Safety: the system's allocator, one caller at a time.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.with(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        self.with(|| unsafe { System.dealloc(at, layout) });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.with(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.with(|| unsafe { System.realloc(at, layout, size) })
    }
}

/// The compiled module, for helpers to make their instances of.
#[wasm_bindgen(js_name = compiledModule)]
pub fn compiled_module() -> JsValue {
    wasm_bindgen::module()
}

/// From now on `count` workers help with each run.
#[wasm_bindgen(js_name = joinHelpers)]
pub fn join_helpers(count: u32) {
    wake_with(ring);
    HELPERS.join(count);
}

/// A helper's loop: takes part while a network runs. Returns the number that changes when the next one begins.
#[wasm_bindgen]
pub fn help() -> u32 {
    HELPERS.help()
}

/// The address of that number, to sleep on.
#[wasm_bindgen(js_name = helperBell)]
pub fn helper_bell() -> usize {
    std::ptr::from_ref(HELPERS.bell()).addr()
}

/// A helper failed: the run it took part in ends in an error.
#[wasm_bindgen(js_name = helperFailed)]
pub fn helper_failed() {
    HELPERS.fail();
}

/// Wakes all who sleep on `number`.
fn ring(number: &AtomicU32) {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let at = std::ptr::from_ref(number).addr() as u32;
    let numbers = js_sys::Int32Array::new_with_byte_offset_and_length(&memory.buffer(), at, 1);
    // Nobody asleep is no error; the array is one of shared integers, so there is no other.
    let _ = js_sys::Atomics::notify(&numbers, 0);
}
