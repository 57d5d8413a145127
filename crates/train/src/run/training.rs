//! The loop over epochs and batches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ghostdet::model::Config;
use ghostdet::weights::{Checkpoint, Tensor};
use ghostdet::{Error, ErrorKind, Result};

use super::teacher::raw_maps;
use super::throughput::Throughput;
use super::{Event, Files, Measured, Options, Outcome, Progress, validate};
use crate::loader::{Batch, Loader};
use crate::loss::Loss;
use crate::plot;
use crate::results::Row;
use crate::schedule::Schedule;
use crate::state::{self, Position, replace};
use crate::trainer::{Pictures, Trainer};

/// Saving may take this part of the time.
const SAVING: u32 = 20;

/// A training at work.
pub(super) struct Training {
    pub(super) options: Options,
    pub(super) config: Config,
    pub(super) names: Vec<String>,
    /// Key and tensor of the anchors, in grid units.
    pub(super) anchors: (String, Tensor),
    pub(super) files: Files,
    pub(super) schedule: Schedule,
    pub(super) trainer: Trainer,
    pub(super) loader: Loader,
    pub(super) position: Position,
    pub(super) rows: Vec<Row>,
}

impl Training {
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

    /// Learns from the rest of the epoch. Returns false if `stop` was set.
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
        Row {
            epoch: self.position.epoch,
            losses: mean,
            metrics: measured
                .map(|Measured { report, .. }| [report.precision, report.recall, report.map50, report.map]),
            validation: measured.map(|measured| measured.losses),
            rate: f64::from(self.schedule.epoch_rate(self.position.epoch)),
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
