//! The results of autotuning that JavaScript keeps between visits: lines `KEY=CONFIGURATION`.

use ghostdet::engine::gpu::{Gpu, Tuning};

/// Bump when kernel variants are added; this invalidates cached tuning results.
const KERNELS: u32 = 2;

/// The configuration of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cached {
    /// The CPU was faster.
    Cpu,
    /// The fastest configuration of the GPU.
    Gpu(Tuning),
}

/// The lines of earlier visits, for one network.
pub struct TuningCache {
    lines: String,
    network: String,
}

impl TuningCache {
    /// `lines`: what JavaScript has kept. `network`: see [`network_class`].
    pub fn new(lines: Option<String>, network: String) -> Self {
        Self { lines: lines.unwrap_or_default(), network }
    }

    /// The key of a result: the adapter, the kernels, the network.
    fn key(&self, gpu: &Gpu) -> String {
        format!("{}, {}/{KERNELS}, {}", gpu.name.replace(['\n', '='], " "), env!("CARGO_PKG_VERSION"), self.network)
    }

    /// The result for this network on `gpu`.
    pub fn get(&self, gpu: &Gpu) -> Option<Cached> {
        let key = self.key(gpu);
        let kept = self.lines.lines().find_map(|line| line.rsplit_once('=').filter(|(name, _)| *name == key));
        parse(kept?.1)
    }

    /// The result of any network on `gpu` for images of `size`.
    pub fn any_at(&self, gpu: &Gpu, size: usize) -> Option<Tuning> {
        let (begin, end) = (Self::new(None, String::new()).key(gpu), format!(" at {size}"));
        self.lines.lines().find_map(|line| {
            let (name, kept) = line.rsplit_once('=')?;
            match parse(kept)? {
                Cached::Gpu(tuning) if name.starts_with(&begin) && name.ends_with(&end) => Some(tuning),
                _ => None,
            }
        })
    }

    /// The line to keep for a result.
    pub fn line(&self, gpu: &Gpu, result: Cached) -> String {
        match result {
            Cached::Cpu => format!("{}=cpu", self.key(gpu)),
            Cached::Gpu(tuning) => format!("{}=webgpu/{tuning}", self.key(gpu)),
        }
    }
}

fn parse(kept: &str) -> Option<Cached> {
    match kept.strip_prefix("webgpu/") {
        Some(tuning) => tuning.parse().ok().map(Cached::Gpu),
        None => (kept == "cpu").then_some(Cached::Cpu),
    }
}

/// A network's size class and image size: networks of about the same size share their results.
pub fn network_class(weight_bytes: usize, size: Option<usize>) -> String {
    let size = size.map_or_else(String::new, |size| format!(" at {size}"));
    format!("{} kB{size}", weight_bytes.next_power_of_two() >> 10)
}
