//! Acquiring the GPU.

use super::dispatch;
use crate::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A GPU: WebGPU in the browser; Vulkan, Metal or DirectX natively. Cloning shares it.
#[derive(Clone)]
pub struct Gpu {
    /// Where the device comes from; `None` if somebody else opened it.
    pub source: Option<GpuSource>,
    /// The device.
    pub device: wgpu::Device,
    /// Its queue.
    pub queue: wgpu::Queue,
    /// The adapter's name.
    pub name: String,
    /// Whether the adapter is a software rasterizer: slower than the CPU executor.
    pub software: bool,
    /// The size of the adapter's smallest subgroup; 0 without subgroups.
    pub subgroup: usize,
    failure: Arc<Mutex<Option<String>>>,
    /// The bind group layout of all shaders.
    pub(super) layout: wgpu::BindGroupLayout,
    /// The compiled shaders of all networks: another network with the same shaders need not compile them.
    pub(super) pipelines: Arc<Mutex<HashMap<String, wgpu::ComputePipeline>>>,
}

/// Where a device comes from.
#[derive(Clone)]
pub struct GpuSource {
    /// The instance.
    pub instance: wgpu::Instance,
    /// The adapter.
    pub adapter: wgpu::Adapter,
}

/// Whether an adapter of that name is a software rasterizer.
fn is_software(name: &str) -> bool {
    let name = name.to_lowercase();
    ["swiftshader", "llvmpipe", "lavapipe", "basic render"].iter().any(|software| name.contains(software))
}

fn unavailable(message: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Device, message.to_string()).at("GPU").hint("take the processor instead (device cpu)")
}

impl Gpu {
    /// The fastest adapter and a device on it.
    ///
    /// # Errors
    /// No adapter, or one that refuses a device.
    pub async fn open() -> Result<Self> {
        Self::open_with(false).await
    }

    /// As [`Gpu::open`], with every feature and limit of the adapter: Burn generates its kernels for what the adapter has,
    /// not for what the device was opened with.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub async fn open_whole() -> Result<Self> {
        Self::open_with(true).await
    }

    async fn open_with(everything: bool) -> Result<Self> {
        // Not OpenGL, which other crates may compile into wgpu: its contexts are locked against other threads.
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: wgpu::Backends::PRIMARY,
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter =
            instance.request_adapter(&options).await.map_err(|error| unavailable(format!("no adapter: {error}")))?;
        let most = adapter.limits();
        // WebGPU's default limits are enough for the kernels. Larger buffers allow larger images.
        let enough = wgpu::Limits {
            max_buffer_size: most.max_buffer_size,
            max_storage_buffer_binding_size: most.max_storage_buffer_binding_size,
            ..wgpu::Limits::default()
        };
        let special = wgpu::Features::all_experimental_mask() | wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
        let useful = wgpu::Features::SHADER_F16 | wgpu::Features::SUBGROUP;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("ghostdet"),
            required_features: adapter.features() & if everything { !special } else { useful },
            required_limits: if everything { most } else { enough },
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(unavailable)?;
        let info = adapter.get_info();
        Ok(Self { source: Some(GpuSource { instance, adapter }), ..Self::from_parts(device, queue, &info) })
    }

    /// A GPU on a device and queue that somebody else opened, on the adapter that `info` describes. The device's error
    /// callbacks are set.
    pub fn from_parts(device: wgpu::Device, queue: wgpu::Queue, info: &wgpu::AdapterInfo) -> Self {
        let name = if info.name.is_empty() { info.driver.clone() } else { info.name.clone() };
        let described = format!("{} {} {}", info.name, info.driver, info.driver_info);
        let software = info.device_type == wgpu::DeviceType::Cpu || is_software(&described);
        let subgroups = device.features().contains(wgpu::Features::SUBGROUP);
        let subgroup = if subgroups { info.subgroup_min_size as usize } else { 0 };
        let (failure, layout, pipelines) = (Arc::default(), dispatch::layout(&device), Arc::default());
        let gpu = Self { source: None, device, queue, name, software, subgroup, failure, layout, pipelines };
        let (lost, wrong) = (gpu.failure_callback(), gpu.failure_callback());
        gpu.device.set_device_lost_callback(move |reason, message| {
            lost(format!("the device was lost ({reason:?}): {message}"))
        });
        gpu.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| wrong(error.to_string())));
        gpu
    }

    /// Sets the adapter's name: JavaScript learns more about the adapter than wgpu does.
    pub fn rename(&mut self, name: String) {
        self.software |= is_software(&name);
        self.name = name;
    }

    /// A function that notes a failure of the device: [`Gpu::check`] and all runs report it from then on.
    pub fn failure_callback(&self) -> impl Fn(String) + use<> {
        let failure = self.failure.clone();
        move |message| {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
        }
    }

    /// Clears the cache of compiled shaders. Networks keep those they use.
    pub fn clear_pipeline_cache(&self) {
        self.pipelines.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Whether shaders can compute in fp16 (`shader-f16`).
    pub fn f16(&self) -> bool {
        self.device.features().contains(wgpu::Features::SHADER_F16)
    }

    /// Checks that the device has not failed since it was opened: its results can't be trusted after a failure.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] if it failed.
    pub fn check(&self) -> Result<()> {
        match &*self.failure.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(message) => Err(unavailable(message)),
            None => Ok(()),
        }
    }

    /// Waits until all submissions are done.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn wait(&self) -> Result<()> {
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(unavailable)?;
        self.check()
    }

    /// Reads the first `bytes` of a mappable buffer, once all submissions before are done.
    pub(super) async fn read(&self, buffer: &wgpu::Buffer, bytes: u64) -> Result<Vec<u8>> {
        let (send, receive) = futures_channel::oneshot::channel();
        buffer.map_async(wgpu::MapMode::Read, ..bytes, move |outcome| drop(send.send(outcome)));
        #[cfg(not(target_arch = "wasm32"))]
        self.wait()?;
        let outcome = receive.await.map_err(unavailable)?;
        self.check()?;
        // The device's loss may be reported a moment after the failure of the buffer.
        outcome.map_err(|error| unavailable(format!("no results came back, the device may be lost: {error}")))?;
        let bytes = buffer.get_mapped_range(..bytes).map_err(unavailable)?.to_vec();
        buffer.unmap();
        Ok(bytes)
    }
}
