//! What the GPU executor makes once per image size.

use super::buffers::Buffers;
use super::dispatch::{Dispatch, bind, part, pipeline, record};
use super::parameters::Parameters;
use super::planes::Ends;
use super::schedule::{Schedule, Scheduled, Source};
use super::texture::TextureInput;
use super::wgsl::{ElementLayout, FRAME};
use super::{ALIGNMENT, Gpu, GpuExecutor};
use crate::engine::plan::Plan;
use crate::engine::program::{INPUT, Program};
use crate::image::Geometry;
use crate::{Error, ErrorKind, Result};
use std::mem::offset_of;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The memory plan, buffers and dispatches for one image size.
pub struct CompiledPlan {
    /// The memory plan.
    pub plan: Plan,
    /// The dispatches of the network, without input and candidates.
    pub steps: Vec<Dispatch>,
    /// Which of `steps` compute whole detect maps: a run for candidates skips them.
    maps: Vec<bool>,
    input: Dispatch,
    heads: Vec<[Dispatch; 2]>,
    pub(super) buffers: Buffers,
    /// Byte offset of the objectness threshold of each level in the parameters.
    thresholds: Vec<u64>,
    /// Bytes of a stored value: 4 or 2.
    pub(super) width: usize,
    pub(super) element: ElementLayout,
    /// For images that come in a texture.
    texture: Option<TextureInput>,
    /// For maps in buffers of others.
    pub(super) ends: Option<Ends>,
    /// The number of the last run for candidates.
    pub(super) frame: AtomicU32,
}

/// The kind of the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Values, uploaded to the input map before.
    Values,
    /// RGB bytes, uploaded before.
    Bytes,
    /// A texture, filled before.
    Texture,
}

impl CompiledPlan {
    /// Makes buffers, pipelines and bind groups. `whole`: all activations will be read back.
    ///
    /// # Errors
    /// A size that doesn't fit the device; a shader that it refuses.
    pub async fn new(executor: &GpuExecutor, program: &Program, plan: Plan, whole: bool) -> Result<Self> {
        let (gpu, tuning) = (&executor.gpu, executor.tuning);
        let schedule = Schedule::new(executor, program, &plan);
        let memory = gpu.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validity = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let made = Buffers::new(gpu, tuning, program, &plan, &schedule, whole)
            .map(|buffers| (Dispatches::new(executor, &buffers, &schedule), buffers));
        // Pop both before the first await: another network may be compiled on this device meanwhile.
        let (validity, memory) = (validity.pop(), memory.pop());
        let failed = [validity.await, memory.await];
        let (Dispatches { body, input, heads }, buffers) = made?;
        if let Some(error) = failed.into_iter().flatten().next() {
            gpu.clear_pipeline_cache();
            return Err(Error::new(ErrorKind::Device, format!("the GPU refused: {error}"))
                .at(gpu.name.clone())
                .hint("take the processor instead (device cpu)"));
        }
        let is_map = |one: &Scheduled| program.outputs.contains(&program.ops[one.step.op].output);
        let threshold = |at: usize| (at * ALIGNMENT + offset_of!(Parameters, threshold)) as u64;
        Ok(Self {
            plan,
            steps: body,
            maps: schedule.body.iter().map(is_map).collect(),
            input,
            heads,
            buffers,
            thresholds: schedule.objectness().map(threshold).collect(),
            width: tuning.bytes(),
            element: tuning.block(),
            texture: None,
            ends: None,
            frame: AtomicU32::new(0),
        })
    }

    /// Bytes of its buffers.
    pub fn bytes(&self) -> u64 {
        self.buffers.bytes()
    }

    /// The texture for images of `[height, width]` in this letterbox.
    pub async fn texture(&mut self, gpu: &Gpu, size: [usize; 2], geometry: &Geometry) -> Result<wgpu::Texture> {
        if !self.texture.as_ref().is_some_and(|input| input.fits(size, geometry)) {
            let view = &self.plan.views[INPUT];
            // The old one goes first: both may be large.
            self.texture = None;
            self.texture =
                Some(TextureInput::new(gpu, &self.buffers.arena, view, self.element, size, geometry.clone()).await?);
        }
        self.texture.as_ref().map(|input| input.texture().clone()).ok_or_else(super::not_ready)
    }

    /// Whether it has a texture.
    pub fn has_texture(&self) -> bool {
        self.texture.is_some()
    }

    fn first(&self, input: InputKind) -> Option<&Dispatch> {
        match input {
            InputKind::Values => None,
            InputKind::Bytes => Some(&self.input),
            InputKind::Texture => self.texture.as_ref().map(TextureInput::dispatch),
        }
    }

    /// Submits a run that computes the whole detect maps.
    pub fn run_maps(&self, gpu: &Gpu, input: InputKind) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let first = self.first(input);
        record(&mut encoder, first.into_iter().chain(&self.steps));
        gpu.queue.submit([encoder.finish()]);
    }

    /// The dispatches of a run for candidates.
    pub(super) fn frame(&self, input: InputKind) -> impl Iterator<Item = &Dispatch> {
        let body = self.steps.iter().zip(&self.maps).filter(|(_, map)| !**map).map(|(step, _)| step);
        self.first(input).into_iter().chain(body).chain(self.heads.iter().flatten())
    }

    /// Submits a run that computes the candidates above `threshold`.
    pub fn run_candidates(&self, gpu: &Gpu, input: InputKind, threshold: f32) {
        for &offset in &self.thresholds {
            gpu.queue.write_buffer(&self.buffers.parameters, offset, &threshold.to_le_bytes());
        }
        // The results carry the run's number, so that results of an earlier run are not taken for this image's.
        let frame = self.frame.fetch_add(1, Relaxed).wrapping_add(1);
        gpu.queue.write_buffer(&self.buffers.found, FRAME as u64 * 4, &frame.to_le_bytes());
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(&self.buffers.found, 0, Some(FRAME as u64 * 4));
        record(&mut encoder, self.frame(input));
        encoder.copy_buffer_to_buffer(&self.buffers.found, 0, &self.buffers.staging, 0, self.buffers.found.size());
        gpu.queue.submit([encoder.finish()]);
    }
}

/// A schedule, compiled.
struct Dispatches {
    body: Vec<Dispatch>,
    input: Dispatch,
    heads: Vec<[Dispatch; 2]>,
}

impl Dispatches {
    /// Compiles the shaders, uploads the parameters, and binds both with the buffers.
    fn new(executor: &GpuExecutor, buffers: &Buffers, schedule: &Schedule) -> Self {
        let mut parameters = Vec::new();
        let mut dispatch = |Scheduled { step, source }: &Scheduled| {
            let own = part(&buffers.parameters, parameters.len() as u64, size_of::<Parameters>() as u64);
            parameters.extend_from_slice(bytemuck::bytes_of(&step.parameters));
            parameters.resize(parameters.len().next_multiple_of(ALIGNMENT), 0);
            let read = match source {
                Source::Weights(range) => part(&executor.weights, range.start, range.end - range.start),
                Source::Image => buffers.image.as_entire_binding(),
            };
            let (arena, found) = (buffers.arena.as_entire_binding(), buffers.found.as_entire_binding());
            let group = bind(&executor.gpu.device, &executor.gpu.layout, [arena, own, read, found]);
            Dispatch::new(step.op, pipeline(&executor.gpu, &step.shader), group, step.groups)
        };
        let body = schedule.body.iter().map(&mut dispatch).collect();
        let input = dispatch(&schedule.input);
        let heads = schedule.heads.iter().map(|pair| pair.each_ref().map(&mut dispatch)).collect();
        executor.gpu.queue.write_buffer(&buffers.parameters, 0, &parameters);
        Self { body, input, heads }
    }
}
