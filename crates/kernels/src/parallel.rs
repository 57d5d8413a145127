//! Splitting the work of an operation over threads.
//!
//! Natively the threads are rayon's. In WebAssembly they are the workers that share the memory, in the builds that have
//! them; without them there is one thread.

#[cfg(not(all(target_arch = "wasm32", not(feature = "wasm-threads"))))]
mod chunk;
#[cfg(not(all(target_arch = "wasm32", not(feature = "wasm-threads"))))]
mod thread_pool;

pub use target::{parallel_for, scope, threads};

#[cfg(all(target_arch = "wasm32", feature = "wasm-threads"))]
pub use target::{THREAD_POOL, set_notify};

#[cfg(not(target_arch = "wasm32"))]
mod target {
    use super::thread_pool::ThreadPool;
    use std::cell::RefCell;
    use std::sync::Arc;

    /// The most threads of a run. An operation has a few dozen rows: more threads would have nothing to do.
    const MAX_THREADS: usize = 16;

    thread_local! {
        /// The pool of the scope that this thread has opened.
        static CURRENT: RefCell<Option<Arc<ThreadPool>>> = const { RefCell::new(None) };
    }

    /// Calls `work(first, last)` for chunks of `0..total` until all is done. The size of a chunk is a multiple of
    /// `grain`. Inside a [`scope`] several threads share the chunks; outside there is one chunk.
    pub fn parallel_for(total: usize, grain: usize, work: impl Fn(usize, usize) + Sync) {
        match CURRENT.with_borrow(Option::clone) {
            Some(pool) => pool.parallel_for(total, grain, &work),
            None => work(0, total),
        }
    }

    /// While it exists, rayon's threads take chunks of this thread's [`parallel_for`].
    pub struct ParallelScope(Option<Arc<ThreadPool>>);

    impl Drop for ParallelScope {
        fn drop(&mut self) {
            if let Some(pool) = &self.0 {
                pool.sleep();
                CURRENT.set(None);
            }
        }
    }

    /// Opens a scope: one for each frame.
    ///
    /// A frame has up to ninety operations, and waking a thread takes longer than most of them. So threads are woken
    /// once a frame and spin until its end. Rayon's pool does nothing else meanwhile; a second frame that runs at the
    /// same time gets one thread. `limit` is the most threads of the scope, the caller's included.
    pub fn scope(limit: Option<usize>) -> ParallelScope {
        let workers = threads().min(limit.unwrap_or(usize::MAX)).max(1) - 1;
        if workers == 0 || CURRENT.with_borrow(Option::is_some) {
            return ParallelScope(None);
        }
        let pool = Arc::new(ThreadPool::new());
        pool.set_workers(workers as u32);
        pool.wake();
        for _ in 0..workers {
            let pool = Arc::clone(&pool);
            // A worker that starts after the end of the scope returns at once. The pool notes a panic and fails the run.
            rayon::spawn(move || {
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pool.run_worker()));
            });
        }
        CURRENT.set(Some(Arc::clone(&pool)));
        ParallelScope(Some(pool))
    }

    /// The number of threads of a run, the caller's included.
    pub fn threads() -> usize {
        rayon::current_num_threads().min(MAX_THREADS)
    }
}

#[cfg(all(target_arch = "wasm32", not(feature = "wasm-threads")))]
mod target {
    /// Calls `work(0, total)`: there is one thread.
    pub fn parallel_for(total: usize, _: usize, work: impl Fn(usize, usize) + Sync) {
        work(0, total);
    }

    /// Has no effect: there is one thread.
    pub struct ParallelScope;

    /// Opens a scope.
    pub fn scope(_: Option<usize>) -> ParallelScope {
        ParallelScope
    }

    /// The number of threads of a run.
    pub fn threads() -> usize {
        1
    }
}

#[cfg(all(target_arch = "wasm32", feature = "wasm-threads"))]
mod target {
    use super::thread_pool::{ParallelScope, ThreadPool};
    use std::sync::atomic::Ordering::SeqCst;
    use std::sync::atomic::{AtomicPtr, AtomicU32};

    /// The workers that share this memory.
    pub static THREAD_POOL: ThreadPool = ThreadPool::new();

    /// A `fn(&AtomicU32)` that wakes who waits on that word. It comes from outside, because only JavaScript can notify.
    static NOTIFY: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

    /// Sets the function that wakes the workers waiting on a futex word.
    pub fn set_notify(notify: fn(&AtomicU32)) {
        NOTIFY.store(notify as *mut (), SeqCst);
    }

    /// Calls `work(first, last)` for chunks of `0..total` until all is done. The size of a chunk is a multiple of
    /// `grain`. Inside a [`scope`] several threads share the chunks; outside there is one chunk.
    pub fn parallel_for(total: usize, grain: usize, work: impl Fn(usize, usize) + Sync) {
        THREAD_POOL.parallel_for(total, grain, &work);
    }

    /// Opens a scope: while it exists, the workers take chunks of [`parallel_for`]. The page decides how many there are.
    pub fn scope(_: Option<usize>) -> ParallelScope<'static> {
        THREAD_POOL.scope(|word| {
            let notify = NOTIFY.load(SeqCst);
            if !notify.is_null() {
                // SAFETY: `set_notify` alone writes it, and writes a function of this type.
                let notify = unsafe { std::mem::transmute::<*mut (), fn(&AtomicU32)>(notify) };
                notify(word);
            }
        })
    }

    /// The number of threads of a run, the caller's included.
    pub fn threads() -> usize {
        THREAD_POOL.threads()
    }
}
