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
        let setup = WgpuSetup {
            instance: gpu.instance.clone(),
            adapter: gpu.adapter.clone(),
            device: gpu.device.clone(),
            queue: gpu.queue.clone(),
            backend: gpu.adapter.get_info().backend,
        };
        Device::wgpu_options().setup(setup).init().map_err(|error| {
            Error::new(ErrorKind::Device, error.to_string()).at("GPU").hint("take the processor instead")
        })
    }
}
