//! The dispatches for one image size, before anything is compiled.

use super::parameters::Parameters;
use super::step::{self, Step};
use super::wgsl::{self, HEADER, MAX_CANDIDATES};
use super::{GpuExecutor, Head, Tuning, fuse};
use crate::engine::plan::Plan;
use crate::engine::program::{INPUT, Program};
use std::ops::Range;

/// A dispatch, and what it binds besides activations.
pub struct Scheduled {
    /// The dispatch.
    pub step: Step,
    /// What it reads.
    pub source: Source,
}

/// What a dispatch binds besides activations.
#[derive(Clone)]
pub enum Source {
    /// These bytes of the weights.
    Weights(Range<u64>),
    /// The image's bytes.
    Image,
}

/// The dispatches of a network.
pub struct Schedule {
    /// Those of the network itself.
    pub body: Vec<Scheduled>,
    /// The one that turns the image's bytes into the input.
    pub input: Scheduled,
    /// For each detect level: objectness, then the candidates' outputs.
    pub heads: Vec<[Scheduled; 2]>,
    /// 4-byte words of the results.
    pub words: usize,
}

impl Schedule {
    /// The dispatches of `program` in the memory of `plan`.
    pub fn new(executor: &GpuExecutor, program: &Program, plan: &Plan) -> Self {
        let tuning = executor.tuning;
        let mut words = HEADER + executor.heads.len() * MAX_CANDIDATES;
        let mut heads = Vec::new();
        for (level, head) in executor.heads.iter().enumerate() {
            let steps = level_steps(program, plan, level, head, words, tuning);
            heads.push(steps.map(|step| Scheduled { step, source: Source::Weights(head.range.clone()) }));
            words += MAX_CANDIDATES * head.outputs;
        }
        let input = Scheduled { step: input_step(plan, tuning), source: Source::Image };
        Self { body: body(executor, program, plan), input, heads, words }
    }

    /// All of them, in the order of their parameters.
    pub fn all(&self) -> impl Iterator<Item = &Scheduled> {
        self.body.iter().chain([&self.input]).chain(self.heads.iter().flatten())
    }

    /// Which of [`Schedule::all`] computes the objectness of each level.
    pub fn objectness(&self) -> impl Iterator<Item = usize> {
        let first = self.body.len() + 1;
        (0..self.heads.len()).map(move |level| first + 2 * level)
    }
}

fn body(executor: &GpuExecutor, program: &Program, plan: &Plan) -> Vec<Scheduled> {
    let (tuning, ranges) = (executor.tuning, &executor.ranges);
    let mut list = Vec::new();
    let mut op = 0;
    while op < program.ops.len() {
        let (steps, count) = match fuse::step(program, plan, op, tuning, ranges) {
            Some((step, count)) => (vec![step], count),
            None => (step::steps(program, plan, op, tuning), 1),
        };
        let source = Source::Weights(ranges[op].start..ranges[op + count - 1].end);
        list.extend(steps.into_iter().map(|step| Scheduled { step, source: source.clone() }));
        op += count;
    }
    list
}

fn input_step(plan: &Plan, tuning: Tuning) -> Step {
    let view = plan.views[INPUT];
    let threads = view.height * view.width;
    let parameters = Parameters { threads: threads as u32, out_at: (view.start / 4) as u32, ..Parameters::default() };
    Step { op: 0, shader: wgsl::input(tuning.block()), parameters, groups: step::groups(threads) }
}

/// The two dispatches of a detect level: objectness, then the candidates' outputs, which begin at word `rows` of the results.
fn level_steps(program: &Program, plan: &Plan, level: usize, head: &Head, rows: usize, tuning: Tuning) -> [Step; 2] {
    let element = tuning.block();
    let view = plan.views[program.ops[head.op].input];
    let threads = view.height * view.width;
    let parameters = Parameters {
        threads: threads as u32,
        in_at: (view.start / 4 + view.offset / 4 * threads) as u32,
        in_h: view.height as u32,
        in_w: view.width as u32,
        in_c: view.channels.div_ceil(4) as u32,
        level: level as u32,
        list_at: (HEADER + level * MAX_CANDIDATES) as u32,
        rows_at: rows as u32,
        ..Parameters::default()
    };
    let (anchors, outputs) = (head.anchors, head.outputs);
    let step = |shader, groups| Step { op: head.op, shader, parameters, groups };
    [
        step(wgsl::objectness(element, anchors, outputs), step::groups(threads)),
        step(wgsl::candidates(element, anchors, outputs), [64, 1]),
    ]
}
