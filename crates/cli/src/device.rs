//! The device that the network runs on.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind as UsageError};
use ghostdet::engine::{Device, DeviceInfo, DeviceKind, Engine};
use ghostdet::model::Graph;
use ghostdet::{Detector, Result};
use serde::Serialize;
use serde_json::Value;

#[cfg(feature = "gpu")]
mod gpu;

/// Reads `--device`.
#[derive(Clone)]
pub struct DeviceParser;

impl TypedValueParser for DeviceParser {
    type Value = Device;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> std::result::Result<Device, clap::Error> {
        let name = value.to_string_lossy();
        let device = name.parse::<Device>().ok();
        let known = |device: &Device| match device {
            Device::Gpu(Some(configuration)) => gpu::is_known(configuration),
            _ => true,
        };
        device.filter(known).ok_or_else(|| {
            let mut error = clap::Error::new(UsageError::InvalidValue).with_cmd(command);
            if let Some(argument) = argument {
                error.insert(ContextKind::InvalidArg, ContextValue::String(argument.to_string()));
            }
            error.insert(ContextKind::InvalidValue, ContextValue::String(name.into_owned()));
            let names = Device::NAMES.map(str::to_owned).to_vec();
            error.insert(ContextKind::ValidValue, ContextValue::Strings(names));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Device::NAMES.into_iter().map(PossibleValue::new)))
    }
}

/// What ran a network, for JSON. The CPU needs no more words than `cpu`.
#[derive(Serialize)]
pub struct Ran {
    device: &'static str,
    #[serde(flatten)]
    gpu: Option<RanOnGpu>,
}

#[derive(Serialize)]
struct RanOnGpu {
    backend: &'static str,
    executor: &'static str,
    adapter: String,
}

impl Ran {
    /// What runs `engine`'s network.
    pub fn on(engine: &Engine) -> Self {
        let DeviceInfo { kind, backend, executor, name, .. } = engine.executor().info();
        let gpu = (kind == DeviceKind::Gpu).then_some(RanOnGpu { backend, executor, adapter: name });
        Self { device: kind.name(), gpu }
    }

    /// Adds it to the members of `json`.
    pub fn add_to(&self, json: &mut Value) {
        if let (Some(members), Ok(Value::Object(own))) = (json.as_object_mut(), serde_json::to_value(self)) {
            members.extend(own);
        }
    }

    /// `cpu`, or `gpu, burn-wgpu, fused, NAME OF THE ADAPTER`.
    pub fn words(&self) -> String {
        let gpu = |gpu: &RanOnGpu| format!("{}, {}, {}, {}", self.device, gpu.backend, gpu.executor, gpu.adapter);
        self.gpu.as_ref().map_or_else(|| self.device.to_owned(), gpu)
    }
}

/// Runs `detector`, loaded from `weights`, on `device` from now on. `auto` is the CPU, which has an answer before a GPU is set
/// up; a GPU pays for many images and large networks.
pub fn select(detector: &mut Detector, device: &Device, weights: &[u8]) -> Result<()> {
    match device {
        Device::Gpu(configuration) => gpu::attach(detector, configuration.as_deref(), weights),
        Device::Auto | Device::Cpu(_) => Ok(()),
    }
}

/// As [`select`], for a network of `graph` with random weights.
pub fn select_for_engine(engine: &mut Engine, graph: &Graph, device: &Device) -> Result<()> {
    match device {
        Device::Gpu(configuration) => gpu::attach_to_engine(engine, graph, configuration.as_deref()),
        Device::Auto | Device::Cpu(_) => Ok(()),
    }
}

/// Builds without GPU support.
#[cfg(not(feature = "gpu"))]
mod gpu {
    use ghostdet::engine::Engine;
    use ghostdet::model::Graph;
    use ghostdet::{Detector, Error, ErrorKind, Result};

    pub fn is_known(_: &str) -> bool {
        true
    }

    pub fn attach(_: &mut Detector, _: Option<&str>, _: &[u8]) -> Result<()> {
        Err(missing())
    }

    pub fn attach_to_engine(_: &mut Engine, _: &Graph, _: Option<&str>) -> Result<()> {
        Err(missing())
    }

    fn missing() -> Error {
        Error::new(ErrorKind::Device, "this build has no GPU support")
            .hint("build with `--features gpu`, or use --device cpu")
    }
}
