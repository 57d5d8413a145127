//! The GPU executor: runs the operations of a program as shaders on one buffer of activations, in one submission per image.
//!
//! It needs only WebGPU's default limits and no features. What depends on the image size (memory plan, parameters,
//! pipelines, bind groups) is a `CompiledPlan`, made once per size. A frame is then an upload of the image, the recorded
//! dispatches, and a read-back of the candidates above the objectness threshold.

mod compiled_plan;
mod device;
mod dispatch;
mod fuse;
pub mod pack;
mod results;
pub mod step;
mod texture;
#[cfg(not(target_arch = "wasm32"))]
mod timing;
mod tuning;
pub mod wgsl;

pub use device::Gpu;
pub use tuning::{Tuning, WeightSharing};

use super::plan::{Layout, Plan, Retain};
use super::program::{INPUT, OpKind, Program};
use crate::detection::{Candidate, RawMap};
use crate::image::Geometry;
use crate::weights::Tensor;
use crate::{Error, ErrorKind, Result};
use compiled_plan::{CompiledPlan, InputKind};
use half::f16;
use std::ops::Range;

/// The outputs of all rows, and the raw maps.
pub type Rows = (Vec<Option<Tensor>>, Vec<RawMap>);

/// A network on a GPU.
pub struct GpuExecutor {
    gpu: Gpu,
    tuning: Tuning,
    weights: wgpu::Buffer,
    /// The byte range of each operation in `weights`.
    ranges: Vec<Range<u64>>,
    heads: Vec<Head>,
    /// The plans of the sizes used last, the current one first: portrait and landscape images alternate without recompiling.
    compiled: Vec<CompiledPlan>,
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
            // An empty binding is not allowed: at least one block.
            let values = values.iter().chain(&[0.0; 4]);
            match f16_storage {
                true => bytes.extend(values.flat_map(|&v| f16::from_f32(v).to_le_bytes())),
                false => bytes.extend(values.flat_map(|v| v.to_le_bytes())),
            }
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
        Ok(Self { gpu: gpu.clone(), tuning, weights, ranges, heads, compiled: Vec::new() })
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
        self.weights.size() + self.compiled.iter().map(CompiledPlan::bytes).sum::<u64>()
    }

    /// The number of dispatches for the last image size.
    pub fn dispatches(&self) -> usize {
        self.compiled.first().map_or(0, |p| p.steps.len())
    }

    /// `[height, width]` of each detect map for the last image size.
    pub fn map_sizes(&self, program: &Program) -> Vec<[usize; 2]> {
        let Some(compiled) = self.compiled.first() else { return Vec::new() };
        program.outputs.iter().map(|&v| [compiled.plan.views[v].height, compiled.plan.views[v].width]).collect()
    }

    /// Compiles the plan for images of `[height, width]`, if it is not there yet.
    ///
    /// # Errors
    /// A size that doesn't fit the network or the device; a shader that the device refuses.
    pub async fn prepare(&mut self, program: &Program, size: [usize; 2]) -> Result<()> {
        if let Some(known) = self.compiled.iter().position(|p| p.plan.size == size) {
            self.compiled[..=known].rotate_right(1);
            return Ok(());
        }
        // Free memory first: two large plans may not fit side by side.
        self.compiled.truncate(MAX_PLANS - 1);
        if self.compiled.iter().map(CompiledPlan::bytes).sum::<u64>() > MAX_PLAN_BYTES {
            self.compiled.clear();
        }
        let plan = Plan::new(program, size, Layout::Blocks, Retain::Maps)?;
        let compiled = CompiledPlan::new(self, program, plan, false).await?;
        self.compiled.insert(0, compiled);
        Ok(())
    }

    /// Every row's output as `(C, H, W)`, none for Detect, and the raw maps: for checking from outside.
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn rows(&mut self, program: &Program, pixels: &[f32], size: [usize; 2]) -> Result<Rows> {
        let plan = Plan::new(program, size, Layout::Blocks, Retain::Rows)?;
        let compiled = CompiledPlan::new(self, program, plan, true).await?;
        compiled.upload_values(&self.gpu, pixels, channels_of(program, pixels, size)?);
        compiled.run_maps(&self.gpu, InputKind::Values);
        let rows = compiled.read_rows(&self.gpu, program).await?;
        compiled.run_maps(&self.gpu, InputKind::Values);
        Ok((rows, compiled.read_maps(&self.gpu, program).await?))
    }

    /// The raw maps for a channels-last image with values from 0 to 1.
    ///
    /// # Errors
    /// As [`GpuExecutor::prepare`]; a device that failed.
    pub async fn maps(&mut self, program: &Program, pixels: &[f32], size: [usize; 2]) -> Result<Vec<RawMap>> {
        self.prepare(program, size).await?;
        let channels = channels_of(program, pixels, size)?;
        let compiled = self.compiled.first().ok_or_else(not_ready)?;
        compiled.upload_values(&self.gpu, pixels, channels);
        compiled.run_maps(&self.gpu, InputKind::Values);
        compiled.read_maps(&self.gpu, program).await
    }

    /// The candidates of a letterboxed image (RGB bytes) whose objectness is above `threshold` (a logit), by detect level.
    /// `None` if there are too many, or the network's heads are no 1x1 convolutions: use [`GpuExecutor::maps_of_image`] then.
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn candidates(
        &mut self,
        program: &Program,
        rgb: &[u8],
        size: [usize; 2],
        threshold: f32,
    ) -> Result<Option<Vec<Vec<Candidate>>>> {
        self.prepare(program, size).await?;
        if !self.finds_candidates(program) {
            return Ok(None);
        }
        let compiled = self.compiled.first().ok_or_else(not_ready)?;
        compiled.upload_image(&self.gpu, rgb)?;
        compiled.run_candidates(&self.gpu, InputKind::Bytes, threshold);
        compiled.read_candidates(&self.gpu, &self.heads).await
    }

    /// Whether candidates can be computed on the GPU.
    fn finds_candidates(&self, program: &Program) -> bool {
        self.heads.len() == program.outputs.len() && !program.outputs.is_empty() && program.values[INPUT].channels == 3
    }

    /// A texture (RGBA, 8 bits) for images of `[height, width]`, which [`GpuExecutor::candidates_of_texture`] letterboxes as
    /// `geometry` says. It stays the same until another size is requested.
    ///
    /// # Errors
    /// As [`GpuExecutor::prepare`]; pictures larger than the device's textures.
    pub async fn texture(&mut self, program: &Program, size: [usize; 2], geometry: &Geometry) -> Result<wgpu::Texture> {
        self.prepare(program, geometry.size).await?;
        let gpu = self.gpu.clone();
        self.compiled.first_mut().ok_or_else(not_ready)?.texture(&gpu, size, geometry).await
    }

    /// As [`GpuExecutor::candidates`], for the image that was copied to the texture of [`GpuExecutor::texture`] last.
    ///
    /// # Errors
    /// A device that failed.
    pub async fn candidates_of_texture(
        &mut self,
        program: &Program,
        threshold: f32,
    ) -> Result<Option<Vec<Vec<Candidate>>>> {
        if !self.finds_candidates(program) {
            return Ok(None);
        }
        let compiled = self.compiled.first().ok_or_else(not_ready)?;
        compiled.run_candidates(&self.gpu, InputKind::Texture, threshold);
        compiled.read_candidates(&self.gpu, &self.heads).await
    }

    /// The raw maps for the image in the texture.
    ///
    /// # Errors
    /// A device that failed.
    pub async fn maps_of_texture(&mut self, program: &Program) -> Result<Vec<RawMap>> {
        let compiled = self.compiled.first().ok_or_else(not_ready)?;
        compiled.run_maps(&self.gpu, InputKind::Texture);
        compiled.read_maps(&self.gpu, program).await
    }

    /// The raw maps for a letterboxed image (RGB bytes).
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn maps_of_image(&mut self, program: &Program, rgb: &[u8], size: [usize; 2]) -> Result<Vec<RawMap>> {
        self.prepare(program, size).await?;
        let compiled = self.compiled.first().ok_or_else(not_ready)?;
        compiled.upload_image(&self.gpu, rgb)?;
        compiled.run_maps(&self.gpu, InputKind::Bytes);
        compiled.read_maps(&self.gpu, program).await
    }
}

/// The input's channels, if `pixels` has as many as it should.
fn channels_of(program: &Program, pixels: &[f32], size: [usize; 2]) -> Result<usize> {
    let channels = program.values[INPUT].channels;
    if pixels.len() == size[0] * size[1] * channels {
        return Ok(channels);
    }
    let message = format!("{} values are no map of {}x{}x{channels}", pixels.len(), size[1], size[0]);
    Err(Error::new(ErrorKind::Argument, message))
}

fn not_ready() -> Error {
    Error::new(ErrorKind::Device, "the GPU executor is not compiled")
}

fn too_large(what: &str, needed: u64, most: u64) -> Error {
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    Error::new(ErrorKind::Device, format!("{what} need {} MB in one buffer, the GPU allows {}", mb(needed), mb(most)))
        .at("GPU")
        .hint("use a smaller picture size, or the processor (device cpu)")
}
