//! The loop over epochs and batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ghostdet::detector::adopt_anchors;
use ghostdet::model::{Config, Graph};
use ghostdet::weights::{Checkpoint, Tensor};
use ghostdet::{Error, ErrorKind, Result};

use super::anchors::{anchors_tensor, fit_anchors};
use super::teacher::raw_maps;
use super::throughput::Throughput;
use super::{Event, Files, Measured, Options, Outcome, Progress, validate};
use crate::init::start;
use crate::loader::{Batch, Loader, LoaderOptions};
use crate::loss::{DetectionLoss, Loss};
use crate::plot;
use crate::results::Row;
use crate::schedule::Schedule;
use crate::state::{self, Position, replace};
use crate::trainer::{Pictures, Trainer};

/// Batches that show a folded network's batch norms what they see.
const CALIBRATION: usize = 4;
/// Saving may take this part of the time.
const SAVING: u32 = 20;

/// A training at work.
pub(super) struct Training {
    options: Options,
    config: Config,
    names: Vec<String>,
    /// Key and tensor of the anchors, in grid units.
    anchors: (String, Tensor),
    files: Files,
    schedule: Schedule,
    trainer: Trainer,
    loader: Loader,
    position: Position,
    rows: Vec<Row>,
}

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
        let schedule = Schedule {
            batches: options.sampling.pictures.unwrap_or(options.data.len()).div_ceil(options.schedule.batch),
            ..options.schedule
        };
        if let Some(weights) = &options.weights {
            adopt_anchors(&mut graph, weights)?;
        }
        if options.autoanchor {
            fit_anchors(&options, &mut graph, tell)?;
        }
        let hyp = options.hyp.scaled(names.len(), graph.strides.len(), options.imgsz);
        let cells = |(anchors, stride): (&Vec<[f32; 2]>, &f64)| {
            anchors.iter().map(|sides| sides.map(|side| side / *stride as f32)).collect::<Vec<_>>()
        };
        let anchors = graph.anchors.iter().zip(&graph.strides).map(cells).collect();
        let loss = DetectionLoss::new(hyp, names.len(), anchors);
        let begin = start(&graph, &names, options.seed, options.weights.as_ref())?;
        let mut trainer = Trainer::new(&graph, &begin.checkpoint, &options.device, loss, &options.frozen)?;
        (trainer.average.decay, trainer.average.ramp) = options.average;
        trainer.freeze_bn = options.freeze_bn;
        if options.weights.take().is_some() {
            tell(Event::Note(&format!("{} of {} tensors taken over from the weights", begin.taken, begin.all)));
        }
        let loader = Loader::new(
            options.data.clone(),
            LoaderOptions {
                batch: schedule.batch,
                sizes: if options.sizes.is_empty() { vec![options.imgsz] } else { options.sizes.clone() },
                augment: options.augment.clone(),
                scores: options.scores,
                sampling: options.sampling.clone(),
                seed: options.seed,
                workers: options.workers,
                ..LoaderOptions::default()
            },
        )?;
        let setting = format!(
            "{} classes, batch {}, {} pictures, size {}, seed {}",
            names.len(),
            schedule.batch,
            loader.len(),
            options.imgsz,
            options.seed
        );
        let mut position = Position {
            epoch: 0,
            batch: 0,
            last_step: -1,
            best: None,
            average: trainer.average,
            sums: [0.0; 3],
            seed: options.seed,
            setting: setting.clone(),
        };
        let mut rows = Vec::new();
        if options.resume {
            position = state::load(&files.state, trainer.parameters_mut())?;
            if position.setting != setting {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("the stopped training had {}, this one has {setting}", position.setting),
                )
                .at(options.out.display())
                .hint("give it the same data and options"));
            }
            trainer.average = position.average;
            trainer.push_all();
            rows = crate::results::read(&files.results)?;
            rows.truncate(position.epoch);
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

    /// Runs the epochs that are left.
    pub(super) fn train(mut self, stop: &AtomicBool, tell: &mut dyn FnMut(Event<'_>)) -> Result<Outcome> {
        while self.position.epoch < self.schedule.epochs {
            let began = Instant::now();
            if !self.epoch(stop, tell)? {
                self.save()?;
                return Ok(self.outcome(true));
            }
            let measured = self.measure(tell)?;
            let report = measured.as_ref().map(|measured| &measured.report);
            let row = self.row(measured.as_ref(), began.elapsed());
            self.rows.push(row);
            let fitness = row.fitness();
            let better = self.position.best.is_none_or(|(best, _)| report.is_none() || fitness >= best);
            if better {
                self.position.best = Some((fitness, self.position.epoch));
            }
            self.position =
                Position { epoch: self.position.epoch + 1, batch: 0, sums: [0.0; 3], ..self.position.clone() };
            let weights = self.checkpoint()?;
            replace(&self.files.last, &weights)?;
            if better {
                replace(&self.files.best, &weights)?;
            }
            self.report(measured.as_ref().filter(|_| better))?;
            self.save()?;
            tell(Event::Epoch(&row, report));
            let since = self.position.best.map_or(0, |(_, epoch)| self.position.epoch - 1 - epoch);
            if self.options.patience > 0 && since >= self.options.patience {
                tell(Event::Note(&format!("nothing got better for {since} epochs: it ends here")));
                break;
            }
        }
        let _ = std::fs::remove_file(&self.files.state);
        Ok(self.outcome(false))
    }

    /// Learns from the rest of the epoch. False if it was asked to stop.
    fn epoch(&mut self, stop: &AtomicBool, tell: &mut dyn FnMut(Event<'_>)) -> Result<bool> {
        let epoch = self.position.epoch;
        let mosaic = epoch + self.options.close_mosaic < self.schedule.epochs;
        let mut saved = Instant::now();
        let (mut throughput, mut last) = (Throughput::default(), Instant::now());
        let batches = self.loader.epoch(epoch, self.position.batch, mosaic)?;
        for batch in batches {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let batch = batch?;
            for warning in self.loader.warnings() {
                tell(Event::Note(&format!("warning: {warning}")));
            }
            let at = epoch * self.schedule.batches + self.position.batch;
            let loss = self.learn(&batch, at)?;
            for (sum, part) in self.position.sums.iter_mut().zip(loss.parts) {
                *sum += f64::from(part);
            }
            self.position.batch += 1;
            throughput.add(batch.count, last.elapsed());
            last = Instant::now();
            tell(Event::Batch(&self.progress(&throughput)));
            // Saved after every step, unless that would take more than a small part of the time.
            let took = Instant::now();
            if self.position.last_step == at as i64 && throughput.saving * SAVING <= saved.elapsed() {
                self.save()?;
                throughput.saving = took.elapsed();
                saved = Instant::now();
            }
        }
        Ok(true)
    }

    fn learn(&mut self, batch: &Batch, at: usize) -> Result<Loss> {
        let teacher = match &self.options.teacher {
            Some((teacher, weight)) => Some((raw_maps(teacher, batch)?, *weight)),
            None => None,
        };
        let pictures = Pictures {
            count: batch.count,
            size: batch.size,
            pixels: &batch.images,
            targets: &batch.targets,
            regions: &batch.regions,
            teacher: teacher.as_ref().map(|(maps, weight)| (&maps[..], *weight)),
        };
        let place = |error: Error| error.at(format!("epoch {}, batch {}", batch.epoch + 1, batch.index + 1));
        let loss = self.trainer.gather(&pictures).map_err(place)?;
        if at as i64 - self.position.last_step >= self.schedule.accumulate(at) as i64 {
            let norm = self.trainer.step(&self.schedule.at(batch.epoch, at));
            if !norm.is_finite() {
                return Err(place(Error::new(ErrorKind::Numeric, format!("the gradient's norm is {norm}")))
                    .hint("go on from the last checkpoint with a lower --lr"));
            }
            self.position.last_step = at as i64;
            self.position.average = self.trainer.average;
        }
        Ok(loss)
    }

    fn save(&self) -> Result<()> {
        state::save(&self.files.state, self.trainer.parameters(), &self.position)
    }

    /// The averaged weights as a file.
    fn checkpoint(&self) -> Result<Vec<u8>> {
        let checkpoint = self.averaged();
        let half = checkpoint.tensors.values().flat_map(|tensor| &tensor.data).all(|value| value.abs() < 6e4);
        checkpoint.to_safetensors(half)
    }

    fn averaged(&self) -> Checkpoint {
        Checkpoint {
            tensors: self.trainer.averaged().chain([self.anchors.clone()]).collect(),
            yaml: Some(self.config.to_yaml()),
            names: self.names.clone(),
            imgsz: Some(self.options.imgsz),
            format: "in training".into(),
            ..Checkpoint::default()
        }
    }

    fn measure(&self, tell: &mut dyn FnMut(Event<'_>)) -> Result<Option<Measured>> {
        let Some(val) = &self.options.val else { return Ok(None) };
        validate(self.averaged(), val, self.options.imgsz, self.trainer.loss().clone(), tell).map(Some)
    }

    /// Writes the table and the curves, and what the best network confuses.
    fn report(&self, best: Option<&Measured>) -> Result<()> {
        let draw = |name: &str, svg: String| replace(&self.options.out.join(name), svg.as_bytes());
        crate::results::write(&self.files.results, &self.rows)?;
        draw("results.svg", plot::training("Training", &self.rows))?;
        if let Some(Measured { report, curves, .. }) = best {
            draw("precision_recall.svg", plot::precision_recall("Precision over recall", curves, &self.names))?;
            draw("confusion_matrix.svg", plot::confusion("Confusion", &report.confusion, &self.names))?;
        }
        Ok(())
    }

    fn row(&self, measured: Option<&Measured>, took: Duration) -> Row {
        let mean = self.position.sums.map(|sum| sum / self.position.batch.max(1) as f64);
        let numbers = self.schedule.at(self.position.epoch, usize::MAX);
        Row {
            epoch: self.position.epoch,
            losses: mean,
            metrics: measured
                .map(|Measured { report, .. }| [report.precision, report.recall, report.map50, report.map]),
            validation: measured.map(|measured| measured.losses),
            rate: f64::from(numbers.rate),
            seconds: took.as_secs_f64(),
        }
    }

    fn progress(&self, throughput: &Throughput) -> Progress {
        let Position { epoch, batch, sums, .. } = &self.position;
        let rate = throughput.rate();
        let left = (self.schedule.epochs - epoch) * self.schedule.batches - batch;
        let remaining = left as f64 * self.schedule.batch as f64 / rate.max(1e-9);
        Progress {
            epoch: *epoch,
            epochs: self.schedule.epochs,
            batch: *batch,
            batches: self.schedule.batches,
            parts: sums.map(|sum| sum / (*batch).max(1) as f64),
            rate,
            remaining: Duration::try_from_secs_f64(remaining).unwrap_or(Duration::MAX),
        }
    }

    fn outcome(&self, stopped: bool) -> Outcome {
        Outcome { best: self.position.best, epochs: self.position.epoch, stopped }
    }
}
