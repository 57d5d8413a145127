//! The network between buffers that others own on the same device (tensors of Burn's): maps as planes of fp32, `(1, C, H, W)`.

use super::compiled_plan::CompiledPlan;
use super::dispatch::{Dispatch, pipeline, record};
use super::step::groups;
use super::{ALIGNMENT, Gpu, GpuExecutor, wgsl};
use crate::engine::plan::BufferView;
use crate::engine::program::{INPUT, Program};
use crate::{Error, ErrorKind, Result};
use std::num::NonZeroU64;
use wgpu::BufferUsages;

/// A part of a storage buffer that holds a map as planes of fp32, contiguous.
#[derive(Clone, Copy, Debug)]
pub struct Planes<'a> {
    /// The buffer.
    pub buffer: &'a wgpu::Buffer,
    /// Where it begins, in bytes: a multiple of 256.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

impl<'a> Planes<'a> {
    /// Its first `size` bytes.
    fn binding(self, size: u64) -> wgpu::BufferBinding<'a> {
        wgpu::BufferBinding { buffer: self.buffer, offset: self.offset, size: NonZeroU64::new(size) }
    }
}

/// The shaders at both ends, for one picture size.
pub struct Ends {
    parameters: wgpu::Buffer,
    input: wgpu::ComputePipeline,
    output: wgpu::ComputePipeline,
    /// Threads of the input, then of each output.
    threads: Vec<usize>,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.parameters.destroy();
    }
}

impl Ends {
    /// For the input and the outputs of `program` in `prepared`.
    async fn new(gpu: &Gpu, program: &Program, compiled: &CompiledPlan) -> Result<Self> {
        let places = &compiled.plan.views;
        let input = &places[INPUT];
        let threads = |place: &BufferView, channels: usize| place.height * place.width * channels;
        let mut all = vec![threads(input, input.channels.div_ceil(4))];
        let mut bytes = parameters(&[
            ("threads", all[0]),
            ("in_c", input.channels),
            ("out_at", input.start / 4),
            ("out_h", input.height),
            ("out_w", input.width),
        ]);
        for &value in &program.outputs {
            let place = &places[value];
            all.push(threads(place, place.channels));
            bytes.extend(parameters(&[
                ("threads", threads(place, place.channels)),
                ("in_at", place.start / 4),
                ("in_h", place.height),
                ("in_w", place.width),
            ]));
        }
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: bytes.len() as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&buffer, 0, &bytes);
        let input = pipeline(gpu, &wgsl::from_planes(compiled.element));
        let output = pipeline(gpu, &wgsl::to_planes(compiled.element));
        if let Some(error) = scope.pop().await {
            gpu.clear_pipeline_cache();
            buffer.destroy();
            return Err(Error::new(ErrorKind::Device, format!("the GPU refused: {error}")).at(gpu.name.clone()));
        }
        Ok(Self { parameters: buffer, input, output, threads: all })
    }
}

/// The parameters with these names, as bytes.
fn parameters(values: &[(&str, usize)]) -> Vec<u8> {
    let mut bytes = wgsl::parameters(values).map(u32::to_le_bytes).concat();
    bytes.resize(ALIGNMENT, 0);
    bytes
}

impl GpuExecutor {
    /// Makes everything ready for [`GpuExecutor::run_planes`] at `[height, width]`. Gives the shape `[channels, height, width]`
    /// of each raw map.
    ///
    /// # Errors
    /// As [`GpuExecutor::prepare`].
    pub async fn prepare_planes(&self, program: &Program, size: [usize; 2]) -> Result<Vec<[usize; 3]>> {
        self.with_plan(program, size, async |compiled| {
            if compiled.ends.is_none() {
                compiled.ends = Some(Ends::new(&self.gpu, program, compiled).await?);
            }
            let shape = |view: &BufferView| [view.channels, view.height, view.width];
            Ok(program.outputs.iter().map(|&value| shape(&compiled.plan.views[value])).collect())
        })
        .await
    }

    /// Submits the network for the image in `input`, `(1, C, H, W)` with values 0 to 1, of a prepared size. The raw maps go to
    /// `outputs`. It does not wait: what is submitted to the same queue afterwards finds them there.
    ///
    /// # Errors
    /// A size that is not prepared; parts of buffers that are too small.
    pub fn run_planes(&self, size: [usize; 2], input: Planes<'_>, outputs: &[Planes<'_>]) -> Result<()> {
        let plans = self.plans();
        let prepared = plans.iter().find(|plan| plan.plan.size == size).ok_or_else(super::not_ready)?;
        let ends = prepared.ends.as_ref().ok_or_else(super::not_ready)?;
        let needed = |end: usize| match end {
            0 => prepared.plan.size.iter().product::<usize>() * prepared.plan.views[INPUT].channels * 4,
            _ => ends.threads[end] * 4,
        };
        let given: Vec<Planes<'_>> = std::iter::once(input).chain(outputs.iter().copied()).collect();
        if given.len() != ends.threads.len() || (0..given.len()).any(|end| given[end].size < needed(end) as u64) {
            return Err(Error::new(ErrorKind::Argument, "the tensors don't fit the network's input and maps"));
        }
        let dispatch = |end: usize| {
            let tensor = wgpu::BindingResource::Buffer(given[end].binding(needed(end) as u64));
            let parameters = Planes { buffer: &ends.parameters, offset: (end * ALIGNMENT) as u64, size: 0 };
            // What a shader does not use has to be bound all the same.
            let unused = Planes { buffer: &self.weights, offset: 0, size: 0 };
            let (read, written) = match end {
                0 => (tensor, prepared.found.as_entire_binding()),
                _ => (wgpu::BindingResource::Buffer(unused.binding(ALIGNMENT as u64)), tensor),
            };
            let group = self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &self.gpu.layout,
                entries: &[
                    wgpu::BindGroupEntry { binding: 0, resource: prepared.arena.as_entire_binding() },
                    wgpu::BindGroupEntry {
                        binding: 1,
                        resource: wgpu::BindingResource::Buffer(parameters.binding(64)),
                    },
                    wgpu::BindGroupEntry { binding: 2, resource: read },
                    wgpu::BindGroupEntry { binding: 3, resource: written },
                ],
            });
            let pipeline = if end == 0 { &ends.input } else { &ends.output };
            Dispatch::new(0, pipeline.clone(), group, groups(ends.threads[end]))
        };
        let all: Vec<Dispatch> = (0..given.len()).map(dispatch).collect();
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        record(&mut encoder, all[..1].iter().chain(&prepared.steps).chain(&all[1..]));
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }
}
