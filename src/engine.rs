//! Running networks: the program (any size), the plan (one size) and the executors.
//!
//! ```text
//! graph + tensors  ->  program: operations on values                 (lower)
//! program + size   ->  plan: sizes of maps, their places in one buffer     (plan)
//! plan + image     ->  candidates, raw maps or outputs of rows       (Executor: cpu, gpu, or one from outside)
//! ```
//!
//! [`Detector`](crate::Detector) is what most programs need. [`Engine`] gives access to raw maps, to the outputs of single
//! rows, and to the time of every operation. It holds a network on the CPU and, if one is attached, on another
//! [`Executor`]; callers don't see which one runs it.

mod commute_upsample;
pub mod cpu;
mod device;
mod executor;
#[cfg(feature = "gpu")]
pub mod gpu;
mod heads;
mod input;
mod lower;
mod options;
pub mod plan;
pub mod program;

pub use device::Device;
pub use executor::{DeviceInfo, DeviceKind, Executor, MaybeSendSync, Pending, Rows};
pub use input::Input;
pub use options::{EngineOptions, Weights};

use crate::detection::{Candidate, RawMap};
use crate::model::{Block, Graph};
use crate::weights::Checkpoint;
use crate::{Error, ErrorKind, Result};
use cpu::{CpuExecutor, Precision};
use lower::Tensors;
pub use lower::random_checkpoint;
use program::Program;

/// A network that is ready to run at any input size.
pub struct Engine {
    program: Program,
    /// None where the network runs on other executors alone.
    cpu: Option<CpuExecutor>,
    /// The CPU's executor. Behind a pointer, so that programs without it don't contain the CPU's kernels.
    on_cpu: fn(&Self) -> &dyn Executor,
    /// Runs the network in place of the CPU.
    attached: Option<Box<dyn Executor>>,
}

/// The candidates of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidates {
    /// The candidates of each detect level, in the order of the level's map.
    pub levels: Vec<Vec<Candidate>>,
    /// `[height, width]` of each level's map.
    pub sizes: Vec<[usize; 2]>,
}

/// The time of an operation in one run.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OpTime {
    /// The configuration row.
    pub row: usize,
    /// The kind of operation.
    pub name: &'static str,
    /// Milliseconds.
    pub milliseconds: f64,
}

impl Engine {
    /// Lowers `graph` and packs its weights: a checkpoint with batch norm folded, or [`Weights::Random`].
    ///
    /// # Errors
    /// A graph that can't be run; a tensor that is missing or doesn't fit.
    pub fn new<'a>(graph: &Graph, weights: impl Into<Weights<'a>>, options: &EngineOptions) -> Result<Self> {
        Ok(Self::from_program(lower::lower(graph, tensors(weights.into()))?, options))
    }

    /// As [`Engine::new`], but without the CPU's kernels: the network runs once an executor is attached. A program that makes
    /// no other engines does not contain them.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn without_cpu<'a>(graph: &Graph, weights: impl Into<Weights<'a>>) -> Result<Self> {
        let program = lower::lower(graph, tensors(weights.into()))?;
        Ok(Self { program, cpu: None, on_cpu: |_| &executor::Nowhere, attached: None })
    }

    /// A single module with its weights under `model.0.`: for checking modules one by one.
    ///
    /// # Errors
    /// A tensor that is missing or doesn't fit.
    pub fn for_module(
        block: &Block,
        input_channels: usize,
        checkpoint: &Checkpoint,
        options: &EngineOptions,
    ) -> Result<Self> {
        Ok(Self::from_program(lower::lower_block(block, input_channels, checkpoint)?, options))
    }

    /// The operations of a network, without weights: nothing can run them.
    ///
    /// # Errors
    /// A graph that can't be lowered.
    pub fn program_without_weights(graph: &Graph) -> Result<Program> {
        lower::lower(graph, Tensors::absent())
    }

    fn from_program(mut program: Program, options: &EngineOptions) -> Self {
        let cpu = CpuExecutor::new(&mut program, options);
        fn on_cpu(engine: &Engine) -> &dyn Executor {
            engine.cpu.as_ref().map_or(&executor::Nowhere, |cpu| cpu)
        }
        Self { program, cpu: Some(cpu), on_cpu, attached: None }
    }

    /// The operations.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The number type of dense convolutions on the CPU.
    pub fn precision(&self) -> Precision {
        self.cpu.as_ref().map_or(Precision::Float, CpuExecutor::precision)
    }

    /// Bytes of packed weights on the CPU.
    pub fn weight_bytes(&self) -> usize {
        self.cpu.as_ref().map_or(0, CpuExecutor::weight_bytes)
    }

    /// Frees the weights as they were before packing: only attaching an executor needs them.
    pub fn drop_source_weights(&mut self) {
        let outputs = self.program.outputs.clone();
        self.program.ops.iter_mut().for_each(|op| op.forget_packed_weights(&outputs));
    }

    /// The program with its source weights, for making an executor.
    ///
    /// # Errors
    /// [`ErrorKind::Device`] if they were dropped.
    pub fn program_with_weights(&self) -> Result<&Program> {
        if self.program.has_forgotten_weights() {
            return Err(Error::new(ErrorKind::Device, "the network was loaded for the CPU alone")
                .hint("load it again with its source weights kept"));
        }
        Ok(&self.program)
    }

    /// Runs the network on `executor` from now on. It must have been made from this engine's program.
    pub fn attach(&mut self, executor: Box<dyn Executor>) {
        self.attached = Some(executor);
    }

    /// Runs the network on the CPU from now on, and drops the attached executor.
    pub fn detach(&mut self) {
        self.attached = None;
    }

    /// The executor that runs the network: the attached one, else the CPU's.
    pub fn executor(&self) -> &dyn Executor {
        self.attached.as_deref().unwrap_or_else(|| self.cpu())
    }

    /// The executor on the CPU.
    pub fn cpu(&self) -> &dyn Executor {
        (self.on_cpu)(self)
    }

    /// The raw maps of all detect levels.
    ///
    /// # Errors
    /// As for [`Executor`].
    pub async fn forward_async<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Vec<RawMap>> {
        self.executor().maps(&self.program, input.into(), size).await
    }

    /// The candidates whose objectness is above `threshold` (a logit), or is NaN. `None` where only the raw maps can tell.
    ///
    /// # Errors
    /// As for [`Executor`].
    pub async fn candidates_async<'a>(
        &self,
        input: impl Into<Input<'a>>,
        size: [usize; 2],
        threshold: f32,
    ) -> Result<Option<Candidates>> {
        self.executor().candidates(&self.program, input.into(), size, threshold).await
    }

    /// Every row's output, and the raw maps.
    ///
    /// # Errors
    /// As for [`Executor`].
    pub async fn rows_async<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Rows> {
        self.executor().rows(&self.program, input.into(), size).await
    }

    /// The milliseconds of each operation.
    ///
    /// # Errors
    /// As for [`Executor`].
    pub async fn profile_async<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Vec<OpTime>> {
        self.executor().profile(&self.program, input.into(), size).await
    }

    /// As [`Engine::forward_async`] on the CPU, in floats whatever its precision. Needs the source weights.
    ///
    /// # Errors
    /// A size that doesn't fit the network.
    pub fn forward_in_floats<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Vec<RawMap>> {
        let cpu = self.cpu.as_ref().ok_or_else(executor::nowhere)?;
        cpu.forward_in_floats(&self.program, input.into(), size)
    }
}

fn tensors(weights: Weights<'_>) -> Tensors<'_> {
    match weights {
        Weights::Borrowed(checkpoint) => Tensors::of(checkpoint),
        Weights::Owned(checkpoint) => Tensors::from_owned(checkpoint),
        Weights::Random => Tensors::random(),
    }
}

/// Natively, the same without `async`.
#[cfg(not(target_arch = "wasm32"))]
impl Engine {
    /// Waits for [`Engine::forward_async`].
    ///
    /// # Errors
    /// As there.
    pub fn forward<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Vec<RawMap>> {
        pollster::block_on(self.forward_async(input, size))
    }

    /// Waits for [`Engine::candidates_async`].
    ///
    /// # Errors
    /// As there.
    pub fn candidates<'a>(
        &self,
        input: impl Into<Input<'a>>,
        size: [usize; 2],
        threshold: f32,
    ) -> Result<Option<Candidates>> {
        pollster::block_on(self.candidates_async(input, size, threshold))
    }

    /// Waits for [`Engine::rows_async`].
    ///
    /// # Errors
    /// As there.
    pub fn forward_rows<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Rows> {
        pollster::block_on(self.rows_async(input, size))
    }

    /// Waits for [`Engine::profile_async`].
    ///
    /// # Errors
    /// As there.
    pub fn profile<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Vec<OpTime>> {
        pollster::block_on(self.profile_async(input, size))
    }
}
