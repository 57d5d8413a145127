//! Training of ghostdet's networks: YOLOv5's recipe on Burn's automatic differentiation.
//!
//! ```text
//! data set -> augmentation -> batches                                                       augment, loader
//! batch -> network -> raw maps -> loss and its gradient -> gradients -> optimizer, EMA      trainer, loss, optimizer
//! epochs, validation, checkpoints, curves                                                   run, results, plot
//! ```
//!
//! [`run::run`] does all of it. What it needs, [`run::Options`] lists; [`hyp::Hyp`] reads the numbers among them from the
//! reference's hyperparameter files, and [`recipe::Recipe`] whole trainings.
//!
//! ```no_run
//! use std::sync::atomic::AtomicBool;
//!
//! use ghostdet::data::{Dataset, Split};
//! use ghostdet::weights::Checkpoint;
//! use ghostdet_train::hyp::Hyp;
//! use ghostdet_train::run::{Event, Options, run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let weights = Checkpoint::load(&std::fs::read("yolov5n-ghost-backbone.safetensors")?)?;
//! let config = ghostdet::model::builtin("yolov5n-ghost-backbone").ok_or("not built in")?;
//! let data = Dataset::open_split("data.yaml".as_ref(), None, Split::Train)?;
//! let hyp = Hyp::fine_tuning();
//! let options = Options {
//!     weights: Some(weights),
//!     val: Some(Dataset::open("data.yaml".as_ref(), None)?),
//!     imgsz: 320,
//!     ..Options::new(config, data, &hyp, 20, 16)
//! };
//! let outcome = run(options, &AtomicBool::new(false), &mut |event| {
//!     if let Event::Epoch(row, _) = event {
//!         println!("epoch {}: loss {:?}", row.epoch, row.losses);
//!     }
//! })?;
//! println!("best epoch: {:?}", outcome.best);
//! # Ok(())
//! # }
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
    pub use ghostdet_burn::{Device, cpu};
}
