//! The detector on a GPU.

use super::{Detector, Framing, Predicted, milliseconds};
use crate::detection::{RawMap, floor_logit};
use crate::engine::gpu::{Gpu, GpuExecutor, Rows, Tuning};
use crate::engine::program::INPUT;
use crate::picture::{Picture, letterbox_geometry};
use crate::{Error, ErrorKind, Result};
use web_time::Instant;

/// What the GPU's maps may differ from the CPU's by in the self-test: absolute, and relative.
const TOLERANCE: [f32; 2] = [5e-3, 5e-3];
/// The same where activations and weights are halves.
const HALF_TOLERANCE: [f32; 2] = [1e-1, 5e-2];

impl Detector {
    /// Puts the network on `gpu` and checks it there: a small picture through both executors must give the same maps,
    /// so that a driver that computes wrongly is found before it draws a box.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Device`]: the network doesn't fit the GPU, or the GPU computes something else.
    pub async fn attach_gpu(&mut self, gpu: &Gpu) -> Result<()> {
        self.attach_gpu_tuned(gpu, Tuning::new(gpu.software)).await
    }

    /// As [`Detector::attach_gpu`] with other tiles.
    ///
    /// # Errors
    /// As [`Detector::attach_gpu`].
    pub async fn attach_gpu_tuned(&mut self, gpu: &Gpu, tuning: Tuning) -> Result<()> {
        let program = self.engine.program();
        if program.has_forgotten_weights() {
            return Err(Error::new(ErrorKind::Device, "the network was loaded for the processor alone")
                .hint("load it again to put it on a GPU"));
        }
        let mut executor = GpuExecutor::new(gpu, program, tuning)?;
        let side = 2 * self.graph.max_stride().max(16);
        let size = [side, side];
        let pixels: Vec<f32> =
            (0..side * side * self.graph.input_channels).map(|i| ((i * i + 7 * i) % 251) as f32 / 250.0).collect();
        let expected = self.engine.forward(&pixels, size)?;
        let got = executor.maps(program, &pixels, size).await?;
        let pairs = expected.iter().zip(&got).flat_map(|(e, g)| e.data.iter().zip(&g.data));
        let [absolute, relative] = if executor.tuning().half { HALF_TOLERANCE } else { TOLERANCE };
        let differs = |e: f32, g: f32| (e - g).is_nan() || (e - g).abs() > absolute + relative * e.abs();
        let wrong = pairs.filter(|(e, g)| differs(**e, **g)).count();
        if wrong > 0 {
            let message =
                format!("the GPU computes something else than the processor ({wrong} values of a test picture)");
            return Err(Error::new(ErrorKind::Device, message)
                .at(gpu.name.clone())
                .hint("take the processor (device cpu)"));
        }
        self.gpu = Some(executor);
        Ok(())
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
        let executor = self.gpu.as_mut().ok_or_else(|| Error::new(ErrorKind::Device, "no GPU is attached"))?;
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
        let executor = self.gpu.as_mut().ok_or_else(|| Error::new(ErrorKind::Device, "no GPU is attached"))?;
        executor.maps(self.engine.program(), pixels, size).await
    }

    /// As [`Detector::predict_above`](super::Detector::predict_above), on the attached GPU.
    ///
    /// # Errors
    /// As there; a GPU that is not attached, was lost, or refuses the picture's size.
    pub async fn predict_on_gpu(
        &mut self,
        picture: &Picture,
        imgsz: Option<[usize; 2]>,
        auto: bool,
        floor: f32,
    ) -> Result<Predicted> {
        let prepared = self.prepare(picture, imgsz, auto)?;
        let program = self.engine.program();
        let Some(executor) = &mut self.gpu else {
            return Err(Error::new(ErrorKind::Device, "no GPU is attached"));
        };
        let start = Instant::now();
        let least = floor_logit(floor)?;
        if least > f32::NEG_INFINITY
            && let Some(cells) = executor.cells(program, &prepared.picture.rgb, prepared.size(), least).await?
        {
            let sizes = executor.map_sizes(program);
            return self.finish_cells(prepared.framing(), &cells, &sizes, milliseconds(start));
        }
        let maps = match program.values[INPUT].channels {
            3 => executor.maps_of_picture(program, &prepared.picture.rgb, prepared.size()).await?,
            _ => executor.maps(program, &prepared.pixels(), prepared.size()).await?,
        };
        self.finish(&prepared, &maps, milliseconds(start), floor)
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
        floor: f32,
        fill: impl FnOnce(&wgpu::Queue, &wgpu::Texture),
    ) -> Result<Option<Predicted>> {
        let start = Instant::now();
        let options = self.letterbox_options(imgsz, auto)?;
        let geometry = letterbox_geometry(size[1], size[0], &options);
        let program = self.engine.program();
        let Some(executor) = &mut self.gpu else {
            return Err(Error::new(ErrorKind::Device, "no GPU is attached"));
        };
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
        let framing = Framing { network_size: geometry.size, picture_size: size, milliseconds: milliseconds(start) };
        let start = Instant::now();
        let least = floor_logit(floor)?;
        if least > f32::NEG_INFINITY
            && let Some(cells) = executor.cells_of_texture(program, least).await?
        {
            let sizes = executor.map_sizes(program);
            return Ok(Some(self.finish_cells(framing, &cells, &sizes, milliseconds(start))?));
        }
        let maps = executor.maps_of_texture(program).await?;
        Ok(Some(self.finish_maps(framing, &maps, milliseconds(start), floor)?))
    }
}
