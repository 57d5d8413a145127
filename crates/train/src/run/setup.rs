//! Sets a training up from its options, or restores a stopped one.

use ghostdet::detector::adopt_anchors;
use ghostdet::model::{Config, Graph};
use ghostdet::{Error, ErrorKind, Result};

use super::anchors::{anchors_tensor, fit_anchors};
use super::training::Training;
use super::{Event, Files, Options};
use crate::init::start;
use crate::loader::{Loader, LoaderOptions};
use crate::loss::DetectionLoss;
use crate::results::{self, Row};
use crate::schedule::Schedule;
use crate::state::{self, Position};
use crate::trainer::{Pictures, Trainer};

/// Batches that show a folded network's batch norms what they see.
const CALIBRATION: usize = 4;

impl Training {
    /// Puts everything in its place; with `resume`, as it was when it was stopped.
    pub(super) fn new(
        mut options: Options,
        config: Config,
        mut graph: Graph,
        names: Vec<String>,
        files: Files,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<Self> {
        if let Some(weights) = &options.weights {
            adopt_anchors(&mut graph, weights)?;
        }
        if options.autoanchor {
            fit_anchors(&options, &mut graph, tell)?;
        }
        let begin = start(&graph, &names, options.seed, options.weights.as_ref())?;
        let loss = loss(&options, &graph, names.len());
        let mut trainer = Trainer::new(&graph, &begin.checkpoint, &options.device, loss, &options.frozen)?;
        (trainer.average.decay, trainer.average.ramp) = options.average;
        trainer.freeze_bn = options.freeze_bn;
        if options.weights.take().is_some() {
            tell(Event::Note(&format!("{} of {} tensors taken over from the weights", begin.taken, begin.all)));
        }
        let loader = loader(&options)?;
        let schedule = Schedule { batches: loader.batches(), ..options.schedule };
        let mut position = first_position(&options, &graph, names.len(), &loader, &trainer);
        let mut rows = Vec::new();
        if options.resume {
            (position, rows) = resume(&options, &files, &mut trainer, &position.setting)?;
            tell(Event::Note(&format!("goes on at epoch {}, batch {}", position.epoch + 1, position.batch + 1)));
        }
        let anchors = anchors_tensor(&graph);
        let mut training = Self { options, config, names, anchors, files, schedule, trainer, loader, position, rows };
        // Frozen norms need no statistics: a folded one passes everything through.
        if !training.options.resume && !begin.folded.is_empty() && !training.options.freeze_bn {
            training.calibrate(&begin.folded)?;
            tell(Event::Note("batch norms, folded in the weights, were opened again on the first pictures"));
        }
        Ok(training)
    }

    fn calibrate(&mut self, folded: &[String]) -> Result<()> {
        let mut kept = Vec::new();
        for batch in self.loader.epoch(0, 0, false)?.take(CALIBRATION) {
            kept.push(batch?);
        }
        let batches: Vec<Pictures<'_>> = kept
            .iter()
            .map(|batch| Pictures {
                count: batch.count,
                size: batch.size,
                pixels: &batch.images,
                targets: &[],
                regions: &[],
                teacher: None,
            })
            .collect();
        self.trainer.calibrate(folded, &batches)
    }
}

/// The loss for a network: gains by its classes, levels and picture size, anchors in cells.
fn loss(options: &Options, graph: &Graph, nc: usize) -> DetectionLoss {
    let hyp = options.hyp.scaled(nc, graph.strides.len(), options.imgsz);
    let cells = |(anchors, stride): (&Vec<[f32; 2]>, &f64)| {
        anchors.iter().map(|sides| sides.map(|side| side / *stride as f32)).collect::<Vec<_>>()
    };
    DetectionLoss::new(hyp, nc, graph.anchors.iter().zip(&graph.strides).map(cells).collect())
}

fn loader(options: &Options) -> Result<Loader> {
    let loader = LoaderOptions {
        batch: options.schedule.batch,
        sizes: if options.sizes.is_empty() { vec![options.imgsz] } else { options.sizes.clone() },
        augment: options.augment.clone(),
        scores: options.scores,
        sampling: options.sampling.clone(),
        seed: options.seed,
        workers: options.workers,
        ..LoaderOptions::default()
    };
    Loader::new(options.data.clone(), loader)
}

fn first_position(options: &Options, graph: &Graph, nc: usize, loader: &Loader, trainer: &Trainer) -> Position {
    let (batch, pictures) = (options.schedule.batch, loader.len());
    let (imgsz, seed) = (options.imgsz, options.seed);
    let (rule, anchors) = (options.schedule.optimizer, &graph.anchors);
    Position {
        epoch: 0,
        batch: 0,
        last_step: -1,
        best: None,
        average: trainer.average,
        sums: [0.0; 3],
        seed,
        setting: format!(
            "{nc} classes, batch {batch}, {pictures} pictures, size {imgsz}, seed {seed}, {rule:?}, anchors {anchors:?}"
        ),
    }
}

/// Where a stopped training with this setting was, and its rows; its parameters go to `trainer`.
fn resume(options: &Options, files: &Files, trainer: &mut Trainer, setting: &str) -> Result<(Position, Vec<Row>)> {
    let position = state::load(&files.state, trainer.parameters_mut())?;
    if position.setting != setting {
        let text = format!("the stopped training had {}, this one has {setting}", position.setting);
        return Err(Error::new(ErrorKind::Argument, text)
            .at(options.out.display())
            .hint("give it the same data and options"));
    }
    trainer.average = position.average;
    trainer.push_all();
    let mut rows = results::read(&files.results)?;
    rows.truncate(position.epoch);
    Ok((position, rows))
}
