//! `--device gpu`: Burn's WebGPU backend.

use ghostdet::engine::Engine;
use ghostdet::engine::gpu::Gpu;
use ghostdet::model::Graph;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, Result};
use ghostdet_burn::{BurnGpu, Execution};
use pollster::block_on;

/// Whether there is a configuration of that name.
pub fn is_known(configuration: &str) -> bool {
    configuration.parse::<Execution>().is_ok()
}

/// Opens the GPU and attaches `detector`, loaded from `weights`, as `configuration` says.
pub fn attach(detector: &mut Detector, configuration: Option<&str>, weights: &[u8]) -> Result<()> {
    let execution = Execution::from_option(configuration)?;
    let burn = open()?;
    let checkpoint = match execution {
        Execution::Fused(_) => None,
        Execution::BurnOps => {
            let mut checkpoint = Checkpoint::load(weights)?;
            checkpoint.fold()?;
            Some(checkpoint)
        }
    };
    let test = detector.self_test(detector.imgsz())?;
    block_on(execution.attach(detector, &burn, checkpoint.as_ref(), &test))
}

/// The same for the network of `engine`, made of `graph` with random weights.
pub fn attach_to_engine(engine: &mut Engine, graph: &Graph, configuration: Option<&str>) -> Result<()> {
    let execution = Execution::from_option(configuration)?;
    let executor = execution.with_random_weights(&open()?, graph, engine.program_with_weights()?)?;
    engine.attach(executor);
    Ok(())
}

/// Opens the GPU and names it on stderr.
fn open() -> Result<BurnGpu> {
    let burn = block_on(BurnGpu::open())?;
    let Gpu { name, software, .. } = &burn.gpu;
    let note = if *software { " (software, slower than --device cpu)" } else { "" };
    eprintln!("GPU: {name}{note}");
    Ok(burn)
}
