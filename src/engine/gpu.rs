//! The GPU executor: runs the operations of a program as shaders on one buffer of activations, in one submission per image.
//!
//! It needs only WebGPU's default limits and no features. What depends on the image size (memory plan, parameters,
//! pipelines, bind groups) is a `CompiledPlan`, made once per size. A frame is then an upload of the image, the recorded
//! dispatches, and a read-back of the candidates above the objectness threshold.

mod buffers;
mod compiled_plan;
mod device;
mod dispatch;
mod fuse;
pub mod pack;
pub mod parameters;
mod planes;
mod results;
mod schedule;
pub mod step;
mod texture;
#[cfg(not(target_arch = "wasm32"))]
mod timing;
mod tuning;
mod upload;
pub mod wgsl;

pub use device::{Gpu, GpuSource};
pub use planes::Planes;
pub use tuning::{Tuning, WeightSharing};

use super::executor::{DeviceInfo, DeviceKind, Executor, Pending, Rows};
use super::plan::{Layout, Plan, Retain};
use super::program::{INPUT, OpKind, Program};
use super::{Candidates, Input, OpTime};
use crate::detection::RawMap;
use crate::image::Geometry;
use crate::{Error, ErrorKind, Result};
use compiled_plan::{CompiledPlan, InputKind};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A network on a GPU.
pub struct GpuExecutor {
    gpu: Gpu,
    tuning: Tuning,
    weights: wgpu::Buffer,
    /// The byte range of each operation in `weights`.
    ranges: Vec<Range<u64>>,
    heads: Vec<Head>,
    /// The plans of the sizes used last, the last one first: portrait and landscape images alternate without recompiling.
    plans: Mutex<Vec<CompiledPlan>>,
}

/// Destroys the buffer eagerly, as `CompiledPlan` does.
impl Drop for GpuExecutor {
    fn drop(&mut self) {
        self.weights.destroy();
    }
}

/// A detect level's convolution.
struct Head {
    op: usize,
    range: Range<u64>,
    anchors: usize,
    outputs: usize,
}

/// The alignment of ranges of storage and uniform buffers: WebGPU's default limit.
const ALIGNMENT: usize = 256;

/// The most image sizes whose plans are kept.
const MAX_PLANS: usize = 3;

/// If the kept plans have more bytes than this, only the current one is kept.
const MAX_PLAN_BYTES: u64 = 64 << 20;

impl GpuExecutor {
    /// Packs and uploads the weights of `program`.
    ///
    /// # Errors
    /// Weights that are too large for the device.
    pub fn new(gpu: &Gpu, program: &Program, tuning: Tuning) -> Result<Self> {
        if tuning.f16_math && !gpu.f16() {
            return Err(Error::new(ErrorKind::Device, "the adapter has no shader-f16").at(gpu.name.clone()));
        }
        let tuning = tuning.fit(program);
        let mut bytes: Vec<u8> = Vec::new();
        let mut put = |values: &[f32], f16_storage: bool| {
            let start = bytes.len();
            bytes.extend_from_slice(&pack::stored(values, f16_storage));
            // An empty binding is not allowed: at least one block.
            bytes.extend_from_slice(&pack::stored(&[0.0; 4], f16_storage));
            let end = bytes.len();
            bytes.resize(end.next_multiple_of(ALIGNMENT), 0);
            start as u64..end as u64
        };
        let ranges =
            (0..program.ops.len()).map(|op| put(&step::weights(program, op, tuning), tuning.f16_storage)).collect();
        let mut heads = Vec::new();
        let anchors = program.anchors;
        for &value in &program.outputs {
            let Some(op) = program.ops.iter().position(|op| op.output == value) else { continue };
            let OpKind::Conv { shape, weights, .. } = &program.ops[op].kind else { continue };
            if !step::is_pointwise_head(program, op) || !shape.channels[1].is_multiple_of(anchors.max(1)) {
                continue;
            }
            let range = put(&pack::head(shape, weights), false);
            heads.push(Head { op, range, anchors, outputs: shape.channels[1] / anchors.max(1) });
        }
        let limits = gpu.device.limits();
        if bytes.len() as u64 > limits.max_buffer_size {
            return Err(too_large("the weights", bytes.len() as u64, limits.max_buffer_size));
        }
        let weights = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("weights"),
            size: bytes.len() as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&weights, 0, &bytes);
        Ok(Self { gpu: gpu.clone(), tuning, weights, ranges, heads, plans: Mutex::default() })
    }

    /// The configuration of its shaders.
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// The GPU it runs on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Bytes of GPU memory: weights, and the buffers of the kept plans.
    pub fn bytes(&self) -> u64 {
        self.weights.size() + self.plans().iter().map(CompiledPlan::bytes).sum::<u64>()
    }

    /// The number of dispatches for the last image size.
    pub fn dispatches(&self) -> usize {
        self.plans().first().map_or(0, |plan| plan.steps.len())
    }

    fn plans(&self) -> MutexGuard<'_, Vec<CompiledPlan>> {
        self.plans.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compiles the plan for inputs of `[height, width]`, if it is not there yet.
    ///
    /// # Errors
    /// A size that doesn't fit the network or the device; a shader that the device refuses.
    pub async fn prepare(&self, program: &Program, size: [usize; 2]) -> Result<()> {
        self.with_plan(program, size, async |_| Ok(())).await
    }

    /// Runs `body` on the plan for `size`. The plan leaves the list meanwhile, so that no lock is held while it is awaited;
    /// a run that is cancelled drops its plan.
    async fn with_plan<T>(
        &self,
        program: &Program,
        size: [usize; 2],
        body: impl AsyncFnOnce(&mut CompiledPlan) -> Result<T>,
    ) -> Result<T> {
        let mut plan = match self.take_plan(size) {
            Some(plan) => plan,
            None => {
                let plan = Plan::new(program, size, Layout::Blocks, Retain::Maps)?;
                CompiledPlan::new(self, program, plan, false).await?
            }
        };
        let outcome = body(&mut plan).await;
        self.plans().insert(0, plan);
        outcome
    }

    /// The plan for `size`, taken from the list; `None` after making room for a new one.
    fn take_plan(&self, size: [usize; 2]) -> Option<CompiledPlan> {
        let mut plans = self.plans();
        if let Some(known) = plans.iter().position(|plan| plan.plan.size == size) {
            return Some(plans.remove(known));
        }
        // Free memory first: two large plans may not fit side by side.
        plans.truncate(MAX_PLANS - 1);
        if plans.iter().map(CompiledPlan::bytes).sum::<u64>() > MAX_PLAN_BYTES {
            plans.clear();
        }
        None
    }

    /// Uploads `input` for a run of `plan`.
    fn upload(&self, program: &Program, plan: &CompiledPlan, input: Input<'_>) -> Result<InputKind> {
        let channels = program.values[INPUT].channels;
        match input {
            Input::Bytes(rgb) if channels == 3 => {
                plan.upload_image(&self.gpu, rgb)?;
                Ok(InputKind::Bytes)
            }
            Input::Values(values) => {
                input.check(&plan.plan)?;
                plan.upload_values(&self.gpu, values, channels);
                Ok(InputKind::Values)
            }
            Input::Bytes(bytes) => {
                input.check(&plan.plan)?;
                let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
                plan.upload_values(&self.gpu, &values, channels);
                Ok(InputKind::Values)
            }
            Input::Texture if plan.has_texture() => Ok(InputKind::Texture),
            Input::Texture => Err(not_ready()),
        }
    }

    /// Whether the GPU can compute candidates.
    fn finds_candidates(&self, program: &Program) -> bool {
        self.heads.len() == program.outputs.len() && !program.outputs.is_empty() && program.values[INPUT].channels == 3
    }
}

/// A texture to fill with an image (RGBA, 8 bits), on its device.
pub struct TextureTarget {
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// The texture.
    pub texture: wgpu::Texture,
}

impl Executor for GpuExecutor {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            kind: DeviceKind::Gpu,
            name: self.gpu.name.clone(),
            backend: "wgpu",
            executor: "fused",
            precision: match (self.tuning.f16_storage, self.tuning.f16_math) {
                (true, true) => "f16",
                (true, false) => "half",
                _ => "float",
            },
            configuration: Some(self.tuning.to_string()),
            memory: self.bytes(),
        }
    }

    fn maps<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<RawMap>> {
        Box::pin(self.with_plan(program, size, async move |plan| {
            let kind = self.upload(program, plan, input)?;
            plan.run_maps(&self.gpu, kind);
            plan.read_maps(&self.gpu, program).await
        }))
    }

    fn candidates<'a>(
        &'a self,
        program: &'a Program,
        input: Input<'a>,
        size: [usize; 2],
        threshold: f32,
    ) -> Pending<'a, Option<Candidates>> {
        if !self.finds_candidates(program) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        Box::pin(self.with_plan(program, size, async move |plan| {
            let kind = self.upload(program, plan, input)?;
            plan.run_candidates(&self.gpu, kind, threshold);
            let levels = plan.read_candidates(&self.gpu, &self.heads).await?;
            Ok(levels.map(|levels| Candidates { levels, sizes: plan.plan.map_sizes(program) }))
        }))
    }

    fn rows<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Rows> {
        Box::pin(async move {
            let plan = Plan::new(program, size, Layout::Blocks, Retain::Rows)?;
            let plan = CompiledPlan::new(self, program, plan, true).await?;
            let kind = self.upload(program, &plan, input)?;
            plan.run_maps(&self.gpu, kind);
            let rows = plan.read_rows(&self.gpu, program).await?;
            plan.run_maps(&self.gpu, kind);
            Ok((rows, plan.read_maps(&self.gpu, program).await?))
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn profile<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<OpTime>> {
        Box::pin(self.time_operations(program, input, size))
    }

    #[cfg(target_arch = "wasm32")]
    fn profile<'a>(&'a self, _: &'a Program, _: Input<'a>, _: [usize; 2]) -> Pending<'a, Vec<OpTime>> {
        let error = Error::new(ErrorKind::Argument, "browsers can't time the operations of a GPU");
        Box::pin(std::future::ready(Err(error)))
    }

    fn texture<'a>(
        &'a self,
        program: &'a Program,
        size: [usize; 2],
        geometry: &'a Geometry,
    ) -> Pending<'a, Option<TextureTarget>> {
        if program.values[INPUT].channels != 3 {
            return Box::pin(std::future::ready(Ok(None)));
        }
        Box::pin(self.with_plan(program, geometry.size, async move |plan| {
            let texture = plan.texture(&self.gpu, size, geometry).await?;
            Ok(Some(TextureTarget { device: self.gpu.device.clone(), queue: self.gpu.queue.clone(), texture }))
        }))
    }
}

fn not_ready() -> Error {
    Error::new(ErrorKind::Device, "the GPU executor is not ready")
}

fn too_large(what: &str, needed: u64, most: u64) -> Error {
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    Error::new(ErrorKind::Device, format!("{what} need {} MB in one buffer, the GPU allows {}", mb(needed), mb(most)))
        .at("GPU")
        .hint("use a smaller picture size, or the processor (device cpu)")
}
