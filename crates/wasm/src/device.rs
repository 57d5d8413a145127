//! Where a network runs, and why.

use ghostdet::engine::cpu::Precision;
use ghostdet::engine::cpu::parallel::threads;
use ghostdet::engine::gpu::{Gpu, Tuning};
use ghostdet::{Detector, Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::time::Duration;
use wasm_bindgen::prelude::JsValue;
use web_time::Instant;

use crate::adapter::{close, open, opened};
use crate::autotune::{Found, Tuner};
use crate::error::argument;

/// What the caller asked for. `remembered`: what was found out earlier, a line `KEY=KIND` each (see [`key`]).
pub enum Choice {
    /// The faster one, as measured here or remembered.
    Auto { remembered: String },
    /// WebGPU or an error.
    WebGpu { remembered: String },
    /// The CPU.
    Cpu,
}

impl Choice {
    /// Whether a GPU may be attached to the network of `class`.
    pub async fn wants_gpu(&self, class: &str) -> bool {
        match self {
            Self::Cpu => false,
            Self::WebGpu { .. } => true,
            Self::Auto { remembered } => {
                open().await.is_ok_and(|gpu| !gpu.software && known(remembered, &key(&gpu, class)) != Some("cpu"))
            }
        }
    }
}

/// Rises when there are ways of running that adapters have not been asked about.
const KERNELS: u32 = 2;

/// What an answer is kept for: the adapter, these kernels, the size of the weights and of the pictures.
fn key(gpu: &Gpu, class: &str) -> String {
    format!("{}, {}/{KERNELS}, {class}", gpu.name.replace(['\n', '='], " "), env!("CARGO_PKG_VERSION"))
}

/// The size of a network, roughly, for [`key`].
pub fn class(weight_bytes: usize, size: Option<usize>) -> String {
    let size = size.map_or_else(String::new, |size| format!(" at {size}"));
    format!("{} kB{size}", weight_bytes.next_power_of_two() >> 10)
}

/// The way that was fastest on this adapter for some network at this size.
pub fn remembered_tuning(remembered: &str, gpu: &Gpu, size: usize) -> Option<Tuning> {
    let (begin, end) = (key(gpu, ""), format!(" at {size}"));
    let ours = |line: &str| {
        let (name, kind) = line.rsplit_once('=')?;
        let way = kind.strip_prefix("webgpu/").filter(|_| name.starts_with(&begin) && name.ends_with(&end))?;
        way.parse().ok()
    };
    remembered.lines().find_map(ours)
}

fn known<'a>(remembered: &'a str, key: &str) -> Option<&'a str> {
    remembered.lines().find_map(|line| line.rsplit_once('=').filter(|(name, _)| *name == key)).map(|(_, kind)| kind)
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
    /// A line for the next start.
    remember: Option<String>,
    /// The least picture size that the GPU refused, and why.
    refused: Option<(usize, String)>,
    /// What is still being timed, and the key of the answer.
    pending: Option<(String, Tuner)>,
    /// When the GPU was lost, and how the network ran on it.
    before: Option<(Instant, Box<Place>)>,
    /// How often that happened.
    losses: u32,
}

/// The self-test of a start at which nothing is measured is no larger than this.
const TESTED_SIDE: usize = 320;
/// How often a GPU that is lost is looked for again, and how long after.
const MOST_LOSSES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(5);
const TIMED: &str = "WebGPU is being timed";
const SLOWER: &str = "measured faster than WebGPU here";
const FASTER: &str = "measured faster than the CPU here";

impl Place {
    /// Chooses, and puts the network (of `class`, for pictures of `side`) on the GPU if that is the choice.
    pub async fn choose(detector: &mut Detector, choice: Choice, class: &str, side: usize) -> Result<Self> {
        let (remembered, auto) = match &choice {
            Choice::Cpu => return Ok(Self::cpu("asked for")),
            Choice::Auto { remembered } => (remembered, true),
            Choice::WebGpu { remembered } => (remembered, false),
        };
        let gpu = match open().await {
            Ok(gpu) => gpu,
            Err(_) if auto => return Ok(Self::cpu("no WebGPU here")),
            Err(error) => return Err(error),
        };
        if gpu.software && auto {
            return Ok(Self::cpu("WebGPU is only imitated by software here"));
        }
        let (name, reason) = (key(&gpu, class), if auto { FASTER } else { "asked for" });
        let kind = known(remembered, &name);
        if auto && kind == Some("cpu") {
            return Ok(Self::cpu(SLOWER));
        }
        let tuning = kind.and_then(|kind| kind.strip_prefix("webgpu/")?.parse::<Tuning>().ok());
        let test = || detector.self_test(side.min(TESTED_SIDE));
        if let Some(tuning) = tuning {
            let test = test()?;
            if detector.attach_gpu_tuned(&gpu, tuning, &test).await.is_ok() {
                return Ok(Self::on_gpu(reason, &gpu, tuning));
            }
        } else if gpu.software {
            let test = test()?;
            let mut tuning = Tuning::default_for(&gpu);
            if detector.attach_gpu_tuned(&gpu, tuning, &test).await.is_err() {
                tuning = Tuning::new(gpu.software);
                detector.attach_gpu_tuned(&gpu, tuning, &test).await?;
            }
            return Ok(Self::on_gpu(reason, &gpu, tuning));
        }
        let mut tuner = Tuner::new(gpu.clone(), side, auto);
        if auto {
            return Ok(Self { pending: Some((name, tuner)), ..Self::cpu(TIMED) });
        }
        loop {
            if let Some(found) = tuner.step(detector).await? {
                return Ok(Self::decided(&name, reason, &gpu, &found));
            }
        }
    }

    fn decided(name: &str, reason: &str, gpu: &Gpu, found: &Found) -> Self {
        let &Found { cpu, webgpu, tuning } = found;
        let measured = cpu.map(|cpu| [cpu, webgpu]);
        if cpu.is_some_and(|cpu| cpu < webgpu) {
            return Self { measured, remember: Some(format!("{name}=cpu")), ..Self::cpu(SLOWER) };
        }
        let remember = Some(format!("{name}=webgpu/{tuning}"));
        Self { measured, remember, ..Self::on_gpu(reason, gpu, tuning) }
    }

    /// Goes on with what is undecided, one step; pictures are looked at by the CPU meanwhile.
    pub async fn tune(&mut self, detector: &mut Detector) {
        let Some((name, mut tuner)) = self.pending.take() else { return };
        *self = match (tuner.step(detector).await, opened()) {
            (Ok(None), _) => {
                self.pending = Some((name, tuner));
                return;
            }
            (Ok(Some(found)), Some(gpu)) => Self::decided(&name, FASTER, &gpu, &found),
            (Ok(Some(_)), None) => Self::cpu("no WebGPU here"),
            (Err(error), _) => Self::cpu(&format!("WebGPU failed: {error}")),
        };
        if !self.gpu {
            detector.detach_gpu();
            detector.forget_weights();
        }
    }

    /// Whether it may change without a failure.
    pub fn pending(&self) -> bool {
        self.pending.is_some()
    }

    fn on_gpu(reason: &str, gpu: &Gpu, tuning: Tuning) -> Self {
        let adapter = gpu.name.clone();
        Self { gpu: true, adapter, tuning: Some(tuning), ..Self::cpu(reason) }
    }

    fn cpu(reason: &str) -> Self {
        let (adapter, reason) = (processor(), reason.into());
        let (measured, tuning, remember, refused, pending, before) = (None, None, None, None, None, None);
        Self { gpu: false, adapter, reason, measured, tuning, remember, refused, pending, before, losses: 0 }
    }

    /// Whether it is the GPU.
    pub fn gpu(&self) -> bool {
        self.gpu
    }

    /// Whether pictures of `size` go to the GPU.
    pub fn takes(&self, size: usize) -> bool {
        self.gpu && self.refused.as_ref().is_none_or(|(least, _)| size < *least)
    }

    /// The GPU failed at a picture of `size`. One that is there still refused that size alone; else it is the CPU from now on.
    pub fn failed(&mut self, detector: &mut Detector, size: usize, error: &Error) {
        let reason = format!("WebGPU failed: {error}");
        match error.kind() {
            ErrorKind::Device if alive() => self.refused = Some((size, reason)),
            _ => self.lose(detector, &reason),
        }
    }

    fn lose(&mut self, detector: &mut Detector, reason: &str) {
        let alive = alive();
        close();
        detector.detach_gpu();
        let losses = self.losses + 1;
        let cpu = Self { losses, ..Self::cpu(reason) };
        let before = std::mem::replace(self, cpu);
        // Phones take the GPU away from pages in the background; what computes wrongly or fails again and again stays away.
        if alive || losses > MOST_LOSSES {
            detector.forget_weights();
        } else {
            self.before = Some((Instant::now(), Box::new(before)));
        }
    }

    /// Goes back to a GPU that was lost a while ago, if it is there again.
    pub async fn revive(&mut self, detector: &mut Detector) {
        // Of a loss one may be told only after something was refused.
        if let Some((_, reason)) = self.refused.take_if(|_| !alive()) {
            self.lose(detector, &reason);
        }
        if self.before.as_ref().is_none_or(|(lost, _)| lost.elapsed() < PAUSE) {
            return;
        }
        let Some((_, before)) = self.before.take() else { return };
        let Some(tuning) = before.tuning else { return };
        let back = match (open().await, detector.self_test(TESTED_SIDE)) {
            (Ok(gpu), Ok(test)) => detector.attach_gpu_tuned(&gpu, tuning, &test).await.is_ok(),
            _ => false,
        };
        if back {
            *self = Self { losses: self.losses, refused: None, ..*before };
        } else {
            detector.forget_weights();
        }
    }

    /// For JavaScript: where pictures of `size` run.
    pub fn json(&self, detector: &Detector, size: usize) -> Value {
        let memory = detector.gpu().map(|executor| executor.bytes());
        let refused = self.refused.as_ref().filter(|_| !self.takes(size)).map(|(_, reason)| reason);
        json!({
            "kind": if self.takes(size) { "webgpu" } else { "cpu" },
            "adapter": if refused.is_some() { processor() } else { self.adapter.clone() },
            "reason": refused.unwrap_or(&self.reason),
            "gpu": opened().map(|gpu| gpu.name),
            "tuning": self.tuning.map(|tuning| tuning.to_string()),
            "memory": memory,
            "threads": threads(),
            "precision": detector.engine().precision().name(),
            "measured": self.measured.map(|[cpu, webgpu]| json!({ "cpu": cpu, "webgpu": webgpu })),
            "remember": self.remember,
            "pending": self.pending(),
        })
    }
}

/// The precision that `cpu`, `cpu/float` and `cpu/int16` ask for; what is faster for other devices.
pub fn precision(device: &str) -> Result<Precision, JsValue> {
    match device.strip_prefix("cpu/") {
        None => Ok(Precision::detect()),
        Some(name) => {
            name.parse().map_err(|_| argument(&format!("device: {device:?} is none of cpu, cpu/float, cpu/int16")))
        }
    }
}

/// Whether there is a GPU that did not fail.
fn alive() -> bool {
    opened().is_some_and(|gpu| gpu.check().is_ok())
}

fn processor() -> String {
    let simd = if cfg!(target_feature = "simd128") { "WebAssembly SIMD128" } else { "WebAssembly" };
    match threads() {
        1 => format!("{simd}, one thread"),
        several => format!("{simd}, {several} threads"),
    }
}
