//! Where the network computes.

use burn::tensor::Device;

/// The processor.
pub fn cpu() -> Device {
    Device::flex()
}

#[cfg(feature = "gpu")]
pub use on_gpu::gpu;

#[cfg(feature = "gpu")]
mod on_gpu {
    use burn::tensor::Device;
    use burn::tensor::wgpu::WgpuSetup;
    use ghostdet::engine::gpu::Gpu;
    use ghostdet::{Error, ErrorKind, Result};

    /// Burn's backend on the device and queue of `gpu`, which has to be [opened whole](Gpu::open_whole): tensors and
    /// the executor's buffers share them. Call it once and clone what it returns.
    ///
    /// # Errors
    /// Burn refuses the device.
    pub fn gpu(gpu: &Gpu) -> Result<Device> {
        let refused =
            |message: String| Error::new(ErrorKind::Device, message).at("GPU").hint("take the processor instead");
        let source = gpu.source.as_ref().ok_or_else(|| refused("the adapter of this device is unknown".into()))?;
        let setup = WgpuSetup {
            instance: source.instance.clone(),
            adapter: source.adapter.clone(),
            device: gpu.device.clone(),
            queue: gpu.queue.clone(),
            backend: source.adapter.get_info().backend,
        };
        Device::wgpu_options().setup(setup).init().map_err(|error| refused(error.to_string()))
    }
}
