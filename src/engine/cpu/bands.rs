//! Work split over the threads: rayon's natively; in WebAssembly the workers that share the memory, in the build that
//! has them; else there is one.

#[cfg(any(test, all(target_arch = "wasm32", feature = "wasm-threads")))]
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
mod helpers;

pub use each::{bands, frame, threads};

#[cfg(all(target_arch = "wasm32", feature = "wasm-threads"))]
pub use each::{HELPERS, wake_with};

#[cfg(not(target_arch = "wasm32"))]
mod each {
    use rayon::prelude::*;

    /// Runs `work(first, last)` over `0..total` in bands of at least `least`, on all threads.
    pub fn bands(total: usize, least: usize, work: impl Fn(usize, usize) + Sync) {
        let threads = rayon::current_num_threads();
        if threads > 1 && total > least {
            let band = total.div_ceil(threads).max(least);
            (0..total.div_ceil(band)).into_par_iter().for_each(|i| work(i * band, total.min((i + 1) * band)));
        } else {
            work(0, total);
        }
    }

    /// While it exists, helpers are awake: there are none to wake.
    pub struct Frame;

    /// Begins a frame.
    pub fn frame() -> Frame {
        Frame
    }

    /// Threads of a run.
    pub fn threads() -> usize {
        rayon::current_num_threads()
    }
}

#[cfg(all(target_arch = "wasm32", not(feature = "wasm-threads")))]
mod each {
    /// Runs `work(0, total)`: there is one thread.
    pub fn bands(total: usize, _: usize, work: impl Fn(usize, usize) + Sync) {
        work(0, total);
    }

    /// While it exists, helpers are awake: there are none to wake.
    pub struct Frame;

    /// Begins a frame.
    pub fn frame() -> Frame {
        Frame
    }

    /// Threads of a run.
    pub fn threads() -> usize {
        1
    }
}

#[cfg(all(target_arch = "wasm32", feature = "wasm-threads"))]
mod each {
    use super::helpers::{Frame, Helpers};
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{AtomicPtr, AtomicU32};

    /// The helpers of this memory.
    pub static HELPERS: Helpers = Helpers::new();

    /// What wakes them, a `fn(&AtomicU32)`: only JavaScript can.
    static RING: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

    /// Tells how to wake those who sleep on a number in memory.
    pub fn wake_with(ring: fn(&AtomicU32)) {
        RING.store(ring as *mut (), SeqCst);
    }

    /// Runs `work(first, last)` over `0..total` in bands of at least `least`, with the helpers during a frame.
    pub fn bands(total: usize, least: usize, work: impl Fn(usize, usize) + Sync) {
        HELPERS.bands(total, least, &work);
    }

    /// Begins a frame: while the result exists, helpers take part.
    pub fn frame() -> Frame<'static> {
        HELPERS.frame(|number| {
            let ring = RING.load(SeqCst);
            if !ring.is_null() {
                // Safety: only `wake_with` writes it.
                let ring = unsafe { std::mem::transmute::<*mut (), fn(&AtomicU32)>(ring) };
                ring(number);
            }
        })
    }

    /// Threads of a run, the one that asks included.
    pub fn threads() -> usize {
        HELPERS.threads()
    }
}
