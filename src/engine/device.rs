//! The device that a caller asks for.

use super::cpu::Precision;
use crate::{Error, ErrorKind, Result};
use std::str::FromStr;

/// A device to run on, as options name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The fastest one.
    #[default]
    Auto,
    /// The CPU, with a precision or with [the faster one](Precision::detect).
    Cpu(Option<Precision>),
    /// A GPU, with a configuration of its shaders (see `engine::gpu::Tuning`), with `burn-ops` (Burn's own operations), or with
    /// the default configuration.
    Gpu(Option<String>),
}

impl Device {
    /// The names of all devices. `gpu/…` takes configurations of the shaders, too.
    pub const NAMES: [&str; 6] = ["auto", "cpu", "gpu", "gpu/burn-ops", "cpu/float", "cpu/int16"];

    /// The precision on the CPU, if one is asked for.
    pub fn precision(&self) -> Option<Precision> {
        if let Self::Cpu(precision) = self { *precision } else { None }
    }
}

impl FromStr for Device {
    type Err = Error;

    /// Reads `auto`, `cpu`, `cpu/PRECISION`, `gpu` or `gpu/CONFIGURATION`; `webgpu` stands for `gpu`.
    fn from_str(name: &str) -> Result<Self> {
        let unknown = || {
            Error::new(ErrorKind::Argument, format!("device: {name:?} is none of auto, cpu, gpu (webgpu)"))
                .hint("with a precision: cpu/float, cpu/int16")
        };
        let (kind, rest) = name.split_once('/').map_or((name, None), |(kind, rest)| (kind, Some(rest)));
        match (kind, rest) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu(None)),
            ("cpu", Some(precision)) => {
                precision.parse().map(|precision| Self::Cpu(Some(precision))).map_err(|_| unknown())
            }
            ("gpu" | "webgpu", configuration) => Ok(Self::Gpu(configuration.map(str::to_owned))),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        assert!(Device::NAMES.iter().all(|name| name.parse::<Device>().is_ok()));
        assert_eq!("cpu/fixed".parse::<Device>().unwrap(), Device::Cpu(Some(Precision::Int16)), "the old name");
        assert_eq!("webgpu/half-4096-4x2".parse::<Device>().unwrap(), Device::Gpu(Some("half-4096-4x2".into())));
        for wrong in ["", "auto/float", "cpu/", "cpu/int3", "npu"] {
            assert_eq!(wrong.parse::<Device>().unwrap_err().kind(), ErrorKind::Argument, "{wrong}");
        }
    }
}
