//! Where the network runs.

use clap::ValueEnum;
use ghostdet::detection::{DETECT_THRESHOLD, RawMap};
use ghostdet::detector::{DetectOptions, Detections, Predicted, Speed};
use ghostdet::image::Image;
use ghostdet::weights::Tensor;
use ghostdet::{Detector, Result};
use std::time::Instant;

/// Where the network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The CPU, which has an answer before a GPU is set up; `gpu` pays for many pictures and large networks
    Auto,
    /// The CPU
    Cpu,
    /// The GPU: Vulkan, Metal or DirectX (a build with `--features gpu`)
    Gpu,
}

/// A network on its device.
pub struct Loaded {
    detector: Detector,
    on_gpu: bool,
}

impl Loaded {
    /// Puts `detector` on `device`.
    pub fn on(detector: Detector, device: Device) -> Result<Self> {
        match device {
            Device::Gpu => on_gpu(detector),
            Device::Auto | Device::Cpu => Ok(Self { detector, on_gpu: false }),
        }
    }

    /// The network.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// `cpu` or `gpu`.
    pub fn device(&self) -> &'static str {
        if self.on_gpu { "gpu" } else { "cpu" }
    }

    /// As the detector's own, on the device.
    pub fn detect(&mut self, image: &Image, options: &DetectOptions) -> Result<Detections> {
        let threshold = options.nms.conf.clamp(0.0, DETECT_THRESHOLD);
        let predicted = self.predict_with(image, options.imgsz, true, threshold)?;
        let start = Instant::now();
        let detections = predicted.boxes(&options.nms);
        let nms = predicted.speed.nms + start.elapsed().as_secs_f64() * 1e3;
        let speed = Speed { nms, ..predicted.speed };
        Ok(Detections { width: image.width, height: image.height, detections, speed })
    }

    /// As the detector's own, on the device.
    pub fn predict_with(
        &mut self,
        image: &Image,
        imgsz: Option<[usize; 2]>,
        auto: bool,
        threshold: f32,
    ) -> Result<Predicted> {
        #[cfg(feature = "gpu")]
        if self.on_gpu {
            return pollster::block_on(self.detector.predict_on_gpu(image, imgsz, auto, threshold));
        }
        self.detector.predict_with(image, imgsz, auto, threshold)
    }

    /// The raw maps of a channels-last input, and every row's output if `rows`.
    pub fn forward(
        &mut self,
        pixels: &[f32],
        size: [usize; 2],
        rows: bool,
    ) -> Result<(Vec<Option<Tensor>>, Vec<RawMap>)> {
        #[cfg(feature = "gpu")]
        if self.on_gpu {
            return pollster::block_on(self.detector.forward_on_gpu(pixels, size, rows));
        }
        let engine = self.detector.engine();
        if rows { engine.forward_rows(pixels, size) } else { Ok((Vec::new(), engine.forward(pixels, size)?)) }
    }
}

#[cfg(feature = "gpu")]
fn on_gpu(mut detector: Detector) -> Result<Loaded> {
    let gpu = pollster::block_on(ghostdet::engine::gpu::Gpu::open())?;
    let note = if gpu.software { " (imitates a GPU on the processor: slower than --device cpu)" } else { "" };
    eprintln!("GPU: {}{note}", gpu.name);
    pollster::block_on(detector.attach_gpu(&gpu))?;
    Ok(Loaded { detector, on_gpu: true })
}

#[cfg(not(feature = "gpu"))]
fn on_gpu(_: Detector) -> Result<Loaded> {
    Err(ghostdet::Error::new(ghostdet::ErrorKind::Device, "this build has no GPU support")
        .hint("build with `--features gpu`, or use --device cpu"))
}
