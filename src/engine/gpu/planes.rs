//! The network between buffers that others own on the same device (tensors of Burn's): maps as planes of fp32, `(1, C, H, W)`.

use super::dispatch::{Dispatch, bind, part, pipeline, record};
use super::parameters::Parameters;
use super::step::groups;
use super::wgsl::ElementLayout;
use super::{ALIGNMENT, Gpu, GpuExecutor, wgsl};
use crate::engine::plan::{BufferView, Plan};
use crate::engine::program::{INPUT, Program};
use crate::{Error, ErrorKind, Result};
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
    /// For the input and the outputs of `program` in the memory of `plan`.
    async fn new(gpu: &Gpu, program: &Program, plan: &Plan, element: ElementLayout) -> Result<Self> {
        let places = &plan.views;
        let input = &places[INPUT];
        let threads = |place: &BufferView, channels: usize| place.height * place.width * channels;
        let mut all = vec![threads(input, input.channels.div_ceil(4))];
        let mut bytes = Vec::new();
        let mut put = |parameters: Parameters| {
            bytes.extend_from_slice(bytemuck::bytes_of(&parameters));
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        };
        put(Parameters {
            threads: all[0] as u32,
            in_c: input.channels as u32,
            out_at: (input.start / 4) as u32,
            out_h: input.height as u32,
            out_w: input.width as u32,
            ..Parameters::default()
        });
        for &value in &program.outputs {
            let place = &places[value];
            all.push(threads(place, place.channels));
            put(Parameters {
                threads: threads(place, place.channels) as u32,
                in_at: (place.start / 4) as u32,
                in_h: place.height as u32,
                in_w: place.width as u32,
                ..Parameters::default()
            });
        }
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: bytes.len() as u64,
            usage: BufferUsages::UNIFORM | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        gpu.queue.write_buffer(&buffer, 0, &bytes);
        let input = pipeline(gpu, &wgsl::from_planes(element));
        let output = pipeline(gpu, &wgsl::to_planes(element));
        if let Some(error) = scope.pop().await {
            gpu.clear_pipeline_cache();
            buffer.destroy();
            return Err(Error::new(ErrorKind::Device, format!("the GPU refused: {error}")).at(gpu.name.clone()));
        }
        Ok(Self { parameters: buffer, input, output, threads: all })
    }
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
                compiled.ends = Some(Ends::new(&self.gpu, program, &compiled.plan, compiled.element).await?);
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
            let tensor = part(given[end].buffer, given[end].offset, needed(end) as u64);
            let parameters = part(&ends.parameters, (end * ALIGNMENT) as u64, size_of::<Parameters>() as u64);
            // What a shader does not use has to be bound all the same.
            let (read, written) = match end {
                0 => (tensor, prepared.buffers.found.as_entire_binding()),
                _ => (part(&self.weights, 0, ALIGNMENT as u64), tensor),
            };
            let arena = prepared.buffers.arena.as_entire_binding();
            let group = bind(&self.gpu.device, &self.gpu.layout, [arena, parameters, read, written]);
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
