//! What steps and whole runs take, natively.

use super::compiled_plan::InputKind;
use super::dispatch::{Dispatch, record};
use super::{Gpu, GpuExecutor, channels_of, not_ready};
use crate::Result;
use crate::engine::OpTime;
use crate::engine::program::{Op, Program};
use std::time::Instant;

/// Milliseconds that a step is repeated for, and a whole run: the wait for them weighs little then.
const LONG_ENOUGH: [f64; 2] = [2.0, 20.0];

/// Repetitions that are recorded at most.
const MOST: usize = 1000;

impl GpuExecutor {
    /// What each operation takes, one by one, other work on the adapter aside. Nothing for those that another's dispatch
    /// does.
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn profile(&mut self, program: &Program, pixels: &[f32], size: [usize; 2]) -> Result<Vec<OpTime>> {
        self.prepare(program, size).await?;
        let channels = channels_of(program, pixels, size)?;
        let compiled = self.compiled.first().ok_or_else(not_ready)?;
        compiled.upload_values(&self.gpu, pixels, channels);
        let mut times = Vec::new();
        for step in &compiled.steps {
            times.push((step.op, repeated(&self.gpu, LONG_ENOUGH[0], || std::iter::once(step))?));
        }
        let op = |(index, op): (usize, &Op)| {
            let milliseconds = times.iter().filter(|(at, _)| *at == index).map(|(_, ms)| ms).sum();
            OpTime { row: op.row, name: op.kind.name(), milliseconds }
        };
        Ok(program.ops.iter().enumerate().map(op).collect())
    }

    /// Milliseconds that the adapter itself is busy with a run of the picture that was looked at last ([`GpuExecutor::candidates`]):
    /// many are recorded beforehand, submitted at once and waited for once.
    ///
    /// # Errors
    /// As [`GpuExecutor::maps`].
    pub async fn busy(&mut self, program: &Program, size: [usize; 2]) -> Result<f64> {
        self.prepare(program, size).await?;
        let compiled = self.compiled.first().ok_or_else(not_ready)?;
        repeated(&self.gpu, LONG_ENOUGH[1], || compiled.frame(InputKind::Bytes))
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
        if took >= enough / 2.0 || times >= MOST {
            return Ok(took / times as f64);
        }
        times = ((times as f64 * enough / took).ceil() as usize).clamp(2 * times, 2 * MOST);
    }
}
