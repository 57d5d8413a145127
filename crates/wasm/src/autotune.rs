//! What a network takes here, on the CPU and in all ways on the GPU.

use ghostdet::detection::DETECT_THRESHOLD;
use ghostdet::detector::SelfTest;
use ghostdet::engine::gpu::{Gpu, Tuning};
use ghostdet::image::Image;
use ghostdet::{Detector, Error, ErrorKind, Result};

use crate::adapter;

/// Runs of each in a comparison; the best counts.
const RUNS: usize = 3;

/// A GPU that takes so many times what the CPU takes is not tried in other ways.
const HOPELESS: f64 = 4.0;

fn grey(side: usize) -> Result<Image> {
    Image::new(side, side, vec![114; side * side * 3])
}

/// Milliseconds of the network on the CPU, the best of a few.
fn cpu_time(detector: &Detector, side: usize) -> Result<f64> {
    let (grey, mut best) = (grey(side)?, f64::INFINITY);
    for _ in 0..RUNS {
        best = best.min(detector.predict_with(&grey, Some([side; 2]), true, DETECT_THRESHOLD)?.speed.network);
    }
    Ok(best)
}

/// What was found out.
pub struct Found {
    /// Milliseconds on the CPU, if they were asked for.
    pub cpu: Option<f64>,
    /// Milliseconds on the GPU, the fastest way.
    pub webgpu: f64,
    /// That way; the network is left on the GPU like that.
    pub tuning: Tuning,
}

/// Times a network on the CPU and in all ways on the GPU, a step at a time, so that pictures can be looked at in between.
/// Ways that compute wrongly are left out.
pub struct Tuner {
    gpu: Gpu,
    side: usize,
    against_cpu: bool,
    cpu: Option<f64>,
    test: Option<SelfTest>,
    candidates: Vec<Tuning>,
    /// Variants of the best that were tried.
    varied: usize,
    best: Option<(f64, Tuning)>,
    attached: Option<Tuning>,
    failed: Option<Error>,
    /// Nothing more is tried: a device was lost on the way.
    over: bool,
}

impl Tuner {
    /// For pictures of `side` pixels.
    pub fn new(gpu: Gpu, side: usize, against_cpu: bool) -> Self {
        let mut candidates = Tuning::configurations(gpu.software, gpu.f16());
        candidates.reverse();
        let (cpu, test, best, attached, failed) = (None, None, None, None, None);
        Self { gpu, side, against_cpu, cpu, test, candidates, varied: 0, best, attached, failed, over: false }
    }

    /// One step; none while there are more.
    pub async fn step(&mut self, detector: &mut Detector) -> Result<Option<Found>> {
        let Some(test) = &self.test else {
            if self.against_cpu {
                self.cpu = Some(cpu_time(detector, self.side)?);
            }
            self.test = Some(detector.self_test(self.side)?);
            return Ok(None);
        };
        // The best so far is varied, each time.
        let next = match (self.candidates.pop(), self.best) {
            _ if self.over => None,
            (Some(tuning), _) => Some(tuning),
            (None, Some((_, tuning))) => {
                self.varied += 1;
                tuning.variants(self.gpu.subgroup).get(self.varied - 1).copied()
            }
            (None, None) => None,
        };
        if let Some(tuning) = next {
            match time(detector, &self.gpu, tuning, test, self.side).await {
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
                        // A way that the driver can't stand costs the device, not what is known: another one runs the best.
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
            let nothing = || Error::new(ErrorKind::Device, "no way to run was tried");
            return Err(self.failed.take().unwrap_or_else(nothing));
        };
        if self.attached != Some(tuning) {
            detector.attach_gpu_tuned(&self.gpu, tuning, test).await?;
        }
        self.gpu.clear_pipeline_cache();
        Ok(Some(Found { cpu: self.cpu, webgpu, tuning }))
    }
}

/// Milliseconds of the network on the GPU with these tiles, once they are known to compute the right thing.
async fn time(detector: &mut Detector, gpu: &Gpu, tuning: Tuning, test: &SelfTest, side: usize) -> Result<f64> {
    detector.attach_gpu_tuned(gpu, tuning, test).await?;
    let (grey, size) = (grey(side)?, Some([side; 2]));
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        best = best.min(detector.predict_on_gpu(&grey, size, true, DETECT_THRESHOLD).await?.speed.network);
    }
    Ok(best)
}
