//! The functions that the workers of a shared memory call, and the allocator they share.
//!
//! Every worker has its own instance of this module, made by `initSync` with the memory of the first one. The standard
//! library in it is compiled for one thread; `ghostdet::engine::cpu::parallel` says why that is enough.

use ghostdet::engine::cpu::parallel::{THREAD_POOL, set_notify};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// The system's allocator behind a spin lock: it is compiled for one thread.
struct Locked {
    taken: AtomicBool,
}

#[global_allocator]
static ALLOCATOR: Locked = Locked { taken: AtomicBool::new(false) };

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

// SAFETY: every call goes to the system's allocator, one caller at a time.
unsafe impl GlobalAlloc for Locked {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of `System`.
        self.with(|| unsafe { System.alloc(layout) })
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above; the block comes from `System`.
        self.with(|| unsafe { System.dealloc(at, layout) });
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of `System`.
        self.with(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; the block comes from `System`.
        self.with(|| unsafe { System.realloc(at, layout, size) })
    }
}

/// The compiled module, from which workers make their instances.
#[wasm_bindgen(js_name = compiledModule)]
pub fn compiled_module() -> JsValue {
    wasm_bindgen::module()
}

/// Sets how many workers take part in each run from now on.
#[wasm_bindgen(js_name = setWorkers)]
pub fn set_workers(count: u32) {
    set_notify(notify);
    THREAD_POOL.set_workers(count);
}

/// A worker's part of a run. Returns the value of the futex word to wait on.
#[wasm_bindgen(js_name = runWorker)]
pub fn run_worker() -> u32 {
    THREAD_POOL.run_worker()
}

/// The address of the futex word, which changes when the next run begins.
#[wasm_bindgen(js_name = futexAddress)]
pub fn futex_address() -> usize {
    std::ptr::from_ref(THREAD_POOL.futex_word()).addr()
}

/// Notes that a worker failed: the run it took part in ends in an error.
#[wasm_bindgen(js_name = workerFailed)]
pub fn worker_failed() {
    THREAD_POOL.poison();
}

/// Wakes all workers that wait on `word`.
fn notify(word: &AtomicU32) {
    let memory: js_sys::WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let at = std::ptr::from_ref(word).addr() as u32;
    let words = js_sys::Int32Array::new_with_byte_offset_and_length(&memory.buffer(), at, 1);
    // No worker asleep is no error, and an array of shared integers has no other.
    let _ = js_sys::Atomics::notify(&words, 0);
}
