//! Shaders as pipelines, and what is recorded of them.

use super::Gpu;
use std::sync::PoisonError;
use wgpu::ShaderStages;

/// One recorded dispatch.
pub struct Dispatch {
    /// The operation it belongs to.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    pub op: usize,
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    groups: [u32; 2],
}

impl Dispatch {
    /// A dispatch of operation `op`.
    pub fn new(op: usize, pipeline: wgpu::ComputePipeline, group: wgpu::BindGroup, groups: [u32; 2]) -> Self {
        Self { op, pipeline, group, groups }
    }
}

/// The four bindings of all shaders: activations, parameters, weights or picture, results.
pub fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = |binding: u32, ty: wgpu::BufferBindingType| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    };
    let writable = wgpu::BufferBindingType::Storage { read_only: false };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("ghostdet"),
        entries: &[
            entry(0, writable),
            entry(1, wgpu::BufferBindingType::Uniform),
            entry(2, wgpu::BufferBindingType::Storage { read_only: true }),
            entry(3, writable),
        ],
    })
}

/// Bytes of a buffer from `offset` on, as a binding.
pub fn part(buffer: &wgpu::Buffer, offset: u64, size: u64) -> wgpu::BindingResource<'_> {
    let size = std::num::NonZeroU64::new(size);
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
}

/// The four bindings of a shader, in the order of their numbers.
pub fn bind(
    device: &wgpu::Device,
    layout: &wgpu::BindGroupLayout,
    resources: [wgpu::BindingResource<'_>; 4],
) -> wgpu::BindGroup {
    let mut binding = 0..;
    let entries = resources.map(|resource| wgpu::BindGroupEntry { binding: binding.next().unwrap_or(0), resource });
    device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
}

/// Records dispatches, one after the other.
pub fn record<'a>(encoder: &mut wgpu::CommandEncoder, dispatches: impl Iterator<Item = &'a Dispatch>) {
    let mut pass = encoder.begin_compute_pass(&Default::default());
    for dispatch in dispatches {
        pass.set_pipeline(&dispatch.pipeline);
        pass.set_bind_group(0, &dispatch.group, &[]);
        pass.dispatch_workgroups(dispatch.groups[0], dispatch.groups[1], 1);
    }
}

/// The pipeline of `shader`, made once.
pub fn pipeline(gpu: &Gpu, shader: &str) -> wgpu::ComputePipeline {
    let mut known = gpu.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(shader.to_owned()).or_insert_with(|| build(&gpu.device, &gpu.layout, shader)).clone()
}

/// A pipeline of `shader` whose bindings are those of `layout`.
pub fn build(device: &wgpu::Device, layout: &wgpu::BindGroupLayout, shader: &str) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(shader.into()),
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    })
}
