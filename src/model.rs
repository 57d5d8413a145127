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
mod arguments;
mod builtin;
mod config;
pub mod cost;
mod diagnostic;
pub mod graph;
mod meter;
mod resolve;
pub mod summary;
mod yaml;

pub use builtin::{builtin, builtin_names, size_multiples, size_of_name};
pub use config::Config;
pub use cost::{Cost, InputSize};
pub use graph::{Activation, Graph, Module, Row, Source};
