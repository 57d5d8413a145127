//! The interface that all executors implement.

use super::program::Program;
use super::{Candidates, Input, OpTime};
use crate::detection::RawMap;
use crate::weights::Tensor;
use crate::{Error, ErrorKind, Result};
use serde::Serialize;
use std::future::Future;
use std::pin::Pin;

/// A result that may have to be awaited. GPUs answer asynchronously; the CPU computes when it is polled.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// Every row's output as `(C, H, W)` (`None` for Detect), and the raw maps.
pub type Rows = (Vec<Option<Tensor>>, Vec<RawMap>);

/// The kind of device that runs a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// A GPU.
    Gpu,
}

impl DeviceKind {
    /// `cpu` or `gpu`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// What runs a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceInfo {
    /// The kind of device.
    pub kind: DeviceKind,
    /// The adapter's name, or the instruction set of the CPU.
    pub name: String,
    /// The library that drives the device: `cpu` (this one), `wgpu`, or `burn-wgpu` (Burn's WebGPU backend).
    pub backend: &'static str,
    /// How it computes: `fused` (the operations of the program), or `burn-ops` (Burn's own, one after the other).
    pub executor: &'static str,
    /// The number type of activations and products: `float`, `int16`, `half`, `f16`.
    pub precision: &'static str,
    /// The configuration of the kernels, where there are several.
    pub configuration: Option<String>,
    /// Bytes of weights and buffers.
    pub memory: u64,
}

/// `Send + Sync`, but in WebAssembly, where a browser's objects belong to one thread.
#[cfg(not(target_arch = "wasm32"))]
pub trait MaybeSendSync: Send + Sync {}
#[cfg(not(target_arch = "wasm32"))]
impl<T: Send + Sync> MaybeSendSync for T {}
/// `Send + Sync`, but in WebAssembly, where a browser's objects belong to one thread.
#[cfg(target_arch = "wasm32")]
pub trait MaybeSendSync {}
#[cfg(target_arch = "wasm32")]
impl<T> MaybeSendSync for T {}

/// Runs the operations of a program on a device.
///
/// An executor is made for one program and is given that program again in every call. Inputs are channels-last with
/// `[height, width]` in `size`; sides must be multiples of the network's largest stride.
///
/// # Errors
/// Futures give [`ErrorKind::Argument`](crate::ErrorKind::Argument) for an input or a size that doesn't fit, and
/// [`ErrorKind::Device`](crate::ErrorKind::Device) if the device fails or refuses the size.
pub trait Executor: MaybeSendSync {
    /// The device, its precision, its memory.
    fn info(&self) -> DeviceInfo;

    /// The raw maps of all detect levels.
    fn maps<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<RawMap>>;

    /// The candidates: cells whose objectness is above `threshold` (a logit), or is NaN. `None` if the executor can't pick
    /// them, or there are too many: use [`Executor::maps`] then.
    fn candidates<'a>(
        &'a self,
        program: &'a Program,
        input: Input<'a>,
        size: [usize; 2],
        threshold: f32,
    ) -> Pending<'a, Option<Candidates>> {
        let _ = (program, input, size, threshold);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Every row's output, and the raw maps: for checking from outside.
    fn rows<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Rows>;

    /// The milliseconds of each operation.
    fn profile<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<OpTime>>;

    /// A texture for images of `[height, width]` and the queue to fill it by. A run with [`Input::Texture`] letterboxes it
    /// as `geometry` says. `None` if the executor takes no textures.
    #[cfg(feature = "gpu")]
    fn texture<'a>(
        &'a self,
        program: &'a Program,
        size: [usize; 2],
        geometry: &'a crate::image::Geometry,
    ) -> Pending<'a, Option<super::gpu::TextureTarget>> {
        let _ = (program, size, geometry);
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// The executor of an engine that has none: it refuses everything.
pub(super) struct Nowhere;

pub(super) fn nowhere() -> Error {
    Error::new(ErrorKind::Device, "the network was loaded without the CPU's kernels, and no executor is attached")
}

fn refuse<T>() -> Pending<'static, T>
where
    T: 'static,
{
    Box::pin(std::future::ready(Err(nowhere())))
}

impl Executor for Nowhere {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            kind: DeviceKind::Cpu,
            name: "none".into(),
            backend: "cpu",
            executor: "fused",
            precision: "float",
            configuration: None,
            memory: 0,
        }
    }

    fn maps<'a>(&'a self, _: &'a Program, _: Input<'a>, _: [usize; 2]) -> Pending<'a, Vec<RawMap>> {
        refuse()
    }

    fn rows<'a>(&'a self, _: &'a Program, _: Input<'a>, _: [usize; 2]) -> Pending<'a, Rows> {
        refuse()
    }

    fn profile<'a>(&'a self, _: &'a Program, _: Input<'a>, _: [usize; 2]) -> Pending<'a, Vec<OpTime>> {
        refuse()
    }
}
