//! The GPU executor: the program as shaders on one buffer of activations, one submission a picture.
//!
//! It needs only WebGPU's lowest limits and no features. Everything that depends on the picture's size (places,
//! parameters, pipelines, bind groups) is made once and kept until the size changes; a frame is then an upload of the
//! picture, the recorded dispatches, and a read-back of the cells above the floor.

mod device;
mod dispatch;
mod fuse;
pub mod pack;
mod prepared;
mod results;
pub mod step;
mod texture;
#[cfg(not(target_arch = "wasm32"))]
mod timing;
mod tuning;
pub mod wgsl;

pub use device::Gpu;
pub use tuning::{Sharing, Tuning};

use super::plan::{Keep, Layout, Plan};
use super::program::{INPUT, OpKind, Program};
use crate::detection::{Cell, RawMap};
use crate::picture::Geometry;
use crate::weights::Tensor;
use crate::{Error, ErrorKind, Result};
use half::f16;
use prepared::{From, Prepared};
use std::ops::Range;

/// The outputs of all rows, and the raw maps.
pub type Rows = (Vec<Option<Tensor>>, Vec<RawMap>);

/// A network on a GPU.
pub struct GpuExecutor {
    gpu: Gpu,
    tuning: Tuning,
    weights: wgpu::Buffer,
    /// Bytes of `weights` for each operation, and for the head of each detect level.
    ranges: Vec<Range<u64>>,
    heads: Vec<Head>,
    /// The sizes prepared last, the current one first: photos upright and across take turns without being prepared anew.
    prepared: Vec<Prepared>,
}

/// As for the buffers of [`Prepared`].
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

/// Ranges of storage buffers begin at multiples of this (WebGPU's default limit).
const ALIGNMENT: usize = 256;

/// Picture sizes that are kept ready.
const SIZES: usize = 3;

/// Bytes of buffers beyond which none but the current size is kept.
const MOST_KEPT: u64 = 64 << 20;

impl GpuExecutor {
    /// Packs and uploads the weights of `program`.
    ///
    /// # Errors
    /// Weights that are too large for the device.
    pub fn new(gpu: &Gpu, program: &Program, tuning: Tuning) -> Result<Self> {
        if tuning.native && !gpu.f16() {
            return Err(Error::new(ErrorKind::Device, "the adapter has no shader-f16").at(gpu.name.clone()));
        }
        let tuning = tuning.fit(program);
        let mut bytes: Vec<u8> = Vec::new();
        let mut put = |values: &[f32], half: bool| {
            let start = bytes.len();
            // Nothing to bind is not allowed: at least one block.
            let values = values.iter().chain(&[0.0; 4]);
            match half {
                true => bytes.extend(values.flat_map(|&v| f16::from_f32(v).to_le_bytes())),
                false => bytes.extend(values.flat_map(|v| v.to_le_bytes())),
            }
            let end = bytes.len();
            bytes.resize(end.next_multiple_of(ALIGNMENT), 0);
            start as u64..end as u64
        };
        let ranges = (0..program.ops.len()).map(|op| put(&step::weights(program, op, tuning), tuning.half)).collect();
        let mut heads = Vec::new();
        let anchors = program.anchors;
        for &value in &program.outputs {
            let Some(op) = program.ops.iter().position(|op| op.output == value) else { continue };
            let OpKind::Conv { shape, weights, .. } = &program.ops[op].kind else { continue };
            if !step::pickable(program, op) || !shape.channels[1].is_multiple_of(anchors.max(1)) {
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
        Ok(Self { gpu: gpu.clone(), tuning, weights, ranges, heads, prepared: Vec::new() })
    }

    /// How it runs there.
    pub fn tuning(&self) -> Tuning {
        self.tuning
    }

    /// The GPU it runs on.
    pub fn gpu(&self) -> &Gpu {
        &self.gpu
    }

    /// Bytes of GPU memory: weights, and the buffers of the picture sizes that are kept.
    pub fn bytes(&self) -> u64 {
        self.weights.size() + self.prepared.iter().map(Prepared::bytes).sum::<u64>()
    }

    /// Number of dispatches for the last picture size.
    pub fn dispatches(&self) -> usize {
        self.prepared.first().map_or(0, |p| p.steps.len())
    }

    /// `[height, width]` of each detect map for the last picture size.
    pub fn map_sizes(&self, program: &Program) -> Vec<[usize; 2]> {
        let Some(prepared) = self.prepared.first() else { return Vec::new() };
        program.outputs.iter().map(|&v| [prepared.plan.places[v].height, prepared.plan.places[v].width]).collect()
    }

    /// Makes everything ready for pictures of `[height, width]`.
    ///
    /// # Errors
    /// A size that doesn't fit the network or the device; a shader that the device refuses.
    pub async fn prepare(&mut self, program: &Program, size: [usize; 2]) -> Result<()> {
        if let Some(known) = self.prepared.iter().position(|p| p.plan.size == size) {
            self.prepared[..=known].rotate_right(1);
            return Ok(());
        }
        // Room is made first: two large sizes may not fit beside each other.
        self.prepared.truncate(SIZES - 1);
        if self.prepared.iter().map(Prepared::bytes).sum::<u64>() > MOST_KEPT {
            self.prepared.clear();
        }
        let plan = Plan::new(program, size, Layout::Blocks, Keep::Maps)?;
        let prepared = Prepared::new(self, program, plan, false).await?;
        self.prepared.insert(0, prepared);
        Ok(())
    }

    /// Every row's output as `(C, H, W)`, none for Detect, and the raw maps: for checking from outside.
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn rows(&mut self, program: &Program, pixels: &[f32], size: [usize; 2]) -> Result<Rows> {
        let plan = Plan::new(program, size, Layout::Blocks, Keep::Rows)?;
        let prepared = Prepared::new(self, program, plan, true).await?;
        prepared.upload_values(&self.gpu, pixels, channels_of(program, pixels, size)?);
        prepared.run_maps(&self.gpu, From::Values);
        let rows = prepared.read_rows(&self.gpu, program).await?;
        prepared.run_maps(&self.gpu, From::Values);
        Ok((rows, prepared.read_maps(&self.gpu, program).await?))
    }

    /// The raw maps for a channels-last picture with values 0 to 1.
    ///
    /// # Errors
    /// As [`GpuExecutor::prepare`]; a device that failed.
    pub async fn maps(&mut self, program: &Program, pixels: &[f32], size: [usize; 2]) -> Result<Vec<RawMap>> {
        self.prepare(program, size).await?;
        let channels = channels_of(program, pixels, size)?;
        let prepared = self.prepared.first().ok_or_else(not_ready)?;
        prepared.upload_values(&self.gpu, pixels, channels);
        prepared.run_maps(&self.gpu, From::Values);
        prepared.read_maps(&self.gpu, program).await
    }

    /// The cells of a letterboxed picture (`r g b` bytes) whose objectness is above `floor` (a logit), or none if
    /// they are too many or the network's heads are not plain: then [`GpuExecutor::maps_of_picture`] has them all.
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn cells(
        &mut self,
        program: &Program,
        rgb: &[u8],
        size: [usize; 2],
        floor: f32,
    ) -> Result<Option<Vec<Vec<Cell>>>> {
        self.prepare(program, size).await?;
        if !self.picks(program) {
            return Ok(None);
        }
        let prepared = self.prepared.first().ok_or_else(not_ready)?;
        prepared.upload_picture(&self.gpu, rgb)?;
        prepared.run_cells(&self.gpu, From::Bytes, floor);
        prepared.read_cells(&self.gpu, &self.heads).await
    }

    /// Whether cells can be picked here.
    fn picks(&self, program: &Program) -> bool {
        self.heads.len() == program.outputs.len() && !program.outputs.is_empty() && program.values[INPUT].channels == 3
    }

    /// A texture (RGBA) for pictures of `[height, width]`, which [`GpuExecutor::cells_of_texture`] letterboxes as
    /// `geometry` says. It stays the same until other sizes are asked for.
    ///
    /// # Errors
    /// As [`GpuExecutor::prepare`]; pictures larger than the device's textures.
    pub async fn texture(&mut self, program: &Program, size: [usize; 2], geometry: &Geometry) -> Result<wgpu::Texture> {
        self.prepare(program, geometry.size).await?;
        let gpu = self.gpu.clone();
        self.prepared.first_mut().ok_or_else(not_ready)?.texture(&gpu, size, geometry).await
    }

    /// As [`GpuExecutor::cells`], of the picture that was copied to [`GpuExecutor::texture`]'s texture last.
    ///
    /// # Errors
    /// A device that failed.
    pub async fn cells_of_texture(&mut self, program: &Program, floor: f32) -> Result<Option<Vec<Vec<Cell>>>> {
        if !self.picks(program) {
            return Ok(None);
        }
        let prepared = self.prepared.first().ok_or_else(not_ready)?;
        prepared.run_cells(&self.gpu, From::Texture, floor);
        prepared.read_cells(&self.gpu, &self.heads).await
    }

    /// The raw maps of the picture in the texture.
    ///
    /// # Errors
    /// A device that failed.
    pub async fn maps_of_texture(&mut self, program: &Program) -> Result<Vec<RawMap>> {
        let prepared = self.prepared.first().ok_or_else(not_ready)?;
        prepared.run_maps(&self.gpu, From::Texture);
        prepared.read_maps(&self.gpu, program).await
    }

    /// The raw maps of a letterboxed picture (`r g b` bytes).
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn maps_of_picture(&mut self, program: &Program, rgb: &[u8], size: [usize; 2]) -> Result<Vec<RawMap>> {
        self.prepare(program, size).await?;
        let prepared = self.prepared.first().ok_or_else(not_ready)?;
        prepared.upload_picture(&self.gpu, rgb)?;
        prepared.run_maps(&self.gpu, From::Bytes);
        prepared.read_maps(&self.gpu, program).await
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
    Error::new(ErrorKind::Device, "the GPU executor is not prepared")
}

fn too_large(what: &str, needed: u64, most: u64) -> Error {
    let mb = |bytes: u64| bytes.div_ceil(1 << 20);
    Error::new(ErrorKind::Device, format!("{what} need {} MB in one buffer, the GPU allows {}", mb(needed), mb(most)))
        .at("GPU")
        .hint("use a smaller picture size, or the processor (device cpu)")
}
