//! The buffers of one image size.

use super::schedule::Schedule;
use super::{ALIGNMENT, Gpu, Tuning, too_large};
use crate::Result;
use crate::engine::plan::{BufferView, Plan};
use crate::engine::program::Program;
use wgpu::BufferUsages;

/// Activations, the image, results, and what goes between CPU and GPU.
pub struct Buffers {
    /// All activations.
    pub arena: wgpu::Buffer,
    /// The letterboxed image as bytes.
    pub image: wgpu::Buffer,
    /// The candidates.
    pub found: wgpu::Buffer,
    /// What is read back.
    pub staging: wgpu::Buffer,
    /// The parameters of all dispatches, [`ALIGNMENT`] bytes each.
    pub parameters: wgpu::Buffer,
}

/// Destroys buffers eagerly: browsers defer collection, and the next network needs the memory.
impl Drop for Buffers {
    fn drop(&mut self) {
        self.all().into_iter().for_each(wgpu::Buffer::destroy);
    }
}

impl Buffers {
    /// Makes them. `whole`: all activations will be read back.
    ///
    /// # Errors
    /// An image that is too large for the device.
    pub fn new(
        gpu: &Gpu,
        tuning: Tuning,
        program: &Program,
        plan: &Plan,
        schedule: &Schedule,
        whole: bool,
    ) -> Result<Self> {
        let [height, width] = plan.size;
        let [arena, image, found] =
            [plan.arena.max(4) * tuning.bytes(), (height * width * 3).next_multiple_of(16), schedule.words * 4]
                .map(|size| size as u64);
        let limits = gpu.device.limits();
        let most = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if let Some(&size) = [arena, image, found].iter().find(|&&size| size > most) {
            return Err(too_large(&format!("pictures of {width}x{height}"), size, most));
        }
        let maps: u64 = program.outputs.iter().map(|&value| bytes_of(&plan.views[value], tuning.bytes())).sum();
        let read_back = if whole { arena } else { found };
        let buffer = |label, size, usage| {
            gpu.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
        let parameters = (schedule.all().count() * ALIGNMENT) as u64;
        Ok(Self {
            arena: buffer("activations", arena, storage | BufferUsages::COPY_SRC),
            image: buffer("picture", image, storage),
            found: buffer("candidates", found, storage | BufferUsages::COPY_SRC),
            staging: buffer("read back", read_back.max(maps), BufferUsages::MAP_READ | BufferUsages::COPY_DST),
            parameters: buffer("parameters", parameters, BufferUsages::UNIFORM | BufferUsages::COPY_DST),
        })
    }

    /// Their bytes.
    pub fn bytes(&self) -> u64 {
        self.all().map(wgpu::Buffer::size).iter().sum()
    }

    fn all(&self) -> [&wgpu::Buffer; 5] {
        [&self.arena, &self.image, &self.found, &self.staging, &self.parameters]
    }
}

/// Bytes of a map whose values take `width` each.
pub fn bytes_of(view: &BufferView, width: usize) -> u64 {
    (view.height * view.width * view.channels.next_multiple_of(4) * width) as u64
}
