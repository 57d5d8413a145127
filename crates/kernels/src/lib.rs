//! The kernels of the CPU executor: what a network computes in, on plain memory. They know nothing of networks, files or images.
//!
//! Maps are channels-last views of one arena ([`Map`], [`MapMut`]). A kernel computes some rows or pixels of its output, a
//! [`Job`]; [`parallel::parallel_for`] hands out such parts to threads. Weights are packed before in the order in which a kernel
//! reads them ([`PackedConv`], [`PackedInt16`], [`PackedDepthwise`]).
//!
//! Kernels are generic over the instruction set (`simd::Simd`). [`dispatch`] compiles each once for every set, and calls the one
//! that an [`Isa`] names. AVX-512 and AVX2 with FMA are selected at run time; other targets use the set they always have (NEON, SSE2,
//! wasm SIMD128).
//!
//! It is a crate of its own so that it alone is compiled for speed: what else the module for browsers holds is compiled for size.

mod activation;
mod aligned;
mod attention;
mod conv;
mod depthwise;
pub mod dispatch;
pub mod elementwise;
mod epilogue;
mod int16;
mod isa;
mod job;
mod map;
mod math;
pub mod parallel;
pub mod resize;
mod shape;
mod simd;

pub use activation::Activation;
pub use aligned::Aligned;
pub use conv::PackedConv;
pub use depthwise::PackedDepthwise;
pub use int16::{Job as Int16Job, PackedInt16, Source};
pub use isa::Isa;
pub use job::Job;
pub use map::{Map, MapMut};
pub use shape::{ConvShape, ConvWeights};

/// Floats behind each map that kernels may read, but never write.
pub const READ_PADDING: usize = 32;
