//! Learning rate, momentum and accumulation over a training.

use serde::{Deserialize, Serialize};

use crate::optimizer::{Optimizer, Step};

/// The batch that the reference's learning rate is meant for.
pub const NOMINAL_BATCH: usize = 64;

/// How the learning rate falls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// In a straight line.
    #[default]
    Linear,
    /// In half a cosine.
    Cosine,
}

/// The reference's schedule and its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Epochs in all.
    pub epochs: usize,
    /// Pictures a batch.
    pub batch: usize,
    /// Batches an epoch.
    pub batches: usize,
    /// The batch that the learning rate is meant for: gradients of smaller ones are summed up to it.
    pub nominal: usize,
    /// First learning rate.
    pub lr0: f32,
    /// The last one, as a part of the first.
    pub lrf: f32,
    /// How it falls.
    pub shape: Shape,
    /// Momentum after the warm-up.
    pub momentum: f32,
    /// Decay of the kernels at the nominal batch.
    pub weight_decay: f32,
    /// Epochs of warm-up.
    pub warmup_epochs: f32,
    /// The fewest batches of warm-up.
    pub warmup_least: usize,
    /// Momentum at its beginning.
    pub warmup_momentum: f32,
    /// The biases' learning rate at its beginning.
    pub warmup_bias_lr: f32,
    /// The learning rate falls with every batch, not with every epoch as the reference's.
    pub smooth: bool,
    /// The rule that makes the steps.
    pub optimizer: Optimizer,
}

impl Schedule {
    /// The reference's numbers for training from scratch.
    pub fn new(epochs: usize, batch: usize, batches: usize) -> Self {
        Self {
            epochs,
            batch,
            batches,
            nominal: NOMINAL_BATCH,
            lr0: 0.01,
            lrf: 0.01,
            shape: Shape::Linear,
            momentum: 0.937,
            weight_decay: 5e-4,
            warmup_epochs: 3.0,
            warmup_least: 100,
            warmup_momentum: 0.8,
            warmup_bias_lr: 0.1,
            smooth: false,
            optimizer: Optimizer::Sgd,
        }
    }

    /// The learning rate of an epoch as a part of the first.
    pub fn factor(&self, epoch: usize) -> f32 {
        self.factor_at(epoch as f32 / self.epochs.max(1) as f32)
    }

    /// The learning rate of an epoch without warm-up: its last one where it falls with every batch.
    pub fn epoch_rate(&self, epoch: usize) -> f32 {
        let progress = (epoch + 1) as f32 / self.epochs.max(1) as f32;
        self.lr0 * if self.smooth { self.factor_at(progress) } else { self.factor(epoch) }
    }

    /// The learning rate at a part of the whole training (0 to 1), as a part of the first.
    fn factor_at(&self, progress: f32) -> f32 {
        match self.shape {
            Shape::Linear => (1.0 - progress) * (1.0 - self.lrf) + self.lrf,
            Shape::Cosine => (1.0 - (progress * std::f32::consts::PI).cos()) / 2.0 * (self.lrf - 1.0) + 1.0,
        }
    }

    /// Batches of warm-up.
    pub fn warmup(&self) -> usize {
        if self.warmup_epochs <= 0.0 {
            return 0;
        }
        ((self.warmup_epochs * self.batches as f32).round() as usize).max(self.warmup_least)
    }

    /// After how many batches a step is due.
    pub fn accumulate(&self, batch: usize) -> usize {
        let full = self.nominal as f32 / self.batch as f32;
        let due = match self.part(batch) {
            Some(part) => 1.0 + (full - 1.0) * part,
            None => full,
        };
        due.round().max(1.0) as usize
    }

    /// The numbers of a step at batch `batch` (counted over all epochs) of `epoch`.
    pub fn at(&self, epoch: usize, batch: usize) -> Step {
        let factor = match self.smooth {
            true => self.factor_at((batch as f32 / (self.epochs * self.batches).max(1) as f32).min(1.0)),
            false => self.factor(epoch),
        };
        let rate = self.lr0 * factor;
        let full = (self.nominal as f32 / self.batch as f32).round().max(1.0);
        let decay = self.weight_decay * self.batch as f32 * full / self.nominal as f32;
        let between = |from: f32, to: f32, part: f32| from + (to - from) * part;
        let (bias_rate, rate, momentum) = match self.part(batch) {
            Some(part) => (
                between(self.warmup_bias_lr, rate, part),
                between(0.0, rate, part),
                between(self.warmup_momentum, self.momentum, part),
            ),
            None => (rate, rate, self.momentum),
        };
        Step { bias_rate, rate, momentum, decay, clip: 10.0, optimizer: self.optimizer, count: 0 }
    }

    /// How far the warm-up is; nothing after it.
    fn part(&self, batch: usize) -> Option<f32> {
        let warmup = self.warmup();
        (warmup > 0 && batch <= warmup).then(|| batch as f32 / warmup as f32)
    }
}
