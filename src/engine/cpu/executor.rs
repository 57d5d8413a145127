//! The executor on the CPU.

use super::{Isa, Kernels, Precision, parallel};
use crate::Result;
use crate::detection::RawMap;
use crate::engine::executor::{DeviceInfo, DeviceKind, Executor, Pending, Rows};
use crate::engine::plan::{Layout, Plan, Retain};
use crate::engine::program::{INPUT, Op, Program, ValueId};
use crate::engine::{Candidates, EngineOptions, Input, OpTime, heads};
use crate::weights::Tensor;
use ghostdet_kernels::Aligned;
use std::sync::{Mutex, MutexGuard, PoisonError};
use web_time::Instant;

/// The memory plan of the last run, and its arena.
type Scratch = Option<(Plan, Aligned<f32>)>;

/// A network on the CPU: packed weights, and the arena of the last input size.
///
/// Runs of one executor take turns; each run uses several threads by itself.
pub struct CpuExecutor {
    kernels: Kernels,
    threads: Option<usize>,
    scratch: Mutex<Scratch>,
}

impl CpuExecutor {
    /// Packs the weights of `program`. Without [`EngineOptions::keep_source_weights`] the weights in `program` are freed.
    pub fn new(program: &mut Program, options: &EngineOptions) -> Self {
        let precision = options.precision.unwrap_or_else(Precision::detect);
        // A size that can't be planned is refused when it is used.
        let reserve = |size| Plan::new(program, size, Layout::ChannelsLast, candidates_or_maps(program)).ok();
        let scratch = options.max_input.and_then(reserve).map(|plan| {
            let arena = Aligned::zeroed(plan.arena);
            (plan, arena)
        });
        let kernels = match options.keep_source_weights {
            true => Kernels::new(program, Isa::detect(), precision),
            false => Kernels::draining(program, Isa::detect(), precision),
        };
        Self { kernels, threads: options.threads, scratch: Mutex::new(scratch) }
    }

    /// The number type of dense convolutions.
    pub fn precision(&self) -> Precision {
        self.kernels.precision()
    }

    /// Bytes of the packed weights.
    pub fn weight_bytes(&self) -> usize {
        self.kernels.weight_bytes()
    }

    /// The raw maps of all detect levels. Milliseconds of each operation go to `times`.
    ///
    /// # Errors
    /// An input or a size that doesn't fit the network.
    pub fn forward(
        &self,
        program: &Program,
        input: Input<'_>,
        size: [usize; 2],
        mut times: Option<&mut Vec<f64>>,
    ) -> Result<Vec<RawMap>> {
        let mut scratch = self.lock();
        let _scope = parallel::scope(self.threads);
        let (plan, arena) = planned(&mut scratch, program, size, Retain::Maps)?;
        let first = begin(&self.kernels, program, plan, arena, input, times.as_deref_mut())?;
        for index in first..program.ops.len() {
            let start = times.is_some().then(Instant::now);
            self.kernels.run(program, plan, index, arena);
            if let (Some(times), Some(start)) = (times.as_deref_mut(), start) {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        Ok(raw_maps(program, plan, arena))
    }

    /// As [`CpuExecutor::forward`], in floats whatever the [precision](CpuExecutor::precision). Packs and frees the weights
    /// operation by operation, so that it takes little memory. Needs the source weights.
    ///
    /// # Errors
    /// As [`CpuExecutor::forward`].
    pub fn forward_in_floats(&self, program: &Program, input: Input<'_>, size: [usize; 2]) -> Result<Vec<RawMap>> {
        if self.precision() == Precision::Float {
            return self.forward(program, input, size, None);
        }
        let mut scratch = self.lock();
        let _scope = parallel::scope(self.threads);
        let (plan, arena) = planned(&mut scratch, program, size, Retain::Maps)?;
        let mut kernels = Kernels::unpacked(program, Isa::detect());
        if plan.fuses_stem {
            kernels.only(program, 0..2);
        }
        for index in begin(&kernels, program, plan, arena, input, None)?..program.ops.len() {
            kernels.only(program, index..index + 1);
            kernels.run(program, plan, index, arena);
        }
        Ok(raw_maps(program, plan, arena))
    }

    /// The candidates whose objectness is above `threshold` (a logit), in the order of the maps. `None` if a detect head is
    /// no 1x1 convolution.
    ///
    /// # Errors
    /// As [`CpuExecutor::forward`].
    pub fn find_candidates(
        &self,
        program: &Program,
        input: Input<'_>,
        size: [usize; 2],
        threshold: f32,
    ) -> Result<Option<Candidates>> {
        if !heads::are_pointwise(program) {
            return Ok(None);
        }
        let mut scratch = self.lock();
        let _scope = parallel::scope(self.threads);
        let (plan, arena) = planned(&mut scratch, program, size, Retain::Candidates)?;
        let Some(heads) = heads::heads(program, plan) else { return Ok(None) };
        for index in begin(&self.kernels, program, plan, arena, input, None)?..program.ops.len() {
            if heads.iter().all(|head| head.op != index) {
                self.kernels.run(program, plan, index, arena);
            }
        }
        let mut levels = Vec::new();
        for head in &heads {
            levels.push(match head.above(&self.kernels, arena, threshold) {
                Some(indices) => head.candidates(&self.kernels, arena, &indices),
                None => head.candidates_of(&self.kernels.whole_map(program, plan, head.op, arena), threshold),
            });
        }
        Ok(Some(Candidates { levels, sizes: plan.map_sizes(program) }))
    }

    /// Every row's output, and the raw maps.
    ///
    /// # Errors
    /// As [`CpuExecutor::forward`].
    pub fn forward_rows(&self, program: &Program, input: Input<'_>, size: [usize; 2]) -> Result<Rows> {
        let _scope = parallel::scope(self.threads);
        let plan = Plan::new(program, size, Layout::ChannelsLast, Retain::Rows)?;
        let mut arena = Aligned::zeroed(plan.arena);
        write_input(&plan, &mut arena, input)?;
        for index in 0..program.ops.len() {
            self.kernels.run(program, &plan, index, &mut arena);
        }
        let rows = program.rows.iter().map(|row| row.map(|v| channels_first(&plan, &arena, v))).collect();
        Ok((rows, raw_maps(program, &plan, &arena)))
    }

    fn lock(&self) -> MutexGuard<'_, Scratch> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Executor for CpuExecutor {
    fn info(&self) -> DeviceInfo {
        DeviceInfo {
            kind: DeviceKind::Cpu,
            name: Isa::detect().name().to_owned(),
            backend: "cpu",
            executor: "fused",
            precision: self.precision().name(),
            configuration: None,
            memory: self.weight_bytes() as u64,
        }
    }

    fn maps<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<RawMap>> {
        Box::pin(async move { self.forward(program, input, size, None) })
    }

    fn candidates<'a>(
        &'a self,
        program: &'a Program,
        input: Input<'a>,
        size: [usize; 2],
        threshold: f32,
    ) -> Pending<'a, Option<Candidates>> {
        Box::pin(async move { self.find_candidates(program, input, size, threshold) })
    }

    fn rows<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Rows> {
        Box::pin(async move { self.forward_rows(program, input, size) })
    }

    fn profile<'a>(&'a self, program: &'a Program, input: Input<'a>, size: [usize; 2]) -> Pending<'a, Vec<OpTime>> {
        Box::pin(async move {
            let mut times = Vec::with_capacity(program.ops.len());
            self.forward(program, input, size, Some(&mut times))?;
            let time = |(op, milliseconds): (&Op, f64)| OpTime { row: op.row, name: op.kind.name(), milliseconds };
            Ok(program.ops.iter().zip(times).map(time).collect())
        })
    }
}

/// What a run for candidates keeps.
fn candidates_or_maps(program: &Program) -> Retain {
    if heads::are_pointwise(program) { Retain::Candidates } else { Retain::Maps }
}

/// The plan for `size` and its arena: those of the last run if the size is the same.
fn planned<'a>(
    scratch: &'a mut Scratch,
    program: &Program,
    size: [usize; 2],
    retain: Retain,
) -> Result<&'a mut (Plan, Aligned<f32>)> {
    let known = scratch.as_ref().is_some_and(|(plan, _)| plan.size == size && plan.retain == retain);
    if known && let Some(kept) = scratch {
        return Ok(kept);
    }
    let plan = Plan::new(program, size, Layout::ChannelsLast, retain)?;
    let mut arena = scratch.take().map_or_else(|| Aligned::zeroed(0), |(_, arena)| arena);
    arena.reset(plan.arena);
    Ok(scratch.insert((plan, arena)))
}

/// Takes the input in. Returns the next operation: a fused stem has run the first two.
fn begin(
    kernels: &Kernels,
    program: &Program,
    plan: &Plan,
    arena: &mut [f32],
    input: Input<'_>,
    times: Option<&mut Vec<f64>>,
) -> Result<usize> {
    if !plan.fuses_stem {
        write_input(plan, arena, input)?;
        return Ok(0);
    }
    input.check(plan)?;
    let start = Instant::now();
    let spent = kernels.run_fused_stem(program, plan, input, arena, times.is_some());
    if let Some(times) = times {
        // Shares of the wall time: the threads' times overlap.
        let passed = start.elapsed().as_secs_f64() * 1e3;
        times.extend(spent.map(|share| passed * share / spent.iter().sum::<f64>().max(f64::MIN_POSITIVE)));
    }
    Ok(2)
}

fn write_input(plan: &Plan, arena: &mut [f32], input: Input<'_>) -> Result<()> {
    let start = plan.views[INPUT].start;
    let count = input.check(plan)?;
    input.write(&mut arena[start..start + count]);
    Ok(())
}

fn raw_maps(program: &Program, plan: &Plan, arena: &[f32]) -> Vec<RawMap> {
    let raw_map = |&value: &ValueId| {
        let view = plan.views[value];
        let pixel = |i: usize| &arena[view.start + i * view.stride..][..view.channels];
        let data = (0..view.height * view.width).flat_map(pixel).copied().collect();
        RawMap { height: view.height, width: view.width, data }
    };
    program.outputs.iter().map(raw_map).collect()
}

fn channels_first(plan: &Plan, arena: &[f32], value: ValueId) -> Tensor {
    let view = plan.views[value];
    let channel = |c: usize| (0..view.height * view.width).map(move |i| arena[view.start + i * view.stride + c]);
    Tensor { shape: vec![view.channels, view.height, view.width], data: (0..view.channels).flat_map(channel).collect() }
}
