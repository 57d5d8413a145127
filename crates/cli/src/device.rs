//! The device that the network runs on.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use ghostdet::engine::Device;
use ghostdet::{Detector, Result};

/// Reads `--device`.
pub fn parser() -> impl TypedValueParser<Value = Device> {
    PossibleValuesParser::new(Device::NAMES).try_map(|name| name.parse::<Device>())
}

/// Runs `detector` on `device` from now on. `auto` is the CPU, which has an answer before a GPU is set up; a GPU pays for
/// many images and large networks.
pub fn select(detector: &mut Detector, device: &Device) -> Result<()> {
    match device {
        Device::Gpu(configuration) => open_gpu(detector, configuration.as_deref()),
        Device::Auto | Device::Cpu(_) => Ok(()),
    }
}

#[cfg(feature = "gpu")]
fn open_gpu(detector: &mut Detector, configuration: Option<&str>) -> Result<()> {
    report(&detector.open_gpu(configuration)?);
    Ok(())
}

/// Names the GPU on stderr.
#[cfg(feature = "gpu")]
pub fn report(gpu: &ghostdet::engine::gpu::Gpu) {
    let note = if gpu.software { " (software, slower than --device cpu)" } else { "" };
    eprintln!("GPU: {}{note}", gpu.name);
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(_: &mut Detector, _: Option<&str>) -> Result<()> {
    Err(no_gpu())
}

/// The error of builds without GPU support.
#[cfg(not(feature = "gpu"))]
pub fn no_gpu() -> ghostdet::Error {
    ghostdet::Error::new(ghostdet::ErrorKind::Device, "this build has no GPU support")
        .hint("build with `--features gpu`, or use --device cpu")
}
