//! Why a network runs where it runs.

use std::fmt;

/// A reason. Its code is stable; the page translates it. Its text is English.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The caller asked for the device.
    Requested,
    /// There is no GPU.
    NoGpu,
    /// WebGPU runs in software here.
    SoftwareGpu,
    /// Autotuning is measuring.
    Measuring,
    /// The CPU was measured faster.
    CpuFaster,
    /// The GPU was measured faster.
    GpuFaster,
    /// The GPU failed with this message.
    Failed(String),
}

impl Reason {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::NoGpu => "no-webgpu",
            Self::SoftwareGpu => "software-webgpu",
            Self::Measuring => "measuring",
            Self::CpuFaster => "cpu-faster",
            Self::GpuFaster => "webgpu-faster",
            Self::Failed(_) => "webgpu-failed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requested => f.write_str("asked for"),
            Self::NoGpu => f.write_str("no WebGPU here"),
            Self::SoftwareGpu => f.write_str("WebGPU runs in software here"),
            Self::Measuring => f.write_str("WebGPU is being measured"),
            Self::CpuFaster => f.write_str("measured faster than WebGPU here"),
            Self::GpuFaster => f.write_str("measured faster than the CPU here"),
            Self::Failed(message) => write!(f, "WebGPU failed: {message}"),
        }
    }
}
