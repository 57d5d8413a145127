//! ghostdet: YOLOv5 with GhostNet's modules, from a YAML and a checkpoint to boxes.
//!
//! ```text
//! model.yaml -> rows -> graph -> cost, summary, comparison      (model)
//!                         |
//! checkpoint -> named tensors, batch norm folded  (weights) -> plan -> executor  (engine)
//!                                                                  |
//! photo -> pixels -> letterbox  (image) ---------------------> raw maps -> boxes  (detection)
//! ```
//!
//! [`Detector`] is the one door for all faces.

pub mod data;
pub mod detection;
pub mod detector;
pub mod engine;
mod error;
pub mod image;
pub mod model;
pub mod weights;

pub use detector::Detector;
pub use error::{Error, ErrorKind, Result};
