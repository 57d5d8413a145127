//! Threads that take bands of work from the one that runs the network.
//!
//! Between frames helpers sleep, during one they turn in a loop: a frame has up to ninety steps of a fraction of a millisecond, and
//! waking somebody takes a tenth of one.
//!
//! In WebAssembly a helper is a worker of the page with its own instance of the module and its own stack. It computes kernels
//! and nothing else: it calls no JavaScript, takes no lock and starts no thread, so the standard library, which is compiled
//! for one thread, never meets a second one; memory is allocated behind a lock of the module's own.

use super::share::band;
use std::hint::spin_loop;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32};

/// Work that is being done: bands that are taken one after the other.
struct Job {
    work: *const (dyn Fn(usize, usize) + Sync),
    total: u32,
    band: u32,
    next: AtomicU32,
}

impl Job {
    /// Takes bands until none is left.
    fn drain(&self) {
        // Asked before it is raised: a helper comes back again and again while others finish, and must not count around.
        while self.next.load(SeqCst) < self.total {
            let first = self.next.fetch_add(self.band, SeqCst);
            if first >= self.total {
                return;
            }
            let last = self.total.min(first + self.band);
            // Safety: the work outlives the job, which is taken back before `bands` returns.
            unsafe { (*self.work)(first as usize, last as usize) };
        }
    }
}

/// Waiting in a loop; natively the processor is lent to others now and then, who may be those that are waited for.
#[derive(Default)]
struct Wait(u32);

impl Wait {
    fn turn(&mut self) {
        self.0 = self.0.wrapping_add(1);
        if cfg!(not(target_arch = "wasm32")) && self.0.is_multiple_of(2000) {
            std::thread::yield_now();
        } else {
            spin_loop();
        }
    }
}

/// A helper that may hold the job.
struct Busy<'a>(&'a Helpers);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
        self.0.busy.fetch_sub(1, SeqCst);
    }
}

/// Work that helpers can see; taken back in the end, whatever happens.
struct Posted<'a>(&'a Helpers);

impl Drop for Posted<'_> {
    fn drop(&mut self) {
        self.0.job.store(null_mut(), SeqCst);
        let mut wait = Wait::default();
        // In WebAssembly one that failed does nothing any more, natively it says that it is out.
        while self.0.busy.load(SeqCst) > 0 && !(cfg!(target_arch = "wasm32") && self.0.broken.load(SeqCst)) {
            wait.turn();
        }
    }
}

/// The helpers of one memory and what they and the runner tell each other.
pub struct Helpers {
    /// Rises with each frame: helpers sleep on it.
    frames: AtomicU32,
    /// A frame is being computed.
    awake: AtomicBool,
    /// Helpers that may hold the job.
    busy: AtomicU32,
    job: AtomicPtr<Job>,
    /// How many there are.
    count: AtomicU32,
    /// One of them failed: nothing it held will be finished.
    broken: AtomicBool,
}

/// While it exists, helpers are awake.
#[cfg(any(test, target_arch = "wasm32"))]
pub struct Frame<'a>(&'a Helpers);

#[cfg(any(test, target_arch = "wasm32"))]
impl Drop for Frame<'_> {
    fn drop(&mut self) {
        self.0.rest();
    }
}

impl Helpers {
    /// Nobody yet.
    pub const fn new() -> Self {
        Self {
            frames: AtomicU32::new(0),
            awake: AtomicBool::new(false),
            busy: AtomicU32::new(0),
            job: AtomicPtr::new(null_mut()),
            count: AtomicU32::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// `count` helpers are there, or will be in a moment: work is never left to them alone.
    pub fn join(&self, count: u32) {
        self.count.store(count, SeqCst);
    }

    /// Threads of a run, the one that asks included.
    pub fn threads(&self) -> usize {
        1 + self.count.load(SeqCst) as usize
    }

    /// A helper died in the middle of its work, which is lost.
    pub fn fail(&self) {
        self.broken.store(true, SeqCst);
    }

    /// Where helpers sleep: the number that rises with each frame.
    #[cfg(target_arch = "wasm32")]
    pub fn bell(&self) -> &AtomicU32 {
        &self.frames
    }

    /// A frame begins: who calls [`Helpers::help`] from now on helps.
    pub fn wake(&self) {
        self.awake.store(true, SeqCst);
        self.frames.fetch_add(1, SeqCst);
    }

    /// A frame is over.
    pub fn rest(&self) {
        self.awake.store(false, SeqCst);
    }

    /// Begins a frame; `ring` wakes those who sleep on the number it is given.
    #[cfg(any(test, target_arch = "wasm32"))]
    pub fn frame(&self, ring: impl FnOnce(&AtomicU32)) -> Frame<'_> {
        if self.count.load(SeqCst) > 0 {
            self.wake();
            ring(&self.frames);
        }
        Frame(self)
    }

    /// A helper's part of a frame. Returns its number when it is over: sleep until there is another.
    pub fn help(&self) -> u32 {
        let frame = self.frames.load(SeqCst);
        let mut wait = Wait::default();
        while self.awake.load(SeqCst) {
            if self.job.load(SeqCst).is_null() {
                wait.turn();
                continue;
            }
            // Busy first, then the job: who takes the job back sees one or the other.
            self.busy.fetch_add(1, SeqCst);
            let busy = Busy(self);
            let job = self.job.load(SeqCst);
            if !job.is_null() {
                // Safety: `bands` keeps the job until nobody is busy.
                unsafe { (*job).drain() };
            }
            drop(busy);
            wait.turn();
        }
        frame
    }

    /// Runs `work(first, last)` over `0..total` in bands of a multiple of `least`, with the helpers during a frame.
    ///
    /// # Panics
    /// If a helper failed.
    pub fn bands(&self, total: usize, least: usize, work: &(dyn Fn(usize, usize) + Sync)) {
        let threads = self.threads();
        if threads == 1 || total <= least || !self.awake.load(SeqCst) {
            return work(0, total);
        }
        let band = band(total, least, threads);
        // Safety: the lifetime is given back below, before this function returns.
        let work = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize, usize) + Sync + '_), *const (dyn Fn(usize, usize) + Sync)>(work)
        };
        let job = Job { work, total: total as u32, band: band as u32, next: AtomicU32::new(0) };
        self.job.store((&raw const job).cast_mut(), SeqCst);
        let posted = Posted(self);
        job.drain();
        drop(posted);
        assert!(!self.broken.load(SeqCst), "a thread of the network failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn every_band_is_done_once() {
        let helpers = Helpers::new();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(SeqCst) {
                        helpers.help();
                        std::thread::yield_now();
                    }
                });
            }
            helpers.join(3);
            for round in 0..200 {
                let total = 1 + round * 7 % 611;
                let seen: Vec<AtomicU32> = (0..total).map(|_| AtomicU32::new(0)).collect();
                let rung = AtomicBool::new(false);
                let frame = helpers.frame(|_| rung.store(true, SeqCst));
                for _ in 0..3 {
                    helpers.bands(total, 4, &|first, last| {
                        assert!(first < last && first % 4 == 0);
                        for one in &seen[first..last] {
                            one.fetch_add(1, SeqCst);
                        }
                    });
                }
                drop(frame);
                assert!(rung.load(SeqCst));
                assert!(seen.iter().all(|one| one.load(SeqCst) == 3));
            }
            stop.store(true, SeqCst);
        });
    }

    #[test]
    fn a_long_band_is_not_taken_again_while_it_lasts() {
        let helpers = Helpers::new();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    helpers.help();
                }
            });
            helpers.join(1);
            let calls = AtomicU32::new(0);
            let frame = helpers.frame(|_| {});
            let runner = std::thread::current().id();
            // The runner takes long over its band: the helper finds nothing left a million times.
            helpers.bands(1 << 30, 1 << 28, &|_, _| {
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
    fn alone_means_in_one_piece() {
        let helpers = Helpers::new();
        let calls = AtomicU32::new(0);
        let _frame = helpers.frame(|_| panic!("nobody to wake"));
        helpers.bands(1000, 4, &|first, last| {
            assert_eq!((first, last), (0, 1000));
            calls.fetch_add(1, SeqCst);
        });
        assert_eq!(calls.load(SeqCst), 1);
    }

    #[test]
    fn work_that_fails_on_a_helper_fails_the_run() {
        let helpers = Helpers::new();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let _ = catch_unwind(AssertUnwindSafe(|| helpers.help()));
                }
            });
            helpers.join(1);
            let runner = std::thread::current().id();
            let frame = helpers.frame(|_| {});
            let run = catch_unwind(AssertUnwindSafe(|| {
                helpers.bands(100, 1, &|_, _| {
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
