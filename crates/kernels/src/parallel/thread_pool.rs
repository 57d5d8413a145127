//! Worker threads that take chunks of an operation from the thread that runs the network.
//!
//! Workers sleep between frames and spin during one: a frame has up to ninety operations of a fraction of a millisecond,
//! and waking a thread takes a tenth of a millisecond.
//!
//! In WebAssembly a worker is a web worker with its own instance of the module and its own stack. It runs kernels only:
//! it calls no JavaScript, takes no lock and starts no thread. So the standard library, which is compiled for one thread,
//! never meets a second one. Memory is allocated behind a lock of the module's own.

use super::chunk::chunk_size;
use std::hint::spin_loop;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};

/// One `parallel_for`: threads take its chunks one after the other.
struct Job {
    work: *const (dyn Fn(usize, usize) + Sync),
    total: u32,
    chunk: u32,
    next: AtomicU32,
}

impl Job {
    /// Takes chunks until none is left.
    fn drain(&self) {
        // Check before `fetch_add`: idle workers poll and could overflow the counter.
        while self.next.load(SeqCst) < self.total {
            let first = self.next.fetch_add(self.chunk, SeqCst);
            if first >= self.total {
                return;
            }
            let last = self.total.min(first + self.chunk);
            // SAFETY: `parallel_for` keeps the work alive until no worker holds the job.
            unsafe { (*self.work)(first as usize, last as usize) };
        }
    }
}

/// Spinning. Natively it yields now and then: the thread that is waited for may need this core.
#[derive(Default)]
struct Spin(u32);

impl Spin {
    fn turn(&mut self) {
        self.0 = self.0.wrapping_add(1);
        if cfg!(not(target_arch = "wasm32")) && self.0.is_multiple_of(2000) {
            std::thread::yield_now();
        } else {
            spin_loop();
        }
    }
}

/// Counts a worker as busy while it may hold the job.
struct BusyGuard<'a>(&'a ThreadPool);

impl Drop for BusyGuard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison();
        }
        self.0.busy.fetch_sub(1, SeqCst);
    }
}

/// A job that workers can see. Dropping it takes the job back and waits for the workers, also in a panic.
struct PostedJob<'a>(&'a ThreadPool);

impl Drop for PostedJob<'_> {
    fn drop(&mut self) {
        self.0.job.store(null_mut(), SeqCst);
        let mut spin = Spin::default();
        // Natively a worker that panics is still counted out. In WebAssembly it stops where it is.
        while self.0.busy.load(SeqCst) > 0 && !(cfg!(target_arch = "wasm32") && self.0.poisoned.load(SeqCst)) {
            spin.turn();
        }
    }
}

/// The state that workers and the thread of the network share.
pub struct ThreadPool {
    /// The futex word: rises with each scope, and sleeping workers wait on it.
    epoch: AtomicU32,
    /// Whether a scope is open.
    awake: AtomicBool,
    /// Workers that may hold the job.
    busy: AtomicU32,
    job: AtomicPtr<Job>,
    /// The number of workers.
    workers: AtomicU32,
    /// Whether a worker panicked: its chunk will never be finished.
    poisoned: AtomicBool,
}

/// While it exists, workers are awake.
#[cfg(any(test, target_arch = "wasm32"))]
pub struct ParallelScope<'a>(&'a ThreadPool);

#[cfg(any(test, target_arch = "wasm32"))]
impl Drop for ParallelScope<'_> {
    fn drop(&mut self) {
        self.0.sleep();
    }
}

impl ThreadPool {
    /// A pool without workers.
    pub const fn new() -> Self {
        Self {
            epoch: AtomicU32::new(0),
            awake: AtomicBool::new(false),
            busy: AtomicU32::new(0),
            job: AtomicPtr::new(null_mut()),
            workers: AtomicU32::new(0),
            poisoned: AtomicBool::new(false),
        }
    }

    /// Sets the number of workers. They may still be starting: no chunk is reserved for them.
    pub fn set_workers(&self, count: u32) {
        self.workers.store(count, SeqCst);
    }

    /// The number of threads of a run, the caller's included.
    pub fn threads(&self) -> usize {
        1 + self.workers.load(SeqCst) as usize
    }

    /// Notes that a worker died in the middle of a chunk.
    pub fn poison(&self) {
        self.poisoned.store(true, SeqCst);
    }

    /// The word that rises with each scope. Sleeping workers wait on it.
    #[cfg(target_arch = "wasm32")]
    pub fn futex_word(&self) -> &AtomicU32 {
        &self.epoch
    }

    /// Begins a scope: workers in [`ThreadPool::run_worker`] take chunks from now on.
    pub fn wake(&self) {
        self.awake.store(true, SeqCst);
        self.epoch.fetch_add(1, SeqCst);
    }

    /// Ends a scope.
    pub fn sleep(&self) {
        self.awake.store(false, SeqCst);
    }

    /// Begins a scope. `notify` wakes the workers that wait on the word it is given.
    #[cfg(any(test, target_arch = "wasm32"))]
    pub fn scope(&self, notify: impl FnOnce(&AtomicU32)) -> ParallelScope<'_> {
        if self.workers.load(SeqCst) > 0 {
            self.wake();
            notify(&self.epoch);
        }
        ParallelScope(self)
    }

    /// A worker's part of a scope. Returns the scope's epoch at its end: sleep until the futex word differs from it.
    pub fn run_worker(&self) -> u32 {
        let epoch = self.epoch.load(SeqCst);
        let mut spin = Spin::default();
        while self.awake.load(SeqCst) {
            if self.job.load(SeqCst).is_null() {
                spin.turn();
                continue;
            }
            // Count as busy before reading the job: who takes the job back then sees one or the other.
            self.busy.fetch_add(1, SeqCst);
            let busy = BusyGuard(self);
            let job = self.job.load(SeqCst);
            if !job.is_null() {
                // SAFETY: `parallel_for` keeps the job alive until no worker is busy.
                unsafe { (*job).drain() };
            }
            drop(busy);
            spin.turn();
        }
        epoch
    }

    /// Calls `work(first, last)` for chunks of `0..total` until all is done. The size of a chunk is a multiple of
    /// `grain`. Workers take chunks during a scope; outside there is one chunk.
    ///
    /// # Panics
    /// If a worker panicked.
    pub fn parallel_for(&self, total: usize, grain: usize, work: &(dyn Fn(usize, usize) + Sync)) {
        let threads = self.threads();
        if threads == 1 || total <= grain || !self.awake.load(SeqCst) {
            return work(0, total);
        }
        let chunk = chunk_size(total, grain, threads);
        // SAFETY: only the lifetime changes, and `PostedJob` ends every use of `work` before this function returns.
        let work = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize, usize) + Sync + '_), *const (dyn Fn(usize, usize) + Sync)>(work)
        };
        let job = Job { work, total: total as u32, chunk: chunk as u32, next: AtomicU32::new(0) };
        self.job.store((&raw const job).cast_mut(), SeqCst);
        let posted = PostedJob(self);
        job.drain();
        drop(posted);
        assert!(!self.poisoned.load(SeqCst), "a thread of the network failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn every_chunk_is_done_once() {
        let pool = ThreadPool::new();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        pool.run_worker();
                        std::thread::yield_now();
                    }
                });
            }
            pool.set_workers(3);
            for round in 0..200 {
                let total = 1 + round * 7 % 611;
                let seen: Vec<AtomicU32> = (0..total).map(|_| AtomicU32::new(0)).collect();
                let notified = AtomicBool::new(false);
                let frame = pool.scope(|_| notified.store(true, SeqCst));
                for _ in 0..3 {
                    pool.parallel_for(total, 4, &|first, last| {
                        assert!(first < last && first % 4 == 0);
                        for one in &seen[first..last] {
                            one.fetch_add(1, SeqCst);
                        }
                    });
                }
                drop(frame);
                assert!(notified.load(SeqCst));
                assert!(seen.iter().all(|one| one.load(SeqCst) == 3));
            }
            stop.store(true, SeqCst);
        });
    }

    #[test]
    fn idle_workers_do_not_overflow_the_counter() {
        let pool = ThreadPool::new();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    pool.run_worker();
                }
            });
            pool.set_workers(1);
            let calls = AtomicU32::new(0);
            let frame = pool.scope(|_| {});
            let runner = std::thread::current().id();
            // The runner takes long over its chunk: the worker finds nothing left a million times.
            pool.parallel_for(1 << 30, 1 << 28, &|_, _| {
                calls.fetch_add(1, SeqCst);
                if std::thread::current().id() == runner {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
            });
            drop(frame);
            stop.store(true, SeqCst);
            assert_eq!(calls.load(SeqCst), 4);
        });
    }

    #[test]
    fn without_workers_there_is_one_chunk() {
        let pool = ThreadPool::new();
        let calls = AtomicU32::new(0);
        let _frame = pool.scope(|_| panic!("there is no worker to notify"));
        pool.parallel_for(1000, 4, &|first, last| {
            assert_eq!((first, last), (0, 1000));
            calls.fetch_add(1, SeqCst);
        });
        assert_eq!(calls.load(SeqCst), 1);
    }

    #[test]
    fn a_panic_in_a_worker_fails_the_run() {
        let pool = ThreadPool::new();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let _ = catch_unwind(AssertUnwindSafe(|| pool.run_worker()));
                }
            });
            pool.set_workers(1);
            let runner = std::thread::current().id();
            let frame = pool.scope(|_| {});
            let run = catch_unwind(AssertUnwindSafe(|| {
                pool.parallel_for(100, 1, &|_, _| {
                    assert_eq!(std::thread::current().id(), runner, "on purpose");
                    std::thread::sleep(std::time::Duration::from_millis(50));
                });
            }));
            drop(frame);
            stop.store(true, SeqCst);
            assert!(run.is_err());
        });
    }
}
