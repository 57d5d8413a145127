//! What the GPU executor makes once per image size.

use super::dispatch::{Dispatch, pipeline, record};
use super::planes::Ends;
use super::step::{self, Step};
use super::texture::TextureInput;
use super::wgsl::{self, ElementLayout, FRAME, HEADER, MAX_CANDIDATES};
use super::{ALIGNMENT, Gpu, GpuExecutor, Head, Tuning, fuse, too_large};
use crate::engine::plan::{BufferView, Plan};
use crate::engine::program::{INPUT, Program};
use crate::image::Geometry;
use crate::{Error, ErrorKind, Result};
use half::f16;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use wgpu::BufferUsages;

/// The memory plan, buffers and dispatches for one image size.
pub struct CompiledPlan {
    /// The memory plan.
    pub plan: Plan,
    /// The dispatches of the network, without input and candidates.
    pub steps: Vec<Dispatch>,
    /// Which of `steps` compute whole detect maps: a run for candidates skips them.
    maps: Vec<bool>,
    input: Dispatch,
    head_steps: Vec<[Dispatch; 2]>,
    pub(super) arena: wgpu::Buffer,
    image: wgpu::Buffer,
    pub(super) found: wgpu::Buffer,
    pub(super) staging: wgpu::Buffer,
    parameters: wgpu::Buffer,
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

/// Destroys buffers eagerly: browsers defer collection, and the next network needs the memory.
impl Drop for CompiledPlan {
    fn drop(&mut self) {
        self.buffers().into_iter().for_each(wgpu::Buffer::destroy);
    }
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

/// What a dispatch binds besides activations.
#[derive(Clone)]
enum Source {
    Weights(Range<u64>),
    Image,
}

impl CompiledPlan {
    /// Makes buffers, pipelines and bind groups. `whole`: all activations will be read back.
    pub async fn new(executor: &GpuExecutor, program: &Program, plan: Plan, whole: bool) -> Result<Self> {
        let tuning = executor.tuning;
        let mut list: Vec<(Step, Source)> = Vec::new();
        let mut op = 0;
        while op < program.ops.len() {
            let range = executor.ranges[op].clone();
            if let Some((step, count)) = fuse::step(program, &plan, op, tuning, &executor.ranges) {
                op += count;
                list.push((step, Source::Weights(range.start..executor.ranges[op - 1].end)));
                continue;
            }
            list.extend(
                step::steps(program, &plan, op, tuning).into_iter().map(|s| (s, Source::Weights(range.clone()))),
            );
            op += 1;
        }
        let body = list.len();
        list.push((input_step(&plan, tuning), Source::Image));
        let mut words = HEADER + executor.heads.len() * MAX_CANDIDATES;
        for (level, head) in executor.heads.iter().enumerate() {
            for step in level_steps(program, &plan, level, head, words, tuning) {
                list.push((step, Source::Weights(head.range.clone())));
            }
            words += MAX_CANDIDATES * head.outputs;
        }
        let [height, width] = plan.size;
        let sizes = [plan.arena.max(4) * tuning.bytes(), (height * width * 3).next_multiple_of(16), words * 4]
            .map(|size| size as u64);
        let limits = executor.gpu.device.limits();
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if let Some(&size) = sizes.iter().find(|&&size| size > most) {
            return Err(too_large(&format!("pictures of {width}x{height}"), size, most));
        }
        let device = executor.gpu.device.clone();
        let (memory, validity) = (
            device.push_error_scope(wgpu::ErrorFilter::OutOfMemory),
            device.push_error_scope(wgpu::ErrorFilter::Validation),
        );
        let buffer = |label, size, usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let arena = buffer("activations", sizes[0], storage | BufferUsages::COPY_SRC);
        let image = buffer("picture", sizes[1], storage);
        let found = buffer("candidates", sizes[2], storage | BufferUsages::COPY_SRC);
        let maps_bytes: u64 = program.outputs.iter().map(|&v| bytes_of(&plan.views[v], tuning.bytes())).sum();
        let back = if whole { sizes[0] } else { sizes[2] };
        let staging = buffer("read back", back.max(maps_bytes), BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let parameters =
            buffer("parameters", (list.len() * ALIGNMENT) as u64, BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        let mut bytes = vec![0u8; list.len() * ALIGNMENT];
        for (at, (step, _)) in list.iter().enumerate() {
            for (k, value) in step.parameters.iter().enumerate() {
                bytes[at * ALIGNMENT + 4 * k..][..4].copy_from_slice(&value.to_le_bytes());
            }
        }
        executor.gpu.queue.write_buffer(&parameters, 0, &bytes);

        let mut dispatches = Vec::with_capacity(list.len());
        let mut maps = Vec::with_capacity(body);
        for (at, (step, source)) in list.iter().enumerate() {
            let pipeline = pipeline(&executor.gpu, &step.shader);
            let part = |buffer, offset, size| {
                let size = std::num::NonZeroU64::new(size);
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
            };
            let read = match source {
                Source::Weights(range) => part(&executor.weights, range.start, range.end - range.start),
                Source::Image => image.as_entire_binding(),
            };
            let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &executor.gpu.layout,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: arena.as_entire_binding() },
                    wgpu::BindGroupEntry { binding: 1, resource: part(&parameters, (at * ALIGNMENT) as u64, 64) },
                    wgpu::BindGroupEntry { binding: 2, resource: read },
                    wgpu::BindGroupEntry { binding: 3, resource: found.as_entire_binding() },
                ],
            });
            if at < body {
                maps.push(program.outputs.contains(&program.ops[step.op].output));
            }
            dispatches.push(Dispatch::new(step.op, pipeline, group, step.groups));
        }
        // Pop both before the first await: another network may be compiled on this device meanwhile.
        let (validity, memory) = (validity.pop(), memory.pop());
        let failed = [validity.await, memory.await];
        if let Some(error) = failed.into_iter().flatten().next() {
            executor.gpu.clear_pipeline_cache();
            [&arena, &image, &found, &staging, &parameters].into_iter().for_each(wgpu::Buffer::destroy);
            return Err(Error::new(ErrorKind::Device, format!("the GPU refused: {error}"))
                .at(executor.gpu.name.clone())
                .hint("take the processor instead (device cpu)"));
        }
        let mut ends = dispatches.split_off(body).into_iter();
        let input = ends.next().ok_or_else(super::not_ready)?;
        let thresholds =
            (0..executor.heads.len()).map(|level| ((body + 1 + 2 * level) * ALIGNMENT + 4 * 14) as u64).collect();
        let mut head_steps = Vec::new();
        while let (Some(first), Some(second)) = (ends.next(), ends.next()) {
            head_steps.push([first, second]);
        }
        Ok(Self {
            plan,
            steps: dispatches,
            maps,
            input,
            head_steps,
            arena,
            image,
            found,
            staging,
            parameters,
            thresholds,
            width: tuning.bytes(),
            element: tuning.block(),
            texture: None,
            ends: None,
            frame: AtomicU32::new(0),
        })
    }

    /// Bytes of its buffers.
    pub fn bytes(&self) -> u64 {
        self.buffers().map(wgpu::Buffer::size).iter().sum()
    }

    fn buffers(&self) -> [&wgpu::Buffer; 5] {
        [&self.arena, &self.image, &self.found, &self.staging, &self.parameters]
    }

    /// Bytes of the candidate buffer.
    pub(super) fn found_bytes(&self) -> u64 {
        self.found.size()
    }

    /// Uploads the input as values.
    pub fn upload_values(&self, gpu: &Gpu, pixels: &[f32], channels: usize) {
        let view = &self.plan.views[INPUT];
        let count = view.height * view.width;
        let width = self.width;
        let mut bytes = vec![0u8; channels.next_multiple_of(4) * count * width];
        for (pixel, values) in pixels.chunks_exact(channels).enumerate() {
            for (c, value) in values.iter().enumerate() {
                let at = ((c / 4 * count + pixel) * 4 + c % 4) * width;
                match width {
                    2 => bytes[at..at + 2].copy_from_slice(&f16::from_f32(*value).to_le_bytes()),
                    _ => bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()),
                }
            }
        }
        gpu.queue.write_buffer(&self.arena, (view.start * width) as u64, &bytes);
    }

    /// Uploads a letterboxed image (RGB bytes).
    pub fn upload_image(&self, gpu: &Gpu, rgb: &[u8]) -> Result<()> {
        let [height, width] = self.plan.size;
        if rgb.len() != height * width * 3 {
            let message = format!("{} bytes are no RGB picture of {width}x{height}", rgb.len());
            return Err(Error::new(ErrorKind::Argument, message));
        }
        let whole = rgb.len() / 4 * 4;
        gpu.queue.write_buffer(&self.image, 0, &rgb[..whole]);
        if whole < rgb.len() {
            let mut rest = [0; 4];
            rest[..rgb.len() - whole].copy_from_slice(&rgb[whole..]);
            gpu.queue.write_buffer(&self.image, whole as u64, &rest);
        }
        Ok(())
    }

    /// The texture for images of `[height, width]` in this letterbox.
    pub async fn texture(&mut self, gpu: &Gpu, size: [usize; 2], geometry: &Geometry) -> Result<wgpu::Texture> {
        if !self.texture.as_ref().is_some_and(|input| input.fits(size, geometry)) {
            let view = &self.plan.views[INPUT];
            // The old one goes first: both may be large.
            self.texture = None;
            self.texture = Some(TextureInput::new(gpu, &self.arena, view, self.element, size, geometry.clone()).await?);
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
        self.first(input).into_iter().chain(body).chain(self.head_steps.iter().flatten())
    }

    /// Submits a run that computes the candidates above `threshold`.
    pub fn run_candidates(&self, gpu: &Gpu, input: InputKind, threshold: f32) {
        for &offset in &self.thresholds {
            gpu.queue.write_buffer(&self.parameters, offset, &threshold.to_le_bytes());
        }
        // The results carry the run's number, so that results of an earlier run are not taken for this image's.
        let frame = self.frame.fetch_add(1, Relaxed).wrapping_add(1);
        gpu.queue.write_buffer(&self.found, FRAME as u64 * 4, &frame.to_le_bytes());
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(&self.found, 0, Some(FRAME as u64 * 4));
        record(&mut encoder, self.frame(input));
        encoder.copy_buffer_to_buffer(&self.found, 0, &self.staging, 0, self.found.size());
        gpu.queue.submit([encoder.finish()]);
    }
}

/// Bytes of a map whose values take `width` each.
pub(super) fn bytes_of(view: &BufferView, width: usize) -> u64 {
    (view.height * view.width * view.channels.next_multiple_of(4) * width) as u64
}

fn input_step(plan: &Plan, tuning: Tuning) -> Step {
    let view = plan.views[INPUT];
    let threads = view.height * view.width;
    let mut parameters = [0; 16];
    parameters[0] = threads as u32;
    parameters[6] = (view.start / 4) as u32;
    Step { op: 0, shader: wgsl::input(tuning.block()), parameters, groups: step::groups(threads) }
}

/// The two dispatches of a detect level: objectness, then the candidates' outputs, which begin at word `rows` of the results.
fn level_steps(program: &Program, plan: &Plan, level: usize, head: &Head, rows: usize, tuning: Tuning) -> [Step; 2] {
    let element = tuning.block();
    let view = plan.views[program.ops[head.op].input];
    let threads = view.height * view.width;
    let mut parameters = [0; 16];
    let values =
        [threads, view.start / 4 + view.offset / 4 * threads, 0, view.height, view.width, view.channels.div_ceil(4)];
    parameters.iter_mut().zip(values).for_each(|(p, v)| *p = v as u32);
    parameters[13] = level as u32;
    parameters[15] = (HEADER + level * MAX_CANDIDATES) as u32;
    let (anchors, outputs) = (head.anchors, head.outputs);
    let shader = wgsl::objectness(element, anchors, outputs);
    let first = Step { op: head.op, shader, parameters, groups: step::groups(threads) };
    parameters[14] = rows as u32;
    let second = Step { op: head.op, shader: wgsl::candidates(element, anchors, outputs), parameters, groups: [64, 1] };
    [first, second]
}
