//! The networks in Burn: the plain way to run them, and the reference for every other executor.
//!
//! ```text
//! graph + checkpoint -> layers with tensors on a device   (build, load)
//! pictures -> input -> forward -> detect maps -> read      (transfer, layer, convolution)
//! ```
//!
//! Which backend computes is a property of the [`Device`] and chosen at run time.

mod build;
#[cfg(feature = "train")]
mod checking;
mod convolution;
#[cfg(feature = "flex")]
mod device;
#[cfg(feature = "gpu")]
mod execution;
#[cfg(feature = "gpu")]
mod executors;
#[cfg(feature = "gpu")]
mod fused;
#[cfg(feature = "train")]
mod kernels;
mod layer;
mod load;
mod pass;
mod product;
#[cfg(feature = "train")]
mod training;
mod transfer;
#[cfg(feature = "gpu")]
mod webgpu;

use std::collections::BTreeMap;

pub use burn::tensor::{Device, Tensor};
#[cfg(feature = "train")]
pub use checking::{BlockRun, Norms, block_training};
pub use convolution::{Activated, BatchNorm, Convolution, ParameterMut};
#[cfg(feature = "flex")]
pub use device::cpu;
#[cfg(feature = "gpu")]
pub use execution::Execution;
#[cfg(feature = "gpu")]
pub use executors::{BURN_OPS, BurnOpsExecutor, FusedExecutor};
#[cfg(feature = "gpu")]
pub use fused::{FusedBackend, FusedNetwork};
pub use transfer::{input, planes, read, read_async};
#[cfg(feature = "gpu")]
pub use webgpu::{BurnGpu, gpu};

use build::Builder;
use ghostdet::model::{Block, Graph, Source};
use ghostdet::weights::{self, Checkpoint};
use ghostdet::{Error, ErrorKind, Result};
use layer::RowLayer;
use load::Loader;
use pass::Pass;

/// How much of a batch's mean and variance enters the running statistics.
#[cfg(feature = "train")]
pub const MOMENTUM: f64 = 0.03;

/// A network with its parameters on a device.
pub struct Network {
    stages: Vec<Stage>,
    input_channels: usize,
    max_stride: usize,
    device: Device,
}

/// A row of the graph with its parameters.
struct Stage {
    layer: RowLayer,
    sources: Vec<Source>,
    /// Rows whose outputs nobody needs after this one.
    finished: Vec<usize>,
}

impl Network {
    /// Builds the layers of `graph` and puts the parameters of `checkpoint` on `device`.
    ///
    /// Batch norm is kept where the checkpoint has it (`….bn.weight`), and a bias is taken where it is folded
    /// (`….conv.bias`). A tensor that is missing, has another shape, or that nothing asks for is an error that
    /// names its key.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Weights`], with the key: a tensor that is missing, has another shape, or that nothing asks for.
    pub fn new(graph: &Graph, checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        check_sources(graph)?;
        let mut loader = Loader::new(&checkpoint.tensors, device);
        let mut stages = Vec::with_capacity(graph.rows.len());
        for row in &graph.rows {
            let place = |error: Error| error.at(format!("row {} ({})", row.index, row.printed_module));
            let layer = Builder::new(&mut loader).row(row).map_err(place)?;
            stages.push(Stage { layer, sources: row.sources.clone(), finished: Vec::new() });
        }
        loader.finish()?;
        for row in 0..stages.len() {
            let last = stages.iter().rposition(|stage| stage.sources.contains(&Source::Row(row)));
            if let Some(last) = last {
                stages[last].finished.push(row);
            }
        }
        Ok(Self {
            stages,
            input_channels: graph.input_channels,
            max_stride: graph.max_stride(),
            device: device.clone(),
        })
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The raw detect maps, one a level: `(batch, na * (nc + 5), ny, nx)`, before any sigmoid.
    ///
    /// `input` is `(batch, 3, height, width)` in 0..1; the sides must be multiples of the largest stride.
    ///
    /// # Errors
    /// An input of another shape than the network takes.
    pub fn forward(&self, input: Tensor<4>) -> Result<Vec<Tensor<4>>> {
        let mut outputs = self.run(input, false, Pass::Inference, &mut |_| {})?;
        outputs.pop().ok_or_else(|| Error::new(ErrorKind::Config, "the network has no rows"))
    }

    /// What every row gives: one tensor a row, and one a level for the Detect row at the end.
    ///
    /// # Errors
    /// As [`Network::forward`].
    pub fn forward_rows(&self, input: Tensor<4>) -> Result<Vec<Vec<Tensor<4>>>> {
        self.run(input, true, Pass::Inference, &mut |_| {})
    }

    /// Shows every parameter with its PyTorch key, for a trainer to take and replace.
    pub fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        for stage in &mut self.stages {
            stage.layer.visit(visitor);
        }
    }

    /// [`forward`](Self::forward) as training does it: batch norm by the batch, whose mean and variance then enter
    /// the running statistics with [`MOMENTUM`]. Gradients flow to what [`require_gradients`](Self::require_gradients)
    /// marked.
    ///
    /// # Errors
    /// As [`Network::forward`].
    #[cfg(feature = "train")]
    pub fn forward_training(&mut self, input: Tensor<4>) -> Result<Vec<Tensor<4>>> {
        let moments = pass::Moments::default();
        let mut outputs = self.run(input, false, Pass::Training(&moments), &mut |_| {})?;
        let seen: BTreeMap<String, pass::Moment> =
            moments.into_inner().into_iter().map(|moment| (moment.key.clone(), moment)).collect();
        self.visit(&mut |key, parameter| {
            let ParameterMut::Statistic(running) = parameter else { return };
            let Some((norm, which)) = key.rsplit_once('.') else { return };
            let Some(moment) = seen.get(norm) else { return };
            let new = if which == "running_mean" { &moment.mean } else { &moment.variance };
            let old = running.clone().without_autodiff();
            *running = old * (1.0 - MOMENTUM) + new.clone().without_autodiff() * MOMENTUM;
        });
        outputs.pop().ok_or_else(|| Error::new(ErrorKind::Config, "the network has no rows"))
    }

    /// [`forward_training`](Self::forward_training) with frozen batch norms: they normalise by their running statistics,
    /// which stay as they are. Their weights and biases still get gradients.
    ///
    /// # Errors
    /// An input whose channels or sides don't fit.
    #[cfg(feature = "train")]
    pub fn forward_frozen_norms(&self, input: Tensor<4>) -> Result<Vec<Tensor<4>>> {
        let mut outputs = self.run(input, false, Pass::FrozenNorms, &mut |_| {})?;
        outputs.pop().ok_or_else(|| Error::new(ErrorKind::Config, "the network has no rows"))
    }

    /// Runs forward with the running statistics and tells what every batch norm sees: its key (`model.0.bn`), mean and
    /// variance of every channel.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    #[cfg(feature = "train")]
    pub fn watch(&self, input: Tensor<4>) -> Result<Vec<(String, Tensor<1>, Tensor<1>)>> {
        let moments = pass::Moments::default();
        self.run(input, false, Pass::Watching(&moments), &mut |_| {})?;
        Ok(moments.into_inner().into_iter().map(|moment| (moment.key, moment.mean, moment.variance)).collect())
    }

    /// Marks the parameters that `wanted` names (by PyTorch key) as those gradients are computed for, and no others.
    /// The device must be one with automatic differentiation.
    #[cfg(feature = "train")]
    pub fn require_gradients(&mut self, wanted: &dyn Fn(&str) -> bool) {
        fn mark<const D: usize>(value: &mut Tensor<D>, wanted: bool) {
            let plain = value.clone().without_autodiff();
            *value = if wanted { plain.autodiff().require_grad() } else { plain };
        }
        self.visit(&mut |key, parameter| match parameter {
            ParameterMut::Kernel(value) => mark(value, wanted(key)),
            ParameterMut::Matrix(value) => mark(value, wanted(key)),
            ParameterMut::Vector(value) => mark(value, wanted(key)),
            ParameterMut::Statistic(value) => mark(value, false),
        });
    }

    /// Runs forward and calls `after` with each row's number once the row was submitted.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn forward_by_row(&self, input: Tensor<4>, after: &mut dyn FnMut(usize)) -> Result<()> {
        self.run(input, false, Pass::Inference, after).map(|_| ())
    }

    fn run(
        &self,
        input: Tensor<4>,
        keep: bool,
        pass: Pass<'_>,
        after: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<Tensor<4>>>> {
        self.check_input(input.dims())?;
        let mut outputs: Vec<Vec<Tensor<4>>> = Vec::with_capacity(self.stages.len());
        for (index, stage) in self.stages.iter().enumerate() {
            let mut inputs = Vec::with_capacity(stage.sources.len());
            for source in &stage.sources {
                match *source {
                    Source::Input => inputs.push(input.clone()),
                    Source::Row(row) => inputs.extend(outputs[row].first().cloned()),
                }
            }
            if !keep {
                stage.finished.iter().for_each(|&row| outputs[row].clear());
            }
            outputs.push(stage.layer.run(inputs, pass).map_err(|error| error.at(format!("row {index}")))?);
            after(index);
        }
        Ok(outputs)
    }

    fn check_input(&self, [batch, channels, height, width]: [usize; 4]) -> Result<()> {
        let stride = self.max_stride.max(1);
        let sides = height > 0 && width > 0 && height.is_multiple_of(stride) && width.is_multiple_of(stride);
        if batch > 0 && channels == self.input_channels && sides {
            return Ok(());
        }
        let expected = self.input_channels;
        Err(Error::new(
            ErrorKind::Argument,
            format!("the input is {batch}x{channels}x{height}x{width}, but it takes {expected} channels"),
        )
        .hint(format!("sides must be multiples of {stride}: letterbox the picture first")))
    }
}

/// Runs one block by itself: `weights` by the keys that it names, as `inputs` the tensors of its sources. Everything
/// computes where the first input is.
///
/// # Errors
/// A tensor that is missing, does not fit, or that the block has no place for.
pub fn block_forward(
    block: &Block,
    weights: &BTreeMap<String, weights::Tensor>,
    inputs: Vec<Tensor<4>>,
) -> Result<Vec<Tensor<4>>> {
    let Some(first) = inputs.first() else {
        return Err(Error::new(ErrorKind::Argument, "a module takes at least one input"));
    };
    let mut loader = Loader::new(weights, &first.device());
    let layer = Builder::new(&mut loader).several(block)?;
    loader.finish()?;
    layer.run(inputs, Pass::Inference)
}

fn check_sources(graph: &Graph) -> Result<()> {
    let wrong = |row: usize, message: String| Err(Error::new(ErrorKind::Config, message).at(format!("row {row}")));
    for (index, row) in graph.rows.iter().enumerate() {
        if row.index != index {
            return wrong(index, format!("the row is numbered {}", row.index));
        }
        for source in &row.sources {
            if let Source::Row(from) = *source
                && from >= index
            {
                return wrong(index, format!("it takes row {from}, which comes later"));
            }
        }
        let last = index + 1 == graph.rows.len();
        if row.copies.first().is_some_and(is_head) != last {
            return wrong(index, "the last row, and no other, must be Detect".into());
        }
    }
    if graph.rows.is_empty() {
        return Err(Error::new(ErrorKind::Config, "the network has no rows"));
    }
    Ok(())
}

fn is_head(block: &Block) -> bool {
    match block {
        Block::Detect(_) => true,
        Block::Module { body, .. } => is_head(body),
        _ => false,
    }
}
