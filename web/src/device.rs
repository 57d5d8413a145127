//! Where a network runs, and why.

use std::cell::RefCell;

use ghostdet::engine::cpu::bands::threads;
use ghostdet::engine::gpu::{Gpu, Tuning};
use ghostdet::{Detector, Error, Result};
use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

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

impl Choice {
    /// Whether a GPU may be attached.
    pub async fn wants_gpu(&self) -> bool {
        match self {
            Self::Cpu => false,
            Self::WebGpu => true,
            Self::Auto { remembered } => open().await.is_ok_and(|gpu| {
                let cpu = format!("{}=cpu", gpu.name);
                !gpu.software && remembered.as_deref() != Some(&cpu)
            }),
        }
    }
}

/// The place that was chosen.
pub struct Place {
    gpu: bool,
    adapter: String,
    reason: String,
    /// Milliseconds of the network on the CPU and on the GPU, where they were measured.
    measured: Option<[f64; 2]>,
    /// How it runs on the GPU.
    tuning: Option<Tuning>,
}

/// Runs of each in a comparison; the best counts.
const RUNS: usize = 3;
/// A GPU that takes so many times what the CPU takes is not tried in other ways.
const HOPELESS: f64 = 4.0;

impl Place {
    /// Chooses, and puts the network on the GPU if that is the choice.
    pub async fn choose(detector: &mut Detector, choice: Choice) -> Result<Self> {
        let remembered = match choice {
            Choice::Cpu => return Ok(Self::cpu("asked for")),
            Choice::WebGpu => {
                let gpu = open().await?;
                detector.attach_gpu(&gpu).await?;
                return Ok(Self::gpu_because("asked for", gpu, Tuning::new));
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
        let tuning = known.and_then(|(_, kind)| Tuning::named(kind.strip_prefix("webgpu/")?, gpu.software));
        if let Some(tuning) = tuning
            && detector.attach_gpu_tuned(&gpu, tuning).await.is_ok()
        {
            return Ok(Self::gpu_because("measured faster than the CPU here", gpu, |_| tuning));
        }
        let (measured, tuning) = match compare(detector, &gpu).await {
            Ok(found) => found,
            Err(error) => return Ok(Self::cpu(&format!("WebGPU failed: {error}"))),
        };
        let [cpu, webgpu] = measured;
        let place = match webgpu <= cpu {
            true => Self::gpu_because("measured faster than the CPU here", gpu, |_| tuning),
            false => Self::cpu("measured faster than WebGPU here"),
        };
        Ok(Self { measured: Some(measured), ..place })
    }

    fn gpu_because(reason: &str, gpu: Gpu, tuning: impl Fn(bool) -> Tuning) -> Self {
        let tuning = Some(tuning(gpu.software));
        Self { gpu: true, adapter: gpu.name, reason: reason.into(), measured: None, tuning }
    }

    fn cpu(reason: &str) -> Self {
        let simd = cfg!(target_feature = "simd128");
        let threads = match threads() {
            1 => "one thread".to_string(),
            several => format!("{several} threads"),
        };
        let adapter = format!("{}, {threads}", if simd { "WebAssembly SIMD128" } else { "WebAssembly" });
        Self { gpu: false, adapter, reason: reason.into(), measured: None, tuning: None }
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
            "tuning": self.tuning.map(Tuning::name),
            "threads": threads(),
            "measured": self.measured.map(|[cpu, webgpu]| json!({ "cpu": cpu, "webgpu": webgpu })),
        })
    }
}

/// Opens the GPU of this thread, if there is one: adapter and device take their time, which may be that of a download.
#[wasm_bindgen(js_name = warmGpu)]
pub async fn warm_gpu() -> bool {
    open().await.is_ok()
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

/// Milliseconds of the network on the CPU and on the GPU, the best of a few, and how the GPU got there; the network
/// stays on the GPU that way. Ways that compute wrongly there are left out.
async fn compare(detector: &mut Detector, gpu: &Gpu) -> Result<([f64; 2], Tuning)> {
    let side = detector.imgsz();
    let grey = ghostdet::picture::Picture::new(side, side, vec![114; side * side * 3])?;
    let floor = ghostdet::detection::DETECT_FLOOR;
    let mut cpu = f64::INFINITY;
    for _ in 0..RUNS {
        cpu = cpu.min(detector.predict_above(&grey, None, true, floor)?.speed.network);
    }
    let mut best: Option<(f64, Tuning)> = None;
    let mut failed = None;
    let mut attached = None;
    let mut candidates = Tuning::candidates(gpu.software, gpu.f16());
    candidates.reverse();
    let mut varied = 0;
    loop {
        // The best of them is varied: once, and the better one once more.
        let tuning = match (candidates.pop(), best) {
            (Some(tuning), _) => tuning,
            (None, Some((_, tuning))) if varied < tuning.variants().len() => {
                varied += 1;
                tuning.variants()[varied - 1]
            }
            _ => break,
        };
        if let Err(error) = detector.attach_gpu_tuned(gpu, tuning).await {
            failed = Some(error);
            continue;
        }
        attached = Some(tuning);
        let mut took = f64::INFINITY;
        for _ in 0..RUNS {
            took = took.min(detector.predict_on_gpu(&grey, None, true, floor).await?.speed.network);
        }
        if best.is_none_or(|(least, _)| took < least) {
            best = Some((took, tuning));
        }
        if took > HOPELESS * cpu {
            break;
        }
    }
    let Some((took, tuning)) = best else {
        return Err(failed.unwrap_or_else(|| Error::new(ghostdet::ErrorKind::Device, "no way to run was tried")));
    };
    if attached != Some(tuning) {
        detector.attach_gpu_tuned(gpu, tuning).await?;
    }
    Ok(([cpu, took], tuning))
}
