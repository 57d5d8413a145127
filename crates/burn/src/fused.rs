//! The fused shaders as an operation of Burn's WebGPU backend.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, Dispatch, Shape, backend_extension};
use burn::tensor::Tensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::wgpu::{AutoCompiler, WgpuResource, WgpuServer};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use ghostdet::engine::gpu::{GpuExecutor, Planes, Tuning};
use ghostdet::engine::program::{INPUT, Program};
use ghostdet::{Error, ErrorKind, Result};

use crate::webgpu::BurnGpu;

/// The server under Burn's wgpu backend: it knows the buffers of its tensors.
type Server = WgpuServer<AutoCompiler>;

/// A network whose fused shaders run as one operation of Burn's WebGPU backend. Cloning shares it.
#[derive(Clone)]
pub struct FusedNetwork {
    burn: BurnGpu,
    executor: Arc<GpuExecutor>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The shapes `[channels, height, width]` of the maps for the image size prepared last.
    maps: Vec<[usize; 3]>,
    /// What went wrong in the operation, which can't return it.
    failed: Option<Error>,
}

/// Burn's backends that have the operation.
#[backend_extension(Cube)]
pub trait FusedBackend: burn::backend::Backend {
    /// The raw maps `(1, channels, ny, nx)` of `network` for `input`, `(1, C, H, W)`.
    fn fused_forward(input: FloatTensor<Self>, network: FusedNetwork) -> Vec<FloatTensor<Self>>;
}

impl FusedBackend for CubeBackend {
    fn fused_forward(input: FloatTensor<Self>, network: FusedNetwork) -> Vec<FloatTensor<Self>> {
        let input = into_contiguous(input);
        let (client, device) = (input.client.clone(), input.device.clone());
        let mut state = network.state();
        let empty = |&[channels, height, width]: &[usize; 3]| {
            let shape = Shape::from([1, channels, height, width]);
            let handle = client.empty(channels * height * width * DType::F32.size());
            CubeTensor::new_contiguous(client.clone(), device.clone(), shape, handle, DType::F32)
        };
        let maps: Vec<CubeTensor> = state.maps.iter().map(empty).collect();
        state.failed = submit(&network.executor, &input, &maps).err();
        maps
    }
}

/// Submits what Burn has pending, then the network: both use one queue, so that each finds the other's results.
fn submit(executor: &GpuExecutor, input: &CubeTensor, maps: &[CubeTensor]) -> Result<()> {
    let resource = |tensor: &CubeTensor| tensor.client.get_resource::<Server>(tensor.handle.clone()).map_err(refused);
    let size = [input.meta.shape()[2], input.meta.shape()[3]];
    let input_resource = resource(input)?;
    let map_resources = maps.iter().map(resource).collect::<Result<Vec<_>>>()?;
    input.client.flush().map_err(refused)?;
    fn planes(resource: &WgpuResource) -> Planes<'_> {
        Planes { buffer: &resource.buffer, offset: resource.offset, size: resource.size }
    }
    let outputs: Vec<Planes<'_>> = map_resources.iter().map(|map| planes(map.resource())).collect();
    executor.run_planes(size, planes(input_resource.resource()), &outputs)
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Device, error.to_string()).at("Burn's WebGPU backend")
}

impl FusedNetwork {
    /// Packs the weights of `program` and uploads them to Burn's device.
    ///
    /// # Errors
    /// Weights that are too large for the device.
    pub fn new(burn: &BurnGpu, program: &Program, tuning: Tuning) -> Result<Self> {
        let executor = Arc::new(GpuExecutor::new(&burn.gpu, program, tuning)?);
        Ok(Self { burn: burn.clone(), executor, state: Arc::default() })
    }

    /// The device it is on.
    pub fn burn(&self) -> &BurnGpu {
        &self.burn
    }

    /// The executor under the operation. It gives candidates without the detour over raw maps.
    pub fn executor(&self) -> &GpuExecutor {
        &self.executor
    }

    /// The raw maps `(1, channels, ny, nx)`, one a level, for one image `(1, C, H, W)` with values 0 to 1. `program` is the one
    /// it was made of.
    ///
    /// # Errors
    /// An image that doesn't fit the network, a tensor on another device, a device that failed.
    pub async fn forward(&self, program: &Program, input: Tensor<4>) -> Result<Vec<Tensor<4>>> {
        let [batch, channels, height, width] = input.dims();
        let expected = program.values[INPUT].channels;
        if batch != 1 || channels != expected || input.device() != self.burn.device {
            let message = format!(
                "one image of {expected} channels on the network's own device is expected, not {batch} of {channels}"
            );
            return Err(Error::new(ErrorKind::Argument, message));
        }
        let maps = self.executor.prepare_planes(program, [height, width]).await?;
        self.state().maps = maps;
        let maps = <Dispatch as FusedBackend>::fused_forward(input.into_dispatch(), self.clone());
        match self.state().failed.take() {
            Some(error) => Err(error),
            None => Ok(maps.into_iter().map(Tensor::from_dispatch).collect()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
