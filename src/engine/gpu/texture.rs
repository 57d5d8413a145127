//! Input from a texture (a camera frame, a bitmap): letterboxed on the GPU, straight into the network's input, with the
//! same integer arithmetic as on the CPU.

use super::dispatch::{self, Dispatch};
use super::parameters::Parameters;
use super::step::groups;
use super::wgsl::{self, ElementLayout};
use super::{Gpu, too_large};
use crate::engine::plan::BufferView;
use crate::image::{Geometry, taps};
use crate::{Error, ErrorKind, Result};
use wgpu::{BufferUsages, ShaderStages, TextureUsages};

/// A texture of one size, and the dispatch that letterboxes it.
pub struct TextureInput {
    texture: wgpu::Texture,
    geometry: Geometry,
    dispatch: Dispatch,
    /// The interpolation taps and the parameters.
    buffers: [wgpu::Buffer; 2],
}

/// Destroys texture and buffers eagerly, as [`CompiledPlan`](super::compiled_plan::CompiledPlan) does.
impl Drop for TextureInput {
    fn drop(&mut self) {
        self.texture.destroy();
        self.buffers.iter().for_each(wgpu::Buffer::destroy);
    }
}

impl TextureInput {
    /// For images of `[height, width]` that become the map at `view` of `arena`.
    ///
    /// # Errors
    /// An image that is too large for the device; a shader that it refuses.
    pub async fn new(
        gpu: &Gpu,
        arena: &wgpu::Buffer,
        view: &BufferView,
        element: ElementLayout,
        [height, width]: [usize; 2],
        geometry: Geometry,
    ) -> Result<Self> {
        let most = gpu.device.limits().max_texture_dimension_2d as usize;
        if width.max(height) > most {
            return Err(too_large(&format!("pictures of {width}x{height}"), width.max(height) as u64, most as u64));
        }
        let device = &gpu.device;
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let texture = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("picture"),
            size: wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: wgpu::TextureFormat::Rgba8Unorm,
            // `copyExternalImageToTexture` needs a render attachment.
            usage: TextureUsages::TEXTURE_BINDING | TextureUsages::COPY_DST | TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        let [across, down] = geometry.unpadded;
        let weights: Vec<[u32; 4]> = taps(width, across, true).into_iter().chain(taps(height, down, false)).collect();
        let threads = view.height * view.width;
        let parameters = Parameters {
            threads: threads as u32,
            border_left: geometry.left as u32,
            border_top: geometry.top as u32,
            in_h: down as u32,
            in_w: across as u32,
            out_at: (view.start / 4) as u32,
            out_h: view.height as u32,
            out_w: view.width as u32,
            ..Parameters::default()
        };
        let filled = |label, bytes: &[u8], usage| {
            let size = bytes.len() as u64;
            let usage = usage | BufferUsages::COPY_DST;
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            });
            gpu.queue.write_buffer(&buffer, 0, bytes);
            buffer
        };
        let weights = filled("scaling", bytemuck::cast_slice(&weights), BufferUsages::STORAGE);
        let parameters = filled("parameters", bytemuck::bytes_of(&parameters), BufferUsages::UNIFORM);
        let layout = layout(device);
        let view = texture.create_view(&Default::default());
        let group = dispatch::bind(
            device,
            &layout,
            [
                arena.as_entire_binding(),
                parameters.as_entire_binding(),
                wgpu::BindingResource::TextureView(&view),
                weights.as_entire_binding(),
            ],
        );
        let pipeline = dispatch::build(device, &layout, &wgsl::letterbox(element));
        if let Some(error) = scope.pop().await {
            texture.destroy();
            [&weights, &parameters].into_iter().for_each(wgpu::Buffer::destroy);
            return Err(Error::new(ErrorKind::Device, format!("the GPU refused: {error}")).at(gpu.name.clone()));
        }
        let dispatch = Dispatch::new(0, pipeline, group, groups(threads));
        Ok(Self { texture, geometry, dispatch, buffers: [weights, parameters] })
    }

    /// Whether it is for images of `[height, width]` in this letterbox.
    pub fn fits(&self, [height, width]: [usize; 2], geometry: &Geometry) -> bool {
        (self.texture.height() as usize, self.texture.width() as usize) == (height, width) && self.geometry == *geometry
    }

    /// The texture to fill (RGBA).
    pub fn texture(&self) -> &wgpu::Texture {
        &self.texture
    }

    /// The dispatch that letterboxes the texture.
    pub fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }
}

/// Activations, parameters, the texture, the taps of all columns and rows.
fn layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = |binding: u32, ty: wgpu::BindingType| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::COMPUTE,
        ty,
        count: None,
    };
    let buffer = |ty| wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None };
    let texture = wgpu::BindingType::Texture {
        sample_type: wgpu::TextureSampleType::Float { filterable: false },
        view_dimension: wgpu::TextureViewDimension::D2,
        multisampled: false,
    };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some("ghostdet texture"),
        entries: &[
            entry(0, buffer(wgpu::BufferBindingType::Storage { read_only: false })),
            entry(1, buffer(wgpu::BufferBindingType::Uniform)),
            entry(2, texture),
            entry(3, buffer(wgpu::BufferBindingType::Storage { read_only: true })),
        ],
    })
}
