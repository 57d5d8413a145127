//! Where a network runs, and why.

use ghostdet::engine::Device;
use ghostdet::engine::cpu::parallel::threads;
use ghostdet::engine::gpu::{Gpu, Tuning};
use ghostdet::{Detector, Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::time::Duration;
use web_time::Instant;

use crate::adapter::{alive, close, open, opened};
use crate::autotune::{Fastest, Tuner};
use crate::reason::Reason;
use crate::tuning_cache::{Cached, TuningCache};

/// The largest image of the self-test at a start that measures nothing.
const TEST_SIDE: usize = 320;

/// How often a lost GPU is looked for again, and how long after the loss.
const MAX_LOSSES: u32 = 5;
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Where a network runs.
pub enum Place {
    /// On the CPU for good.
    Cpu(OnCpu),
    /// On the CPU while configurations of the GPU are measured.
    Tuning(Box<Tuner>),
    /// On the GPU.
    Gpu(OnGpu),
    /// On the CPU since the GPU was lost. It goes back when the GPU returns.
    Lost {
        /// When it was lost.
        since: Instant,
        /// Why.
        reason: Reason,
        /// What to go back to.
        before: OnGpu,
    },
}

/// A network on the CPU.
pub struct OnCpu {
    reason: Reason,
    measured: Option<Measured>,
    remember: Option<String>,
}

/// A network on the GPU.
pub struct OnGpu {
    reason: Reason,
    adapter: String,
    tuning: Tuning,
    measured: Option<Measured>,
    remember: Option<String>,
    /// The smallest image size that the GPU refused, and why.
    refused: Option<(usize, Reason)>,
    /// How often the GPU was lost.
    losses: u32,
}

/// Milliseconds of the network, where `auto` compared.
#[derive(Clone, Copy, serde::Serialize)]
struct Measured {
    cpu: f64,
    webgpu: f64,
}

/// A place, and what it needs to change.
pub struct Placement {
    place: Place,
    cache: TuningCache,
    /// Rises with each change of the place.
    revision: u32,
}

/// Whether the GPU may run a network on `device`: it must keep its source weights then.
pub async fn may_use_gpu(device: &Device, cache: &TuningCache) -> bool {
    match device {
        Device::Cpu(_) => false,
        Device::Gpu(_) => true,
        Device::Auto => open().await.is_ok_and(|gpu| !gpu.software && cache.get(&gpu) != Some(Cached::Cpu)),
    }
}

impl Placement {
    /// Chooses a place for images of `side` pixels, and attaches the GPU if that is the choice.
    ///
    /// # Errors
    /// The GPU was asked for and can't be had.
    pub async fn choose(detector: &mut Detector, device: &Device, cache: TuningCache, side: usize) -> Result<Self> {
        let place = choose(detector, device, &cache, side).await?;
        Ok(Self { place, cache, revision: 0 })
    }

    /// One step of autotuning.
    pub async fn tune(&mut self, detector: &mut Detector) {
        let Place::Tuning(tuner) = &mut self.place else { return };
        let place = match (tuner.step(detector).await, opened()) {
            (Ok(None), _) => return,
            (Ok(Some(fastest)), Some(gpu)) => decided(&self.cache, Reason::GpuFaster, &gpu, &fastest),
            (Ok(Some(_)), None) => Place::cpu(Reason::NoGpu),
            (Err(error), _) => Place::cpu(Reason::Failed(error.to_string())),
        };
        if !matches!(place, Place::Gpu(_)) {
            detector.detach();
            detector.drop_source_weights();
        }
        self.set(place);
    }

    /// Whether images of `size` run on the GPU.
    pub fn takes(&self, size: usize) -> bool {
        match &self.place {
            Place::Gpu(gpu) => gpu.refused.as_ref().is_none_or(|(least, _)| size < *least),
            _ => false,
        }
    }

    /// Whether the network stays on the CPU: it needs no source weights then.
    pub fn stays_on_cpu(&self) -> bool {
        matches!(self.place, Place::Cpu(_))
    }

    /// The GPU failed at an image of `size`. If it is still there, it refused that size only; else the CPU goes on.
    pub fn failed(&mut self, detector: &mut Detector, size: usize, error: &Error) {
        let reason = Reason::Failed(error.to_string());
        match &mut self.place {
            Place::Gpu(gpu) if error.kind() == ErrorKind::Device && alive() => {
                gpu.refused = Some((size, reason));
                self.revision += 1;
            }
            _ => self.lose(detector, reason),
        }
    }

    fn lose(&mut self, detector: &mut Detector, reason: Reason) {
        let broken = alive();
        close();
        detector.detach();
        let place = match std::mem::replace(&mut self.place, Place::cpu(reason.clone())) {
            // Phones take the GPU away from pages in the background. One that computes wrong results or fails again and
            // again is given up.
            Place::Gpu(gpu) if !broken && gpu.losses < MAX_LOSSES => {
                let before = OnGpu { losses: gpu.losses + 1, refused: None, ..gpu };
                Place::Lost { since: Instant::now(), reason, before }
            }
            _ => {
                detector.drop_source_weights();
                Place::cpu(reason)
            }
        };
        self.set(place);
    }

    /// Goes back to a GPU that was lost a while ago, if it is there again.
    pub async fn revive(&mut self, detector: &mut Detector) {
        // A loss may be reported after a refused image.
        if let Place::Gpu(gpu) = &mut self.place
            && let Some((_, reason)) = gpu.refused.take_if(|_| !alive())
        {
            self.lose(detector, reason);
        }
        if !matches!(&self.place, Place::Lost { since, .. } if since.elapsed() >= RETRY_AFTER) {
            return;
        }
        let Place::Lost { reason, before, .. } = std::mem::replace(&mut self.place, Place::cpu(Reason::NoGpu)) else {
            return;
        };
        let back = match (open().await, detector.self_test(TEST_SIDE)) {
            (Ok(gpu), Ok(test)) => detector.attach_gpu_tuned(&gpu, before.tuning, &test).await.is_ok(),
            _ => false,
        };
        if !back {
            detector.drop_source_weights();
        }
        self.set(if back { Place::Gpu(before) } else { Place::cpu(reason) });
    }

    fn set(&mut self, place: Place) {
        self.place = place;
        self.revision += 1;
    }

    /// Differs when [`Placement::json`] does.
    pub fn state(&self, size: usize) -> (u32, usize) {
        (self.revision, size)
    }

    /// For JavaScript: where images of `size` run.
    pub fn json(&self, detector: &Detector, size: usize) -> Value {
        let takes = self.takes(size);
        let (reason, measured, remember, tuning) = match &self.place {
            Place::Cpu(cpu) => (&cpu.reason, cpu.measured, cpu.remember.as_deref(), None),
            Place::Tuning(_) => (&Reason::Measuring, None, None, None),
            Place::Gpu(gpu) => {
                let refused = gpu.refused.as_ref().filter(|_| !takes).map(|(_, reason)| reason);
                (refused.unwrap_or(&gpu.reason), gpu.measured, gpu.remember.as_deref(), Some(gpu.tuning.to_string()))
            }
            Place::Lost { reason, .. } => (reason, None, None, None),
        };
        let adapter = match &self.place {
            Place::Gpu(gpu) if takes => gpu.adapter.clone(),
            _ => processor(),
        };
        let memory = matches!(self.place, Place::Gpu(_)).then(|| detector.engine().executor().info().memory);
        json!({
            "kind": if takes { "webgpu" } else { "cpu" },
            "adapter": adapter,
            "reason": reason.to_string(),
            "reasonCode": reason.code(),
            "gpu": opened().map(|gpu| gpu.name),
            "tuning": tuning,
            "memory": memory,
            "threads": threads(),
            "precision": detector.engine().precision().name(),
            "measured": measured,
            "remember": remember,
            "pending": matches!(self.place, Place::Tuning(_)),
        })
    }
}

async fn choose(detector: &mut Detector, device: &Device, cache: &TuningCache, side: usize) -> Result<Place> {
    let auto = match device {
        Device::Cpu(_) => return Ok(Place::cpu(Reason::Requested)),
        Device::Auto => true,
        Device::Gpu(_) => false,
    };
    let gpu = match open().await {
        Ok(gpu) => gpu,
        Err(_) if auto => return Ok(Place::cpu(Reason::NoGpu)),
        Err(error) => return Err(error),
    };
    if gpu.software && auto {
        return Ok(Place::cpu(Reason::SoftwareGpu));
    }
    let reason = if auto { Reason::GpuFaster } else { Reason::Requested };
    let cached = cache.get(&gpu);
    if auto && cached == Some(Cached::Cpu) {
        return Ok(Place::cpu(Reason::CpuFaster));
    }
    let test_side = side.min(TEST_SIDE);
    if let Device::Gpu(Some(configuration)) = device {
        let tuning = configuration.parse()?;
        detector.attach_gpu_tuned(&gpu, tuning, &detector.self_test(test_side)?).await?;
        return Ok(Place::gpu(reason, &gpu, tuning));
    }
    if let Some(Cached::Gpu(tuning)) = cached {
        let test = detector.self_test(test_side)?;
        if detector.attach_gpu_tuned(&gpu, tuning, &test).await.is_ok() {
            return Ok(Place::gpu(reason, &gpu, tuning));
        }
    } else if gpu.software {
        let test = detector.self_test(test_side)?;
        let mut tuning = Tuning::default_for(&gpu);
        if detector.attach_gpu_tuned(&gpu, tuning, &test).await.is_err() {
            tuning = Tuning::new(gpu.software);
            detector.attach_gpu_tuned(&gpu, tuning, &test).await?;
        }
        return Ok(Place::gpu(reason, &gpu, tuning));
    }
    let mut tuner = Tuner::new(gpu.clone(), side, auto);
    if auto {
        return Ok(Place::Tuning(Box::new(tuner)));
    }
    loop {
        if let Some(fastest) = tuner.step(detector).await? {
            return Ok(decided(cache, reason, &gpu, &fastest));
        }
    }
}

/// The place that autotuning has found.
fn decided(cache: &TuningCache, reason: Reason, gpu: &Gpu, fastest: &Fastest) -> Place {
    let &Fastest { cpu, webgpu, tuning } = fastest;
    let measured = cpu.map(|cpu| Measured { cpu, webgpu });
    if cpu.is_some_and(|cpu| cpu < webgpu) {
        let remember = Some(cache.line(gpu, Cached::Cpu));
        return Place::Cpu(OnCpu { reason: Reason::CpuFaster, measured, remember });
    }
    let remember = Some(cache.line(gpu, Cached::Gpu(tuning)));
    let adapter = gpu.name.clone();
    Place::Gpu(OnGpu { reason, adapter, tuning, measured, remember, refused: None, losses: 0 })
}

impl Place {
    fn cpu(reason: Reason) -> Self {
        Self::Cpu(OnCpu { reason, measured: None, remember: None })
    }

    fn gpu(reason: Reason, gpu: &Gpu, tuning: Tuning) -> Self {
        let adapter = gpu.name.clone();
        Self::Gpu(OnGpu { reason, adapter, tuning, measured: None, remember: None, refused: None, losses: 0 })
    }
}

/// The CPU as `info.device.adapter` names it.
fn processor() -> String {
    let simd = if cfg!(target_feature = "simd128") { "WebAssembly SIMD128" } else { "WebAssembly" };
    match threads() {
        1 => format!("{simd}, one thread"),
        several => format!("{simd}, {several} threads"),
    }
}
