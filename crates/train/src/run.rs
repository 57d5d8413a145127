//! A whole training: epochs of batches, validation, checkpoints, early stop.

mod anchors;
mod options;
mod setup;
mod teacher;
mod throughput;
mod training;
mod validate;

use std::sync::atomic::AtomicBool;

use ghostdet::model::Graph;
use ghostdet::{Error, ErrorKind, Result};

pub use options::{Event, Files, Options, Outcome, Progress};
pub use validate::{Measured, validate};

use training::Training;

/// Trains until the epochs are over, nothing gets better, or `stop` is set.
///
/// # Errors
/// Settings that don't fit together, a folder that can't be written to, a loss that is no number. What was saved before
/// stays whole.
pub fn run(options: Options, stop: &AtomicBool, tell: &mut dyn FnMut(Event<'_>)) -> Result<Outcome> {
    crate::tune_malloc::tune_malloc();
    let names = options.data.names().to_vec();
    let config = options.config.with_nc(names.len())?;
    let graph = config.graph(None)?;
    check_size(&options, &graph)?;
    let files = Files::inside(&options.out);
    std::fs::create_dir_all(&options.out)
        .map_err(|error| Error::new(ErrorKind::Io, format!("can't be made: {error}")).at(options.out.display()))?;
    if files.state.exists() && !options.resume {
        return Err(Error::new(ErrorKind::Argument, "a training was stopped here")
            .at(options.out.display())
            .hint("--resume goes on with it; another --out begins anew"));
    }
    Training::new(options, config, graph, names, files, tell)?.train(stop, tell)
}

fn check_size(options: &Options, graph: &Graph) -> Result<()> {
    let stride = graph.max_stride();
    let sizes = options.sizes.iter().chain([&options.imgsz]);
    match sizes.copied().find(|&size| size < 2 * stride || size % stride != 0) {
        None => Ok(()),
        Some(size) => {
            Err(Error::new(ErrorKind::Argument, format!("pictures of {size} don't fit a stride of {stride}"))
                .hint(format!("take a multiple of {stride}, at least {}", 2 * stride)))
        }
    }
}
