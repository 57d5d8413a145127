//! How fast training goes.

use std::time::Duration;

/// Pictures a second, newer batches counting more.
#[derive(Default)]
pub(super) struct Throughput {
    pictures: f64,
    seconds: f64,
    /// What the last save took.
    pub(super) saving: Duration,
}

impl Throughput {
    pub(super) fn add(&mut self, pictures: usize, took: Duration) {
        const KEPT: f64 = 0.9;
        self.pictures = self.pictures * KEPT + pictures as f64;
        self.seconds = self.seconds * KEPT + took.as_secs_f64();
    }

    pub(super) fn rate(&self) -> f64 {
        self.pictures / self.seconds.max(1e-9)
    }
}
