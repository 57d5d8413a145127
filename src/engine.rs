//! Running networks: the program (any size), the plan (one size) and the executors.
//!
//! ```text
//! graph + tensors  ->  program: operations on values                 (lower)
//! program + size   ->  plan: sizes of maps, places in one buffer     (plan)
//! plan + image     ->  candidates, raw maps or outputs of rows       (cpu, gpu)
//! ```
//!
//! [`Detector`](crate::Detector) is what most programs need. [`Engine`] gives access to raw maps, to the outputs of single
//! rows, and to the time of every operation.

mod coarse;
pub mod cpu;
#[cfg(feature = "gpu")]
pub mod gpu;
mod heads;
mod lower;
pub mod plan;
pub mod program;

use crate::detection::{Candidate, RawMap};
use crate::model::{Block, Graph};
use crate::weights::{Checkpoint, Tensor};
use crate::{Error, ErrorKind, Result};
use cpu::{Aligned, CpuExecutor, Isa, Precision};
use lower::Tensors;
use plan::{Layout, Plan, Retain};
use program::{INPUT, Program, ValueId};
use std::sync::Mutex;

/// A network with its weights packed, ready to run at any picture size.
pub struct Engine {
    program: Program,
    cpu: CpuExecutor,
    scratch: Mutex<Scratch>,
}

/// A channels-last picture.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Values from 0 to 1.
    Values(&'a [f32]),
    /// Bytes, which stand for a 255th each.
    Bytes(&'a [u8]),
}

impl<'a> From<&'a [f32]> for Input<'a> {
    fn from(values: &'a [f32]) -> Self {
        Self::Values(values)
    }
}

impl<'a, const N: usize> From<&'a [f32; N]> for Input<'a> {
    fn from(values: &'a [f32; N]) -> Self {
        Self::Values(values)
    }
}

impl<'a> From<&'a Vec<f32>> for Input<'a> {
    fn from(values: &'a Vec<f32>) -> Self {
        Self::Values(values)
    }
}

impl<'a> From<&'a [u8]> for Input<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Input<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// The cells of each detect level, and each level's `[height, width]`.
pub type Candidates = (Vec<Vec<Candidate>>, Vec<[usize; 2]>);

/// What the last run used.
type Scratch = Option<(Plan, Aligned<f32>)>;

/// What an operation took in one run.
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
    /// Packs the weights of `checkpoint` (batch norm folded) for `graph`.
    ///
    /// # Errors
    /// A tensor that is missing or doesn't fit.
    pub fn new(graph: &Graph, checkpoint: &Checkpoint) -> Result<Self> {
        Ok(Self::from_program(lower::lower(graph, Tensors::of(checkpoint))?))
    }

    /// As [`Engine::new`], taking the tensors instead of copying them.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn taking(graph: &Graph, checkpoint: Checkpoint) -> Result<Self> {
        Ok(Self::from_program(lower::lower(graph, Tensors::from_owned(checkpoint))?))
    }

    /// As [`Engine::taking`] in the least memory: what was packed is given back at once, so that a GPU can't be attached
    /// any more. `size` is the largest picture to expect: room for its activations is made first. WebAssembly's memory
    /// only grows, and the packed weights then fill the holes that the tensors leave. `precision` as for
    /// [`Engine::with_precision`].
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn for_cpu(
        graph: &Graph,
        checkpoint: Checkpoint,
        size: Option<[usize; 2]>,
        precision: Precision,
    ) -> Result<Self> {
        let mut program = lower::lower(graph, Tensors::from_owned(checkpoint))?;
        // A size that can't be planned is refused when it is used.
        let plan = |size| Plan::new(&program, size, Layout::ChannelsLast, candidates_or_maps(&program)).ok();
        let scratch = size.and_then(plan).map(|plan| {
            let arena = Aligned::zeroed(plan.arena);
            (plan, arena)
        });
        let cpu = CpuExecutor::draining(&mut program, Isa::detect(), precision);
        Ok(Self { program, cpu, scratch: Mutex::new(scratch) })
    }

    /// Gives back the memory of the weights as they were before packing: they are only needed to attach a GPU.
    pub fn forget_weights(&mut self) {
        let outputs = self.program.outputs.clone();
        self.program.ops.iter_mut().for_each(|op| op.forget_packed_weights(&outputs));
    }

    /// A network with random weights (the same every time): for timing, and for comparing executors. It finds nothing.
    ///
    /// # Errors
    /// A graph that can't be run.
    pub fn unweighted(graph: &Graph) -> Result<Self> {
        Ok(Self::from_program(lower::lower(graph, Tensors::random())?))
    }

    /// A single module with its weights under `model.0.`: for checking modules one by one.
    ///
    /// # Errors
    /// A tensor that is missing or doesn't fit.
    pub fn module(block: &Block, input_channels: usize, checkpoint: &Checkpoint) -> Result<Self> {
        Ok(Self::from_program(lower::lower_block(block, input_channels, checkpoint)?))
    }

    /// The operations of a network, without weights: nothing can run them.
    ///
    /// # Errors
    /// A graph that can't be lowered.
    pub fn program_without_weights(graph: &Graph) -> Result<Program> {
        lower::lower(graph, Tensors::absent())
    }

    fn from_program(program: Program) -> Self {
        let cpu = CpuExecutor::new(&program, Isa::detect(), Precision::detect());
        Self { program, cpu, scratch: Mutex::new(None) }
    }

    /// With dense convolutions of this precision on the processor, instead of [the faster one](Precision::detect). The weights
    /// have to be there still: not after [`Engine::for_cpu`] or [`Engine::forget_weights`].
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.cpu = CpuExecutor::new(&self.program, Isa::detect(), precision);
        self
    }

    /// What its dense convolutions are done in on the processor.
    pub fn precision(&self) -> Precision {
        self.cpu.precision()
    }

    /// The operations.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Bytes of packed weights.
    pub fn weight_bytes(&self) -> usize {
        self.cpu.weight_bytes()
    }

    /// The raw maps of all detect levels for a channels-last picture of `[height, width]` with values 0 to 1.
    ///
    /// # Errors
    /// A picture size that doesn't fit the network.
    pub fn forward<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Vec<RawMap>> {
        self.run(input.into(), size, None)
    }

    /// As [`Engine::forward`], in floats whatever the [precision](Engine::precision): operation by operation, so that not
    /// much memory is needed. The weights have to be there still.
    ///
    /// # Errors
    /// As [`Engine::forward`].
    pub fn forward_in_floats<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2]) -> Result<Vec<RawMap>> {
        if self.precision() == Precision::Float {
            return self.forward(input, size);
        }
        let mut scratch = self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _frame = cpu::parallel::scope();
        let (plan, arena) = &mut *self.planned(&mut scratch, size, Retain::Maps)?;
        let mut cpu = CpuExecutor::unpacked(&self.program, Isa::detect());
        if plan.fuses_stem {
            cpu.only(&self.program, 0..2);
        }
        for index in self.begin(&cpu, plan, arena, input.into(), None)?..self.program.ops.len() {
            cpu.only(&self.program, index..index + 1);
            cpu.run(&self.program, plan, index, arena);
        }
        Ok(self.program.outputs.iter().map(|&v| raw_map(plan, arena, v)).collect())
    }

    /// As [`Engine::forward`], and what each operation took.
    ///
    /// # Errors
    /// As [`Engine::forward`].
    pub fn profile(&self, pixels: &[f32], size: [usize; 2]) -> Result<(Vec<RawMap>, Vec<OpTime>)> {
        let mut times = Vec::with_capacity(self.program.ops.len());
        let maps = self.run(pixels.into(), size, Some(&mut times))?;
        let name = |(op, milliseconds): (&program::Op, f64)| OpTime { row: op.row, name: op.kind.name(), milliseconds };
        Ok((maps, self.program.ops.iter().zip(times).map(name).collect()))
    }

    /// The cells of each detect level whose objectness is above `threshold` (a logit), in the order of the maps, and each
    /// level's `[height, width]`. What is no number counts as above.
    ///
    /// # Errors
    /// As [`Engine::forward`].
    pub fn candidates<'a>(&self, input: impl Into<Input<'a>>, size: [usize; 2], threshold: f32) -> Result<Candidates> {
        let mut scratch = self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _frame = cpu::parallel::scope();
        let (plan, arena) = &mut *self.planned(&mut scratch, size, candidates_or_maps(&self.program))?;
        let first = self.begin(&self.cpu, plan, arena, input.into(), None)?;
        let sizes = self.program.outputs.iter().map(|&v| [plan.views[v].height, plan.views[v].width]).collect();
        let heads = heads::heads(&self.program, plan).unwrap_or_default();
        for index in first..self.program.ops.len() {
            if heads.iter().all(|head| head.op != index) {
                self.cpu.run(&self.program, plan, index, arena);
            }
        }
        let mut levels = Vec::new();
        for head in &heads {
            levels.push(match head.above(&self.cpu, arena, threshold) {
                Some(indices) => head.candidates(&self.cpu, arena, &indices),
                None => head.candidates_of(&self.cpu.whole_map(&self.program, plan, head.op, arena), threshold),
            });
        }
        Ok((levels, sizes))
    }

    /// The raw maps; milliseconds of each operation go to `times`.
    fn run(&self, input: Input<'_>, size: [usize; 2], mut times: Option<&mut Vec<f64>>) -> Result<Vec<RawMap>> {
        let mut scratch = self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _frame = cpu::parallel::scope();
        let (plan, arena) = &mut *self.planned(&mut scratch, size, Retain::Maps)?;
        for index in self.begin(&self.cpu, plan, arena, input, times.as_deref_mut())?..self.program.ops.len() {
            let start = times.is_some().then(web_time::Instant::now);
            self.cpu.run(&self.program, plan, index, arena);
            if let (Some(times), Some(start)) = (times.as_deref_mut(), start) {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        Ok(self.program.outputs.iter().map(|&v| raw_map(plan, arena, v)).collect())
    }

    /// Takes the picture in; returns the operation to go on with, since the first two may be done then.
    fn begin(
        &self,
        cpu: &CpuExecutor,
        plan: &Plan,
        arena: &mut [f32],
        input: Input<'_>,
        times: Option<&mut Vec<f64>>,
    ) -> Result<usize> {
        if !plan.fuses_stem {
            self.fill_input(plan, arena, input)?;
            return Ok(0);
        }
        check_input(plan, input)?;
        let start = web_time::Instant::now();
        let spent = cpu.run_fused_stem(&self.program, plan, input, arena, times.is_some());
        if let Some(times) = times {
            // Shares of the time that passed: threads work side by side.
            let passed = start.elapsed().as_secs_f64() * 1e3;
            times.extend(spent.map(|share| passed * share / spent.iter().sum::<f64>().max(f64::MIN_POSITIVE)));
        }
        Ok(2)
    }

    /// The plan for `size` and its arena: those of the run before if the size is the same.
    fn planned<'a>(
        &self,
        scratch: &'a mut Scratch,
        size: [usize; 2],
        retain: Retain,
    ) -> Result<&'a mut (Plan, Aligned<f32>)> {
        let known = scratch.as_ref().is_some_and(|(plan, _)| plan.size == size && plan.retain == retain);
        if known && let Some(kept) = scratch {
            return Ok(kept);
        }
        let plan = Plan::new(&self.program, size, Layout::ChannelsLast, retain)?;
        let mut arena = scratch.take().map_or_else(|| Aligned::zeroed(0), |(_, arena)| arena);
        arena.reset(plan.arena);
        Ok(scratch.insert((plan, arena)))
    }

    /// Every row's output as `(C, H, W)`, none for Detect, and the raw maps.
    ///
    /// # Errors
    /// As [`Engine::forward`].
    pub fn forward_rows(&self, pixels: &[f32], size: [usize; 2]) -> Result<(Vec<Option<Tensor>>, Vec<RawMap>)> {
        let _frame = cpu::parallel::scope();
        let plan = Plan::new(&self.program, size, Layout::ChannelsLast, Retain::Rows)?;
        let mut arena = Aligned::zeroed(plan.arena);
        self.fill_input(&plan, &mut arena, pixels.into())?;
        for index in 0..self.program.ops.len() {
            self.cpu.run(&self.program, &plan, index, &mut arena);
        }
        let rows = self.program.rows.iter().map(|row| row.map(|v| channels_first(&plan, &arena, v))).collect();
        Ok((rows, self.program.outputs.iter().map(|&v| raw_map(&plan, &arena, v)).collect()))
    }

    fn fill_input(&self, plan: &Plan, arena: &mut [f32], input: Input<'_>) -> Result<()> {
        let view = plan.views[INPUT];
        let target = &mut arena[view.start..view.start + check_input(plan, input)?];
        match input {
            Input::Values(values) => target.copy_from_slice(values),
            Input::Bytes(bytes) => {
                target.iter_mut().zip(bytes).for_each(|(value, &byte)| *value = f32::from(byte) / 255.0);
            }
        }
        Ok(())
    }
}

/// The number of values of a picture that has as many as it should.
fn check_input(plan: &Plan, input: Input<'_>) -> Result<usize> {
    let view = plan.views[INPUT];
    let expected = view.height * view.width * view.channels;
    let found = match input {
        Input::Values(values) => values.len(),
        Input::Bytes(bytes) => bytes.len(),
    };
    if found != expected {
        let message = format!("the input has {found} values, {expected} are needed");
        return Err(Error::new(ErrorKind::Argument, message));
    }
    Ok(expected)
}

fn candidates_or_maps(program: &Program) -> Retain {
    if heads::are_pointwise(program) { Retain::Candidates } else { Retain::Maps }
}

fn raw_map(plan: &Plan, arena: &[f32], value: ValueId) -> RawMap {
    let p = plan.views[value];
    let pixel = |i: usize| &arena[p.start + i * p.stride..][..p.channels];
    RawMap { height: p.height, width: p.width, data: (0..p.height * p.width).flat_map(pixel).copied().collect() }
}

fn channels_first(plan: &Plan, arena: &[f32], value: ValueId) -> Tensor {
    let p = plan.views[value];
    let data =
        (0..p.channels).flat_map(|c| (0..p.height * p.width).map(move |i| arena[p.start + i * p.stride + c])).collect();
    Tensor { shape: vec![p.channels, p.height, p.width], data }
}
