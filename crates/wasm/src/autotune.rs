//! Autotuning: measures a network on the CPU and in the GPU's configurations, one step at a time, so that images can be
//! detected on the CPU in between.

use ghostdet::detector::{PredictOptions, SelfTest};
use ghostdet::engine::gpu::{Gpu, Tuning};
use ghostdet::image::Image;
use ghostdet::{Detector, Error, ErrorKind, Result};

use crate::adapter;

/// Runs of each configuration; the best counts.
const RUNS: usize = 3;

/// A GPU that takes this many times the CPU's time is not measured in other configurations.
const HOPELESS: f64 = 4.0;

/// The result.
pub struct Fastest {
    /// Milliseconds on the CPU, if it was measured.
    pub cpu: Option<f64>,
    /// Milliseconds on the GPU in its fastest configuration.
    pub webgpu: f64,
    /// That configuration. The network stays attached in it.
    pub tuning: Tuning,
}

/// Autotuning in progress. Configurations that compute wrong results are left out.
pub struct Tuner {
    gpu: Gpu,
    side: usize,
    against_cpu: bool,
    cpu: Option<f64>,
    test: Option<SelfTest>,
    configurations: Vec<Tuning>,
    /// Variants of the best configuration that were measured.
    varied: usize,
    best: Option<(f64, Tuning)>,
    attached: Option<Tuning>,
    failed: Option<Error>,
    /// A device was lost: nothing more is measured.
    over: bool,
}

impl Tuner {
    /// For images of `side` pixels.
    pub fn new(gpu: Gpu, side: usize, against_cpu: bool) -> Self {
        let mut configurations = Tuning::configurations(gpu.software, gpu.f16());
        configurations.reverse();
        let (cpu, test, best, attached, failed) = (None, None, None, None, None);
        Self { gpu, side, against_cpu, cpu, test, configurations, varied: 0, best, attached, failed, over: false }
    }

    /// One step. `None` while there are more.
    ///
    /// # Errors
    /// No configuration runs.
    pub async fn step(&mut self, detector: &mut Detector) -> Result<Option<Fastest>> {
        let Some(test) = &self.test else {
            if self.against_cpu {
                self.cpu = Some(best_time(detector, self.side, true).await?);
            }
            self.test = Some(detector.self_test(self.side)?);
            return Ok(None);
        };
        // First all configurations, then variants of the best one.
        let next = match (self.configurations.pop(), self.best) {
            _ if self.over => None,
            (Some(tuning), _) => Some(tuning),
            (None, Some((_, tuning))) => {
                self.varied += 1;
                tuning.variants(self.gpu.subgroup).get(self.varied - 1).copied()
            }
            (None, None) => None,
        };
        if let Some(tuning) = next {
            match measure(detector, &self.gpu, tuning, test, self.side).await {
                Ok(took) => {
                    self.attached = Some(tuning);
                    if self.best.is_none_or(|(least, _)| took < least) {
                        self.best = Some((took, tuning));
                    }
                    let least = self.best.map_or(took, |(least, _)| least);
                    if self.cpu.is_none_or(|cpu| least <= HOPELESS * cpu) {
                        return Ok(None);
                    }
                }
                Err(error) => {
                    self.attached = None;
                    self.failed = Some(error);
                    if let Err(lost) = self.gpu.check() {
                        // The driver lost the device in this configuration. Another device runs the best one so far.
                        if self.best.is_none() {
                            return Err(lost);
                        }
                        self.gpu = adapter::open().await?;
                        self.over = true;
                    }
                    return Ok(None);
                }
            }
        }
        let Some((webgpu, tuning)) = self.best else {
            let nothing = || Error::new(ErrorKind::Device, "no configuration was measured");
            return Err(self.failed.take().unwrap_or_else(nothing));
        };
        if self.attached != Some(tuning) {
            detector.attach_gpu_tuned(&self.gpu, tuning, test).await?;
        }
        self.gpu.clear_pipeline_cache();
        Ok(Some(Fastest { cpu: self.cpu, webgpu, tuning }))
    }
}

/// Milliseconds of the network in a configuration that passes the self-test.
async fn measure(detector: &mut Detector, gpu: &Gpu, tuning: Tuning, test: &SelfTest, side: usize) -> Result<f64> {
    detector.attach_gpu_tuned(gpu, tuning, test).await?;
    best_time(detector, side, false).await
}

/// Milliseconds of the network, the best of a few runs.
async fn best_time(detector: &Detector, side: usize, on_cpu: bool) -> Result<f64> {
    let grey = Image::new(side, side, vec![114; side * side * 3])?;
    let options = PredictOptions { imgsz: Some([side; 2]), on_cpu, ..PredictOptions::default() };
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        best = best.min(detector.predict_async(&grey, &options).await?.speed.network);
    }
    Ok(best)
}
