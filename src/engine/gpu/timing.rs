//! The time of operations and whole runs on the adapter, natively.

use super::compiled_plan::InputKind;
use super::dispatch::{Dispatch, record};
use super::{Gpu, GpuExecutor};
use crate::Result;
use crate::engine::program::{Op, Program};
use crate::engine::{Input, OpTime};
use std::time::Instant;

/// Milliseconds that one operation, and a whole run, is repeated for: the wait for the result then weighs little.
const LONG_ENOUGH: [f64; 2] = [2.0, 20.0];

/// The most repetitions that are recorded.
const MAX_REPETITIONS: usize = 1000;

impl GpuExecutor {
    /// The milliseconds of each operation, measured one by one. Operations that are fused into another's dispatch have 0.
    pub(super) async fn time_operations(
        &self,
        program: &Program,
        input: Input<'_>,
        size: [usize; 2],
    ) -> Result<Vec<OpTime>> {
        self.with_plan(program, size, async |plan| {
            self.upload(program, plan, input)?;
            let mut times = Vec::new();
            for step in &plan.steps {
                times.push((step.op, repeated(&self.gpu, LONG_ENOUGH[0], || std::iter::once(step))?));
            }
            let op = |(index, op): (usize, &Op)| {
                let milliseconds = times.iter().filter(|(at, _)| *at == index).map(|(_, ms)| ms).sum();
                OpTime { row: op.row, name: op.kind.name(), milliseconds }
            };
            Ok(program.ops.iter().enumerate().map(op).collect())
        })
        .await
    }

    /// Milliseconds that the adapter itself is busy with a run for candidates of the image that was uploaded last: many runs
    /// are recorded, submitted at once and waited for once.
    ///
    /// # Errors
    /// As for [`Executor`](crate::engine::Executor).
    pub async fn busy_time(&self, program: &Program, size: [usize; 2]) -> Result<f64> {
        self.with_plan(program, size, async |plan| repeated(&self.gpu, LONG_ENOUGH[1], || plan.frame(InputKind::Bytes)))
            .await
    }
}

/// Milliseconds of the dispatches, repeated until they take about `enough`.
fn repeated<'a, I: Iterator<Item = &'a Dispatch>>(gpu: &Gpu, enough: f64, dispatches: impl Fn() -> I) -> Result<f64> {
    let mut times = 1;
    loop {
        gpu.wait()?;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        record(&mut encoder, (0..times).flat_map(|_| dispatches()));
        let commands = encoder.finish();
        let start = Instant::now();
        gpu.queue.submit([commands]);
        gpu.wait()?;
        let took = start.elapsed().as_secs_f64() * 1e3;
        if took >= enough / 2.0 || times >= MAX_REPETITIONS {
            return Ok(took / times as f64);
        }
        times = ((times as f64 * enough / took).ceil() as usize).clamp(2 * times, 2 * MAX_REPETITIONS);
    }
}
