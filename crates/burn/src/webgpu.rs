//! Burn's WebGPU backend (Vulkan, Metal, DirectX natively), and the device under it for the fused shaders.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use ghostdet::engine::gpu::Gpu;
use ghostdet::{Error, ErrorKind, Result};

/// One GPU, as Burn sees it and as the fused shaders do: the same adapter, device and queue. Cloning shares it.
#[derive(Clone)]
pub struct BurnGpu {
    /// For Burn's tensors.
    pub device: Device,
    /// For the fused shaders.
    pub gpu: Gpu,
}

impl BurnGpu {
    /// Opens the fastest adapter.
    ///
    /// Burn opens one device in a program's life. A later call, after a loss, opens another device and registers it with Burn.
    ///
    /// # Errors
    /// [`ErrorKind::Device`]: there is no adapter, or it refuses a device.
    pub async fn open() -> Result<Self> {
        static OPENED_BY_BURN: AtomicBool = AtomicBool::new(false);
        if OPENED_BY_BURN.swap(true, Ordering::Relaxed) {
            let gpu = Gpu::open_whole().await?;
            return Ok(Self { device: self::gpu(&gpu)?, gpu });
        }
        let (device, setup) = Device::wgpu_options().init_with_setup_async().await.map_err(unavailable)?;
        let gpu = Gpu::from_parts(setup.device, setup.queue, &setup.adapter.get_info());
        Ok(Self { device, gpu })
    }
}

/// Burn's backend on the device and queue of `gpu`, which has to be [opened whole](Gpu::open_whole): tensors and the executor's
/// buffers share them. Call it once and clone what it returns.
///
/// # Errors
/// Burn refuses the device.
pub fn gpu(gpu: &Gpu) -> Result<Device> {
    let source = gpu.source.as_ref().ok_or_else(|| unavailable("the adapter of this device is unknown"))?;
    let setup = WgpuSetup {
        instance: source.instance.clone(),
        adapter: source.adapter.clone(),
        device: gpu.device.clone(),
        queue: gpu.queue.clone(),
        backend: source.adapter.get_info().backend,
    };
    Device::wgpu_options().setup(setup).init().map_err(unavailable)
}

fn unavailable(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Device, error.to_string()).at("GPU").hint("take the processor instead (device cpu)")
}
