//! Where the network computes.

use burn::tensor::Device;

/// The processor.
pub fn cpu() -> Device {
    Device::flex()
}

#[cfg(feature = "gpu")]
pub use wgpu::{Gpu, gpu};

#[cfg(all(feature = "gpu", not(target_family = "wasm")))]
pub use wgpu::gpu_blocking;

#[cfg(feature = "gpu")]
mod wgpu {
    use std::sync::{Mutex, PoisonError};

    use burn::tensor::Device;
    use burn::tensor::wgpu::{WgpuInitError, WgpuSetup, wgpu::DeviceType};

    use crate::error::{Error, ErrorKind, Result};

    /// A GPU (WebGPU in the browser, Vulkan, Metal or DirectX natively).
    #[derive(Clone)]
    pub struct Gpu {
        /// For tensors and networks.
        pub device: Device,
        /// The adapter's name.
        pub name: String,
        /// Whether the adapter only imitates a GPU on the processor: slower than the processor itself.
        pub software: bool,
    }

    static ACQUIRED: Mutex<Option<Gpu>> = Mutex::new(None);

    /// The GPU, acquired at the first call and kept. Nothing may block in the browser, so this is `async`.
    pub async fn gpu() -> Result<Gpu> {
        match kept() {
            Some(gpu) => Ok(gpu),
            None => keep(Device::wgpu_options().init_with_setup_async().await),
        }
    }

    /// [`gpu`], waiting for it.
    #[cfg(not(target_family = "wasm"))]
    pub fn gpu_blocking() -> Result<Gpu> {
        match kept() {
            Some(gpu) => Ok(gpu),
            None => keep(Device::wgpu_options().init_with_setup()),
        }
    }

    fn kept() -> Option<Gpu> {
        ACQUIRED.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(acquired: std::result::Result<(Device, WgpuSetup), WgpuInitError>) -> Result<Gpu> {
        let mut place = ACQUIRED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gpu) = &*place {
            return Ok(gpu.clone());
        }
        let (device, setup) = acquired.map_err(|error| {
            Error::new(ErrorKind::Device, error.to_string()).at("GPU").hint("take the processor instead")
        })?;
        let info = setup.adapter.get_info();
        let gpu = Gpu { device, name: info.name, software: info.device_type == DeviceType::Cpu };
        *place = Some(gpu.clone());
        Ok(gpu)
    }
}
