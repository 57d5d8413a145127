//! The two ways to run a network on Burn's WebGPU backend, as executors.

use ghostdet::detection::RawMap;
use ghostdet::engine::gpu::{TextureTarget, Tuning};
use ghostdet::engine::program::{INPUT, Program};
use ghostdet::engine::{Candidates, DeviceInfo, DeviceKind, Executor, Input, OpTime, Pending, Rows};
use ghostdet::image::Geometry;
use ghostdet::model::Graph;
use ghostdet::weights::{self, Checkpoint};
use ghostdet::{Error, ErrorKind, Result};

use crate::fused::FusedNetwork;
use crate::webgpu::BurnGpu;
use crate::{Network, Tensor, planes, read_async};

/// The name of the way that takes Burn's own operations, in options and in `info`.
pub const BURN_OPS: &str = "burn-ops";

/// The name of Burn's WebGPU backend in `info`.
const BACKEND: &str = "burn-wgpu";

/// A network as one operation of Burn's backend: the fused shaders. Raw maps go through Burn tensors, candidates come straight
/// from the shaders.
pub struct FusedExecutor(FusedNetwork);

impl FusedExecutor {
    /// Packs the weights of `program` and uploads them to Burn's device.
    ///
    /// # Errors
    /// Weights that are too large for the device.
    pub fn new(burn: &BurnGpu, program: &Program, tuning: Tuning) -> Result<Self> {
        FusedNetwork::new(burn, program, tuning).map(Self)
    }
}

impl Executor for FusedExecutor {
    fn info(&self) -> DeviceInfo {
        DeviceInfo { backend: BACKEND, ..self.0.executor().info() }
    }

    fn maps<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<RawMap>> {
        if let Input::Texture = input {
            return self.0.executor().maps(program, input, size);
        }
        Box::pin(async move {
            let burn = self.0.burn();
            let tensor = tensor(program, input, size, burn)?;
            read(burn, self.0.forward(program, tensor).await?).await
        })
    }

    fn candidates<'a>(
        &'a self,
        program: &'a Program,
        input: Input<'a>,
        size: [usize; 2],
        threshold: f32,
    ) -> Pending<'a, Option<Candidates>> {
        self.0.executor().candidates(program, input, size, threshold)
    }

    fn rows<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Rows> {
        self.0.executor().rows(program, input, size)
    }

    fn profile<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<OpTime>> {
        self.0.executor().profile(program, input, size)
    }

    fn texture<'a>(
        &'a self,
        program: &'a Program,
        size: [usize; 2],
        geometry: &'a Geometry,
    ) -> Pending<'a, Option<TextureTarget>> {
        self.0.executor().texture(program, size, geometry)
    }
}

/// A network in Burn's own operations, one after the other.
pub struct BurnOpsExecutor {
    burn: BurnGpu,
    network: Network,
}

impl BurnOpsExecutor {
    /// Uploads `checkpoint`, whose batch norms should be folded.
    ///
    /// # Errors
    /// Weights that don't fit the graph.
    pub fn new(burn: &BurnGpu, graph: &Graph, checkpoint: &Checkpoint) -> Result<Self> {
        Ok(Self { burn: burn.clone(), network: Network::new(graph, checkpoint, &burn.device)? })
    }
}

impl Executor for BurnOpsExecutor {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            kind: DeviceKind::Gpu,
            name: self.burn.gpu.name.clone(),
            backend: BACKEND,
            executor: BURN_OPS,
            precision: "float",
            configuration: Some(BURN_OPS.into()),
            // Burn's pool of memory serves all networks.
            memory: 0,
        }
    }

    fn maps<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<RawMap>> {
        Box::pin(async move {
            let tensor = tensor(program, input, size, &self.burn)?;
            read(&self.burn, self.network.forward(tensor)?).await
        })
    }

    fn rows<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Rows> {
        Box::pin(async move {
            let tensor = tensor(program, input, size, &self.burn)?;
            let mut rows = self.network.forward_rows(tensor)?;
            let maps = read(&self.burn, rows.pop().unwrap_or_default()).await?;
            let mut read_rows = Vec::with_capacity(rows.len() + 1);
            for row in rows {
                let map = read(&self.burn, row).await?.pop();
                read_rows.push(map.map(channels_first));
            }
            // Detect has raw maps in place of an output.
            read_rows.push(None);
            Ok((read_rows, maps))
        })
    }

    /// A row at a time: the device is waited for after each of them, which browsers don't allow.
    fn profile<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<OpTime>> {
        Box::pin(async move {
            if cfg!(target_arch = "wasm32") {
                return Err(Error::new(ErrorKind::Argument, "a browser can't time Burn's operations row by row")
                    .hint("time the rows on the CPU, or whole pictures"));
            }
            let tensor = tensor(program, input, size, &self.burn)?;
            self.wait()?;
            let mut ends = Vec::new();
            let mut failed = Ok(());
            let start = std::time::Instant::now();
            self.network.forward_by_row(tensor, &mut |row| {
                if failed.is_ok() {
                    failed = self.wait();
                }
                ends.push((row, start.elapsed().as_secs_f64() * 1e3));
            })?;
            failed?;
            let name = |row| program.ops.iter().find(|op| op.row == row).map_or("views", |op| op.kind.name());
            let mut begin = 0.0;
            let times = ends.into_iter().map(|(row, end)| {
                let milliseconds = end - std::mem::replace(&mut begin, end);
                OpTime { row, name: name(row), milliseconds }
            });
            Ok(times.collect())
        })
    }
}

impl BurnOpsExecutor {
    /// Until everything submitted is computed.
    fn wait(&self) -> Result<()> {
        self.burn.device.sync().map_err(|error| Error::new(ErrorKind::Device, error.to_string()).at("GPU"))?;
        self.burn.gpu.check()
    }
}

/// A channels-last input as a tensor `(1, C, H, W)` of values from 0 to 1.
fn tensor(program: &Program, input: Input<'_>, [height, width]: [usize; 2], burn: &BurnGpu) -> Result<Tensor<4>> {
    let channels = program.values[INPUT].channels;
    let values: Vec<f32> = match input {
        Input::Values(values) => by_plane(values, channels).copied().collect(),
        Input::Bytes(bytes) => by_plane(bytes, channels).map(|&byte| f32::from(byte) / 255.0).collect(),
        Input::Texture => return Err(Error::new(ErrorKind::Argument, "Burn's tensors can't be made of a texture")),
    };
    planes(values, [1, channels, height, width], &burn.device)
}

/// Channels-last values, one channel after the other.
fn by_plane<T>(values: &[T], channels: usize) -> impl Iterator<Item = &T> {
    (0..channels).flat_map(move |c| values.iter().skip(c).step_by(channels.max(1)))
}

/// A map as `(C, H, W)`.
fn channels_first(map: RawMap) -> weights::Tensor {
    let pixels = map.height * map.width;
    let channels = map.data.len() / pixels.max(1);
    let data = by_plane(&map.data, channels).copied().collect();
    weights::Tensor { shape: vec![channels, map.height, map.width], data }
}

/// The maps of the only image.
async fn read(burn: &BurnGpu, maps: Vec<Tensor<4>>) -> Result<Vec<RawMap>> {
    let maps = read_async(maps).await;
    // A device that failed may answer all the same.
    burn.gpu.check()?;
    maps?.pop().ok_or_else(|| Error::new(ErrorKind::Device, "no maps came back"))
}
