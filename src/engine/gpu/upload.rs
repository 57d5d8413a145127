//! The network's input, from the CPU to the GPU.

use super::compiled_plan::CompiledPlan;
use super::{Gpu, pack};
use crate::engine::program::INPUT;
use crate::{Error, ErrorKind, Result};

impl CompiledPlan {
    /// Uploads the input as values.
    pub fn upload_values(&self, gpu: &Gpu, pixels: &[f32], channels: usize) {
        let view = &self.plan.views[INPUT];
        let count = view.height * view.width;
        let mut blocks = vec![0.0; channels.next_multiple_of(4) * count];
        for (pixel, values) in pixels.chunks_exact(channels).enumerate() {
            for (c, value) in values.iter().enumerate() {
                blocks[(c / 4 * count + pixel) * 4 + c % 4] = *value;
            }
        }
        let bytes = pack::stored(&blocks, self.width == 2);
        gpu.queue.write_buffer(&self.buffers.arena, (view.start * self.width) as u64, &bytes);
    }

    /// Uploads a letterboxed image (RGB bytes).
    pub fn upload_image(&self, gpu: &Gpu, rgb: &[u8]) -> Result<()> {
        let [height, width] = self.plan.size;
        if rgb.len() != height * width * 3 {
            let message = format!("{} bytes are no RGB picture of {width}x{height}", rgb.len());
            return Err(Error::new(ErrorKind::Argument, message));
        }
        let whole = rgb.len() / 4 * 4;
        gpu.queue.write_buffer(&self.buffers.image, 0, &rgb[..whole]);
        if whole < rgb.len() {
            let mut rest = [0; 4];
            rest[..rgb.len() - whole].copy_from_slice(&rgb[whole..]);
            gpu.queue.write_buffer(&self.buffers.image, whole as u64, &rest);
        }
        Ok(())
    }
}
