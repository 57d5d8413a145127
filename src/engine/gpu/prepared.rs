//! Everything of the GPU executor that belongs to one picture size.

use super::dispatch::{Dispatch, pipeline, record};
use super::step::{self, Step};
use super::texture::TextureInput;
use super::wgsl::{self, CELLS, FRAME, HEADER, Unit};
use super::{ALIGNMENT, Gpu, GpuExecutor, Head, Tuning, fuse, too_large};
use crate::engine::plan::{Place, Plan};
use crate::engine::program::{INPUT, Program};
use crate::picture::Geometry;
use crate::{Error, ErrorKind, Result};
use half::f16;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use wgpu::BufferUsages;

/// Buffers, places and dispatches for one picture size.
pub struct Prepared {
    /// Where each value lies.
    pub plan: Plan,
    /// The dispatches of the network, without its ends.
    pub steps: Vec<Dispatch>,
    /// Which of `steps` compute whole detect maps.
    maps: Vec<bool>,
    input: Dispatch,
    picks: Vec<[Dispatch; 2]>,
    pub(super) arena: wgpu::Buffer,
    picture: wgpu::Buffer,
    found: wgpu::Buffer,
    pub(super) staging: wgpu::Buffer,
    parameters: wgpu::Buffer,
    /// Byte offsets of the floors among the parameters.
    floors: Vec<u64>,
    /// Bytes of a stored value: 4 or 2.
    pub(super) width: usize,
    unit: Unit,
    /// For pictures that come in a texture.
    texture: Option<TextureInput>,
    /// The number of the run whose cells are expected.
    pub(super) frame: AtomicU32,
}

/// Browsers would free the memory some day; a second network, or a larger picture, needs it now.
impl Drop for Prepared {
    fn drop(&mut self) {
        self.buffers().into_iter().for_each(wgpu::Buffer::destroy);
    }
}

/// Where the network's input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// Values uploaded before.
    Values,
    /// The picture's bytes, uploaded before.
    Bytes,
    /// The texture.
    Texture,
}

/// What a dispatch reads besides activations.
#[derive(Clone)]
enum Source {
    Weights(Range<u64>),
    Picture,
}

impl Prepared {
    /// Makes buffers, pipelines and bind groups; `whole`: all activations will be read back.
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
        list.push((input_step(&plan, tuning), Source::Picture));
        let mut place = HEADER + executor.heads.len() * CELLS;
        for (level, head) in executor.heads.iter().enumerate() {
            for step in head_steps(program, &plan, level, head, place, tuning) {
                list.push((step, Source::Weights(head.range.clone())));
            }
            place += CELLS * head.outputs;
        }
        let [height, width] = plan.size;
        let sizes = [plan.arena.max(4) * tuning.bytes(), (height * width * 3).next_multiple_of(16), place * 4]
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
        let picture = buffer("picture", sizes[1], storage);
        let found = buffer("cells", sizes[2], storage | BufferUsages::COPY_SRC);
        let maps_bytes: u64 = program.outputs.iter().map(|&v| bytes_of(&plan.places[v], tuning.bytes())).sum();
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
                Source::Picture => picture.as_entire_binding(),
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
        // Both are popped before anything is awaited: another network may be prepared on this device meanwhile.
        let (validity, memory) = (validity.pop(), memory.pop());
        let failed = [validity.await, memory.await];
        if let Some(error) = failed.into_iter().flatten().next() {
            executor.gpu.forget_pipelines();
            [&arena, &picture, &found, &staging, &parameters].into_iter().for_each(wgpu::Buffer::destroy);
            return Err(Error::new(ErrorKind::Device, format!("the GPU refused: {error}"))
                .at(executor.gpu.name.clone())
                .hint("take the processor instead (device cpu)"));
        }
        let mut ends = dispatches.split_off(body).into_iter();
        let input = ends.next().ok_or_else(super::not_ready)?;
        let floors =
            (0..executor.heads.len()).map(|level| ((body + 1 + 2 * level) * ALIGNMENT + 4 * 14) as u64).collect();
        let mut picks = Vec::new();
        while let (Some(first), Some(second)) = (ends.next(), ends.next()) {
            picks.push([first, second]);
        }
        Ok(Self {
            plan,
            steps: dispatches,
            maps,
            input,
            picks,
            arena,
            picture,
            found,
            staging,
            parameters,
            floors,
            width: tuning.bytes(),
            unit: tuning.block(),
            texture: None,
            frame: AtomicU32::new(0),
        })
    }

    /// Bytes of its buffers.
    pub fn bytes(&self) -> u64 {
        self.buffers().map(wgpu::Buffer::size).iter().sum()
    }

    fn buffers(&self) -> [&wgpu::Buffer; 5] {
        [&self.arena, &self.picture, &self.found, &self.staging, &self.parameters]
    }

    /// Bytes of the cells.
    pub(super) fn found_bytes(&self) -> u64 {
        self.found.size()
    }

    /// The network's input as values.
    pub fn upload_values(&self, gpu: &Gpu, pixels: &[f32], channels: usize) {
        let place = &self.plan.places[INPUT];
        let count = place.height * place.width;
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
        gpu.queue.write_buffer(&self.arena, (place.start * width) as u64, &bytes);
    }

    /// The letterboxed picture.
    pub fn upload_picture(&self, gpu: &Gpu, rgb: &[u8]) -> Result<()> {
        let [height, width] = self.plan.size;
        if rgb.len() != height * width * 3 {
            let message = format!("{} bytes are no RGB picture of {width}x{height}", rgb.len());
            return Err(Error::new(ErrorKind::Argument, message));
        }
        let whole = rgb.len() / 4 * 4;
        gpu.queue.write_buffer(&self.picture, 0, &rgb[..whole]);
        if whole < rgb.len() {
            let mut rest = [0; 4];
            rest[..rgb.len() - whole].copy_from_slice(&rgb[whole..]);
            gpu.queue.write_buffer(&self.picture, whole as u64, &rest);
        }
        Ok(())
    }

    /// The texture for pictures of `[height, width]` in this letterbox.
    pub async fn texture(&mut self, gpu: &Gpu, size: [usize; 2], geometry: &Geometry) -> Result<wgpu::Texture> {
        if !self.texture.as_ref().is_some_and(|input| input.fits(size, geometry)) {
            let place = &self.plan.places[INPUT];
            // The old one goes first: both may be large.
            self.texture = None;
            self.texture = Some(TextureInput::new(gpu, &self.arena, place, self.unit, size, geometry.clone()).await?);
        }
        self.texture.as_ref().map(|input| input.texture().clone()).ok_or_else(super::not_ready)
    }

    fn first(&self, from: From) -> Option<&Dispatch> {
        match from {
            From::Values => None,
            From::Bytes => Some(&self.input),
            From::Texture => self.texture.as_ref().map(TextureInput::dispatch),
        }
    }

    /// The network with its whole detect maps.
    pub fn run_maps(&self, gpu: &Gpu, from: From) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let first = self.first(from);
        record(&mut encoder, first.into_iter().chain(&self.steps));
        gpu.queue.submit([encoder.finish()]);
    }

    /// The dispatches of a run up to the cells.
    pub(super) fn frame(&self, from: From) -> impl Iterator<Item = &Dispatch> {
        let body = self.steps.iter().zip(&self.maps).filter(|(_, map)| !**map).map(|(step, _)| step);
        self.first(from).into_iter().chain(body).chain(self.picks.iter().flatten())
    }

    /// The network up to its detect levels, then the cells above `floor`.
    pub fn run_cells(&self, gpu: &Gpu, from: From, floor: f32) {
        for &offset in &self.floors {
            gpu.queue.write_buffer(&self.parameters, offset, &floor.to_le_bytes());
        }
        // The results carry the run's number: what a refused submission leaves behind is not taken for this picture's.
        let frame = self.frame.fetch_add(1, Relaxed).wrapping_add(1);
        gpu.queue.write_buffer(&self.found, FRAME as u64 * 4, &frame.to_le_bytes());
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.clear_buffer(&self.found, 0, Some(FRAME as u64 * 4));
        record(&mut encoder, self.frame(from));
        encoder.copy_buffer_to_buffer(&self.found, 0, &self.staging, 0, self.found.size());
        gpu.queue.submit([encoder.finish()]);
    }
}

/// Bytes of a map whose values take `width` each.
pub(super) fn bytes_of(place: &Place, width: usize) -> u64 {
    (place.height * place.width * place.channels.next_multiple_of(4) * width) as u64
}

fn input_step(plan: &Plan, tuning: Tuning) -> Step {
    let place = plan.places[INPUT];
    let threads = place.height * place.width;
    let mut parameters = [0; 16];
    parameters[0] = threads as u32;
    parameters[6] = (place.start / 4) as u32;
    Step { op: 0, shader: wgsl::input(tuning.block()), parameters, groups: step::groups(threads) }
}

/// Objectness, then the cells, of one level whose rows begin at word `rows` of the results.
fn head_steps(program: &Program, plan: &Plan, level: usize, head: &Head, rows: usize, tuning: Tuning) -> [Step; 2] {
    let unit = tuning.block();
    let place = plan.places[program.ops[head.op].input];
    let threads = place.height * place.width;
    let mut parameters = [0; 16];
    let values = [
        threads,
        place.start / 4 + place.offset / 4 * threads,
        0,
        place.height,
        place.width,
        place.channels.div_ceil(4),
    ];
    parameters.iter_mut().zip(values).for_each(|(p, v)| *p = v as u32);
    parameters[13] = level as u32;
    parameters[15] = (HEADER + level * CELLS) as u32;
    let (anchors, outputs) = (head.anchors, head.outputs);
    let shader = wgsl::objectness(unit, anchors, outputs);
    let first = Step { op: head.op, shader, parameters, groups: step::groups(threads) };
    parameters[14] = rows as u32;
    let second = Step { op: head.op, shader: wgsl::cells(unit, anchors, outputs), parameters, groups: [64, 1] };
    [first, second]
}
