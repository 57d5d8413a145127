//! From a YAML to rows to a graph, and what the graph costs. No tensors here.

pub mod graph;

pub use graph::{Activation, Graph, Module, Row, Source};
