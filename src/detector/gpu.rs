//! The detector on the GPU executor, and images that come in a texture.

use super::prediction::{Framing, milliseconds};
use super::{Detector, PredictOptions, Predicted, SelfTest};
use crate::Result;
use crate::detection::threshold_logit;
use crate::engine::Input;
use crate::engine::gpu::{Gpu, GpuExecutor, TextureTarget, Tuning};
use crate::image::letterbox_geometry;
use web_time::Instant;

impl Detector {
    /// Attaches the GPU executor in its default configuration, tested at the size that the weights were trained for.
    ///
    /// # Errors
    /// [`ErrorKind::Device`](crate::ErrorKind::Device): the network doesn't fit the GPU, or the GPU computes something else than the CPU.
    pub async fn attach_gpu(&mut self, gpu: &Gpu) -> Result<()> {
        let test = self.self_test(self.imgsz)?;
        match self.attach_gpu_tuned(gpu, Tuning::default_for(gpu), &test).await {
            Err(_) if gpu.check().is_ok() => self.attach_gpu_tuned(gpu, Tuning::new(gpu.software), &test).await,
            outcome => outcome,
        }
    }

    /// As [`Detector::attach_gpu`] with a configuration, and a test made by [`Detector::self_test`].
    ///
    /// # Errors
    /// As [`Detector::attach_gpu`].
    pub async fn attach_gpu_tuned(&mut self, gpu: &Gpu, tuning: Tuning, test: &SelfTest) -> Result<()> {
        // Free the executor before first: there may be no memory for both.
        self.detach();
        let executor = GpuExecutor::new(gpu, self.engine.program_with_weights()?, tuning)?;
        self.attach(Box::new(executor), test).await
    }

    /// As [`Detector::predict_async`], for an image of `[height, width]` that `fill` copies to a texture (RGBA, 8 bits). It
    /// is letterboxed on the GPU and never read by the CPU. `None` if the executor takes no textures, or the copy is
    /// refused: predict from bytes then.
    ///
    /// # Errors
    /// As [`Detector::predict_async`]; images larger than the device's textures.
    pub async fn predict_texture(
        &self,
        size: [usize; 2],
        options: &PredictOptions,
        fill: impl FnOnce(&wgpu::Queue, &wgpu::Texture),
    ) -> Result<Option<Predicted>> {
        let start = Instant::now();
        let geometry = letterbox_geometry(size[1], size[0], &self.letterbox_options(options.imgsz, options.auto)?);
        let (program, executor) = (self.engine.program(), self.engine.executor());
        let Some(target) = executor.texture(program, size, &geometry).await? else { return Ok(None) };
        let TextureTarget { device, queue, texture } = target;
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        fill(&queue, &texture);
        if scope.pop().await.is_some() {
            return Ok(None);
        }
        let framing = Framing { network_size: geometry.size, image_size: size, milliseconds: milliseconds(start) };
        let (start, logit) = (Instant::now(), threshold_logit(options.threshold)?);
        if logit > f32::NEG_INFINITY
            && let Some(candidates) = executor.candidates(program, Input::Texture, geometry.size, logit).await?
        {
            return Ok(Some(self.decode(framing, &candidates, milliseconds(start))?));
        }
        let maps = executor.maps(program, Input::Texture, geometry.size).await?;
        Ok(Some(self.decode_maps(framing, &maps, milliseconds(start), options.threshold)?))
    }
}
