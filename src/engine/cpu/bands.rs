//! Work split over the threads: rayon's natively; in WebAssembly the workers that share the memory, in the build that
//! has them; else there is one.

#[cfg(not(all(target_arch = "wasm32", not(feature = "wasm-threads"))))]
mod helpers;
#[cfg(not(all(target_arch = "wasm32", not(feature = "wasm-threads"))))]
mod share;

pub use each::{bands, frame, threads};

#[cfg(all(target_arch = "wasm32", feature = "wasm-threads"))]
pub use each::{HELPERS, wake_with};

#[cfg(not(target_arch = "wasm32"))]
mod each {
    use super::helpers::Helpers;
    use std::cell::RefCell;
    use std::sync::Arc;

    /// More threads than this have nothing to share: a step has a few dozen rows.
    const MOST: usize = 16;

    thread_local! {
        /// Who helps the frame that this thread computes.
        static HELPERS: RefCell<Option<Arc<Helpers>>> = const { RefCell::new(None) };
    }

    /// Runs `work(first, last)` over `0..total` in bands of a multiple of `least`, with the helpers during a frame.
    pub fn bands(total: usize, least: usize, work: impl Fn(usize, usize) + Sync) {
        match HELPERS.with_borrow(Option::clone) {
            Some(helpers) => helpers.bands(total, least, &work),
            None => work(0, total),
        }
    }

    /// While it exists, the threads of the pool that it was made in help this one.
    pub struct Frame(Option<Arc<Helpers>>);

    impl Drop for Frame {
        fn drop(&mut self) {
            if let Some(helpers) = &self.0 {
                helpers.rest();
                HELPERS.set(None);
            }
        }
    }

    /// Begins a frame. Waking a thread takes longer than most steps, and there are up to ninety in a frame: so they are woken once,
    /// and turn in a loop until the frame ends. The pool does nothing else meanwhile; a frame beside it runs on one thread.
    pub fn frame() -> Frame {
        let count = threads() - 1;
        if count == 0 || HELPERS.with_borrow(Option::is_some) {
            return Frame(None);
        }
        let helpers = Arc::new(Helpers::new());
        helpers.join(count as u32);
        helpers.wake();
        for _ in 0..count {
            let helpers = Arc::clone(&helpers);
            // A helper that comes when the frame is over has nothing to do. If its work fails, the frame does.
            rayon::spawn(move || {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| helpers.help()));
            });
        }
        HELPERS.set(Some(Arc::clone(&helpers)));
        Frame(Some(helpers))
    }

    /// Threads of a run.
    pub fn threads() -> usize {
        rayon::current_num_threads().min(MOST)
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

    /// Runs `work(first, last)` over `0..total` in bands of a multiple of `least`, with the helpers during a frame.
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
