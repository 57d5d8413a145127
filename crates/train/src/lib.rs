//! Training of ghostdet's networks: YOLOv5's recipe on Burn's automatic differentiation.
//!
//! ```text
//! data set -> augmentation -> batches            (augment, loader)
//! batch -> network -> raw maps -> loss, its gradient -> network's gradients -> SGD, EMA   (loss, optimizer)
//! epochs, validation, checkpoints, curves        (run, results, plot)
//! ```

pub mod anchors;
pub mod augment;
pub mod convert;
pub mod hyp;
pub mod init;
pub mod loader;
pub mod loss;
pub mod optimizer;
pub mod plot;
pub mod recipe;
pub mod results;
pub mod run;
pub mod schedule;
pub mod state;
pub mod trainer;
mod tune_malloc;

pub use init::initial;
pub use tune_malloc::tune_malloc;

/// Where training computes.
pub mod device {
    #[cfg(feature = "gpu")]
    pub use ghostdet_burn::gpu;
    pub use ghostdet_burn::{Device, cpu};
}
