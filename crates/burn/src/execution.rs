//! Which executor runs a network on Burn's WebGPU backend, as options name it.

use std::str::FromStr;

use ghostdet::detector::SelfTest;
use ghostdet::engine::gpu::Tuning;
use ghostdet::engine::program::Program;
use ghostdet::engine::{Executor, random_checkpoint};
use ghostdet::model::Graph;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, Error, ErrorKind, Result};

use crate::{BURN_OPS, BurnGpu, BurnOpsExecutor, FusedExecutor};

/// How a network runs on Burn's WebGPU backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// The fused shaders, in a configuration or in the adapter's default one.
    Fused(Option<Tuning>),
    /// Burn's own operations, one after the other.
    BurnOps,
}

impl FromStr for Execution {
    type Err = Error;

    /// Reads `burn-ops`, or the name of a [`Tuning`].
    fn from_str(name: &str) -> Result<Self> {
        match name {
            BURN_OPS => Ok(Self::BurnOps),
            tuning => tuning.parse().map(|tuning| Self::Fused(Some(tuning))),
        }
    }
}

impl Execution {
    /// What follows the slash in `--device gpu/…`; without it the fused shaders in their default configuration.
    ///
    /// # Errors
    /// [`ErrorKind::Argument`]: an unknown name.
    pub fn from_option(name: Option<&str>) -> Result<Self> {
        name.map_or(Ok(Self::Fused(None)), str::parse)
    }

    /// Attaches the executor to `detector`, which compares it with the CPU by `test` first. Burn's own operations need the
    /// `checkpoint`, with its batch norms folded.
    ///
    /// # Errors
    /// [`ErrorKind::Device`]: the network doesn't fit the GPU, or the GPU computes something else than the CPU.
    pub async fn attach(
        self,
        detector: &mut Detector,
        burn: &BurnGpu,
        checkpoint: Option<&Checkpoint>,
        test: &SelfTest,
    ) -> Result<()> {
        // Free the executor before first: there may be no memory for both.
        detector.detach();
        let tunings = match self {
            Self::BurnOps => {
                let missing = || Error::new(ErrorKind::Device, "the network was not loaded for Burn's operations");
                let executor = BurnOpsExecutor::new(burn, detector.graph(), checkpoint.ok_or_else(missing)?)?;
                return detector.attach(Box::new(executor), test).await;
            }
            Self::Fused(Some(tuning)) => vec![tuning],
            // The plainest shaders are tried if an adapter refuses the default ones.
            Self::Fused(None) => vec![Tuning::default_for(&burn.gpu), Tuning::new(burn.gpu.software)],
        };
        let mut outcome = Ok(());
        for tuning in tunings {
            let executor = fused(burn, detector.engine().program_with_weights()?, tuning);
            outcome = match executor {
                Ok(executor) => detector.attach(executor, test).await,
                Err(error) => Err(error),
            };
            if outcome.is_ok() || burn.gpu.check().is_err() {
                break;
            }
        }
        outcome
    }

    /// The executor of a network with random weights, `program` made of `graph`, for timing.
    ///
    /// # Errors
    /// [`ErrorKind::Device`]: the network doesn't fit the device.
    pub fn with_random_weights(self, burn: &BurnGpu, graph: &Graph, program: &Program) -> Result<Box<dyn Executor>> {
        match self {
            Self::Fused(tuning) => fused(burn, program, tuning.unwrap_or_else(|| Tuning::default_for(&burn.gpu))),
            Self::BurnOps => Ok(Box::new(BurnOpsExecutor::new(burn, graph, &random_checkpoint(graph))?)),
        }
    }
}

fn fused(burn: &BurnGpu, program: &Program, tuning: Tuning) -> Result<Box<dyn Executor>> {
    Ok(Box::new(FusedExecutor::new(burn, program, tuning)?))
}
