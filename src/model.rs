//! From a YAML to rows to a graph, and what the graph costs. No tensors here.
//!
//! ```
//! use ghostdet::model::{Cost, builtin, summary};
//!
//! let graph = builtin("yolov5s-ghost-backbone").unwrap().graph(None)?;
//! let line = summary::line("yolov5s-ghost-backbone", &Cost::of(&graph, false), [640, 640]);
//! assert_eq!(
//!     line,
//!     "YOLOv5s-ghost-backbone summary: 321 layers, 5301141 parameters, 5301141 gradients, 11.4 GFLOPs"
//! );
//! # Ok::<(), ghostdet::Error>(())
//! ```

mod activation;
pub mod block;
mod builtin;
mod config;
pub mod cost;
mod diagnostic;
pub mod geometry;
pub mod graph;
pub mod modules;
mod parse_args;
mod profile;
mod resolve;
pub mod summary;
mod yaml;

pub use activation::{Activation, parse as parse_activation};
pub use block::Block;
pub use builtin::{builtin, builtin_names, size_multiples, size_of_name};
pub use config::Config;
pub use cost::{Cost, InputSize};
pub use geometry::BATCH_NORM_EPSILON;
pub use graph::{Graph, Row, Source};
