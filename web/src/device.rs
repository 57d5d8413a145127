//! Where a network runs, and why.

use std::cell::RefCell;

use ghostdet::engine::gpu::Gpu;
use ghostdet::{Detector, Error, Result};
use serde_json::{Value, json};

thread_local! {
    /// The GPU of this thread, shared by all networks.
    static OPENED: RefCell<Option<Gpu>> = const { RefCell::new(None) };
}

/// What the caller asked for.
pub enum Choice {
    /// The faster one, as measured here or remembered (`adapter=kind`).
    Auto { remembered: Option<String> },
    /// WebGPU or an error.
    WebGpu,
    /// The CPU.
    Cpu,
}

/// The place that was chosen.
pub struct Place {
    gpu: bool,
    adapter: String,
    reason: String,
    /// Milliseconds of the network on the CPU and on the GPU, where they were measured.
    measured: Option<[f64; 2]>,
}

/// Runs of each in a comparison; the best counts.
const RUNS: usize = 3;

impl Place {
    /// Chooses, and puts the network on the GPU if that is the choice.
    pub async fn choose(detector: &mut Detector, choice: Choice) -> Result<Self> {
        let remembered = match choice {
            Choice::Cpu => return Ok(Self::cpu("asked for")),
            Choice::WebGpu => {
                let gpu = open().await?;
                detector.attach_gpu(&gpu).await?;
                return Ok(Self { gpu: true, adapter: gpu.name, reason: "asked for".into(), measured: None });
            }
            Choice::Auto { remembered } => remembered,
        };
        let gpu = match open().await {
            Ok(gpu) => gpu,
            Err(_) => return Ok(Self::cpu("no WebGPU here")),
        };
        if gpu.software {
            return Ok(Self::cpu("WebGPU is only imitated by software here"));
        }
        let known = remembered.as_deref().and_then(|text| text.rsplit_once('=')).filter(|(name, _)| *name == gpu.name);
        if let Some((_, "cpu")) = known {
            return Ok(Self::cpu("measured faster than WebGPU here"));
        }
        if let Err(error) = detector.attach_gpu(&gpu).await {
            return Ok(Self::cpu(&format!("WebGPU failed: {error}")));
        }
        if known.is_some() {
            return Ok(Self {
                gpu: true,
                adapter: gpu.name,
                reason: "measured faster than the CPU here".into(),
                measured: None,
            });
        }
        let measured = match compare(detector).await {
            Ok(measured) => measured,
            Err(error) => return Ok(Self::cpu(&format!("WebGPU failed: {error}"))),
        };
        let [cpu, webgpu] = measured;
        let faster = webgpu <= cpu;
        let place = if faster {
            Self { gpu: true, adapter: gpu.name, reason: "measured faster than the CPU here".into(), measured: None }
        } else {
            Self::cpu("measured faster than WebGPU here")
        };
        Ok(Self { measured: Some(measured), ..place })
    }

    fn cpu(reason: &str) -> Self {
        let simd = cfg!(target_feature = "simd128");
        let adapter = if simd { "WebAssembly SIMD128, one thread" } else { "WebAssembly, one thread" };
        Self { gpu: false, adapter: adapter.into(), reason: reason.into(), measured: None }
    }

    /// Whether it is the GPU.
    pub fn gpu(&self) -> bool {
        self.gpu
    }

    /// The GPU failed: the CPU from now on.
    pub fn give_up(&mut self, error: &Error) {
        OPENED.with_borrow_mut(|opened| *opened = None);
        *self = Self::cpu(&format!("WebGPU failed: {error}"));
    }

    /// For JavaScript.
    pub fn json(&self) -> Value {
        let kind = if self.gpu { "webgpu" } else { "cpu" };
        let gpu = OPENED.with_borrow(|opened| opened.as_ref().map(|gpu| gpu.name.clone()));
        json!({
            "kind": kind,
            "adapter": self.adapter,
            "reason": self.reason,
            "gpu": gpu,
            "measured": self.measured.map(|[cpu, webgpu]| json!({ "cpu": cpu, "webgpu": webgpu })),
        })
    }
}

/// The GPU of this thread, opened at the first call.
pub async fn open() -> Result<Gpu> {
    if let Some(gpu) = OPENED.with_borrow(|opened| opened.clone())
        && gpu.check().is_ok()
    {
        return Ok(gpu);
    }
    let gpu = Gpu::open().await?;
    OPENED.with_borrow_mut(|opened| *opened = Some(gpu.clone()));
    Ok(gpu)
}

/// Milliseconds of the network on the CPU and on the GPU, the best of a few.
async fn compare(detector: &mut Detector) -> Result<[f64; 2]> {
    let side = detector.imgsz();
    let grey = ghostdet::picture::Picture::new(side, side, vec![114; side * side * 3])?;
    let mut best = [f64::INFINITY; 2];
    for _ in 0..RUNS {
        let floor = ghostdet::detection::DETECT_FLOOR;
        best[1] = best[1].min(detector.predict_on_gpu(&grey, None, true, floor).await?.speed.network);
        best[0] = best[0].min(detector.predict_above(&grey, None, true, floor)?.speed.network);
    }
    Ok(best)
}
