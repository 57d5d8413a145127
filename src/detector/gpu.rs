//! The detector on a GPU.

use super::{Detector, Framing, Predicted, SelfTest, milliseconds};
use crate::detection::{RawMap, threshold_logit};
use crate::engine::gpu::{Gpu, GpuExecutor, Rows, Tuning};
use crate::engine::program::INPUT;
use crate::image::{Image, letterbox_geometry};
use crate::{Error, ErrorKind, Result};
use web_time::Instant;

impl Detector {
    /// Puts the network on `gpu` and tests it there, at the size that the weights were trained for.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Device`]: the network doesn't fit the GPU, or the GPU computes something else than the CPU.
    pub async fn attach_gpu(&mut self, gpu: &Gpu) -> Result<()> {
        let test = self.self_test(self.imgsz)?;
        match self.attach_gpu_tuned(gpu, Tuning::default_for(gpu), &test).await {
            Err(_) if gpu.check().is_ok() => self.attach_gpu_tuned(gpu, Tuning::new(gpu.software), &test).await,
            outcome => outcome,
        }
    }

    /// As [`Detector::attach_gpu`] with other tiles, and a test made by [`Detector::self_test`].
    ///
    /// # Errors
    /// As [`Detector::attach_gpu`].
    pub async fn attach_gpu_tuned(&mut self, gpu: &Gpu, tuning: Tuning, test: &SelfTest) -> Result<()> {
        let program = self.engine.program();
        if program.has_forgotten_weights() {
            return Err(Error::new(ErrorKind::Device, "the network was loaded for the processor alone")
                .hint("load it again to put it on a GPU"));
        }
        // The one before goes first: there may be no room for both.
        self.gpu = None;
        let mut executor = GpuExecutor::new(gpu, program, tuning)?;
        test.run(program, &mut executor).await?;
        self.gpu = Some(executor);
        Ok(())
    }

    /// Takes the network off the GPU and frees its memory there.
    pub fn detach_gpu(&mut self) {
        self.gpu = None;
    }

    /// The GPU executor, if one is attached.
    pub fn gpu(&self) -> Option<&GpuExecutor> {
        self.gpu.as_ref()
    }

    /// The raw maps of a channels-last input on the attached GPU, and every row's output if `rows`.
    ///
    /// # Errors
    /// As [`Detector::predict_on_gpu`].
    pub async fn forward_on_gpu(&mut self, pixels: &[f32], size: [usize; 2], rows: bool) -> Result<Rows> {
        let program = self.engine.program();
        let executor = self.gpu.as_mut().ok_or_else(not_attached)?;
        match rows {
            true => executor.rows(program, pixels, size).await,
            false => Ok((Vec::new(), executor.maps(program, pixels, size).await?)),
        }
    }

    /// The raw maps alone, as [`Detector::forward_on_gpu`] gives them.
    ///
    /// # Errors
    /// As [`Detector::predict_on_gpu`].
    pub async fn maps_on_gpu(&mut self, pixels: &[f32], size: [usize; 2]) -> Result<Vec<RawMap>> {
        let executor = self.gpu.as_mut().ok_or_else(not_attached)?;
        executor.maps(self.engine.program(), pixels, size).await
    }

    /// As [`Detector::predict_with`](super::Detector::predict_with), on the attached GPU.
    ///
    /// # Errors
    /// As there; a GPU that is not attached, was lost, or refuses the picture's size.
    pub async fn predict_on_gpu(
        &mut self,
        image: &Image,
        imgsz: Option<[usize; 2]>,
        auto: bool,
        threshold: f32,
    ) -> Result<Predicted> {
        let prepared = self.prepare(image, imgsz, auto)?;
        let program = self.engine.program();
        let Some(executor) = &mut self.gpu else { return Err(not_attached()) };
        let start = Instant::now();
        let logit = threshold_logit(threshold)?;
        if logit > f32::NEG_INFINITY
            && let Some(cells) = executor.candidates(program, &prepared.image.rgb, prepared.size(), logit).await?
        {
            let sizes = executor.map_sizes(program);
            return self.postprocess_candidates(prepared.framing(), &cells, &sizes, milliseconds(start));
        }
        let maps = match program.values[INPUT].channels {
            3 => executor.maps_of_image(program, &prepared.image.rgb, prepared.size()).await?,
            _ => executor.maps(program, &prepared.pixels(), prepared.size()).await?,
        };
        self.postprocess(&prepared, &maps, milliseconds(start), threshold)
    }

    /// As [`Detector::predict_on_gpu`], of a picture of `[height, width]` that `fill` copies to a texture (RGBA, 8 bits): it
    /// is letterboxed on the GPU and never seen by the processor. None if the copy is refused there: bytes still work.
    ///
    /// # Errors
    /// As [`Detector::predict_on_gpu`]; pictures larger than the device's textures.
    pub async fn predict_from_texture(
        &mut self,
        size: [usize; 2],
        imgsz: Option<[usize; 2]>,
        auto: bool,
        threshold: f32,
        fill: impl FnOnce(&wgpu::Queue, &wgpu::Texture),
    ) -> Result<Option<Predicted>> {
        let start = Instant::now();
        let options = self.letterbox_options(imgsz, auto)?;
        let geometry = letterbox_geometry(size[1], size[0], &options);
        let program = self.engine.program();
        let Some(executor) = &mut self.gpu else { return Err(not_attached()) };
        if program.values[INPUT].channels != 3 {
            return Ok(None);
        }
        let texture = executor.texture(program, size, &geometry).await?;
        let gpu = executor.gpu().clone();
        let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
        fill(&gpu.queue, &texture);
        if scope.pop().await.is_some() {
            return Ok(None);
        }
        let framing = Framing { network_size: geometry.size, image_size: size, milliseconds: milliseconds(start) };
        let start = Instant::now();
        let logit = threshold_logit(threshold)?;
        if logit > f32::NEG_INFINITY
            && let Some(cells) = executor.candidates_of_texture(program, logit).await?
        {
            let sizes = executor.map_sizes(program);
            return Ok(Some(self.postprocess_candidates(framing, &cells, &sizes, milliseconds(start))?));
        }
        let maps = executor.maps_of_texture(program).await?;
        Ok(Some(self.postprocess_maps(framing, &maps, milliseconds(start), threshold)?))
    }
}

fn not_attached() -> Error {
    Error::new(ErrorKind::Device, "no GPU is attached")
}
