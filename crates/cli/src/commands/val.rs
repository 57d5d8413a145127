//! `ghostdet val`.

use crate::device::Ran;
use crate::options::{Network, parse_size, print};
use crate::table::{self, Column};
use clap::ValueEnum;
use ghostdet::data::Dataset;
use ghostdet::detection::metrics::{Evaluator, GroundTruth, Metric, Report};
use ghostdet::detection::{NmsOptions, VAL_THRESHOLD};
use ghostdet::detector::{PredictOptions, Speed};
use ghostdet::image::Image;
use ghostdet::{Error, ErrorKind, Result};
use indicatif::{ProgressBar, ProgressDrawTarget};
use std::io::IsTerminal;
use std::path::PathBuf;

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Yolo,
    Coco,
}

/// Measure precision, recall and mAP on a labelled data set
#[derive(clap::Args)]
#[command(after_help = "Pictures are fitted into the whole square of --imgsz (letterbox); \
scores above 0.001, IoU 0.6, several classes a cell, at most 300 boxes.

Examples:
  ghostdet val data.yaml --weights best.safetensors
  ghostdet val instances_val2017.json --images val2017 --metric coco --json")]
pub struct Args {
    /// A YOLO data.yaml, a COCO .json, or a pack .bin
    data: PathBuf,
    #[command(flatten)]
    network: Network,
    /// The folder with a COCO file's pictures
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Whose average precision
    #[arg(long, value_enum, default_value = "yolo")]
    metric: Which,
    /// Size pictures are fitted into: N or HxW [default: the weights' own]
    #[arg(long, value_name = "N", value_parser = parse_size)]
    imgsz: Option<[usize; 2]>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let is_json = self.data.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
        if self.images.is_some() && !is_json {
            return Err(Error::new(ErrorKind::Argument, "--images is for COCO annotations (.json)")
                .at(self.data.display())
                .hint("leave it out: a data.yaml and a pack say where their pictures are"));
        }
        let detector = self.network.load()?;
        let mut data = Dataset::open(&self.data, self.images.as_deref())?;
        // By the set's own classes; the network's may be many more.
        let (contradictions, empty) = (data.contradictions(), data.is_without_labels());
        let warnings = data.warnings();
        warnings.iter().chain(&contradictions).for_each(|warning| eprintln!("warning: {warning}"));
        data.align(detector.names())?;
        data.warnings().iter().skip(warnings.len()).for_each(|warning| eprintln!("warning: {warning}"));
        if !empty && data.is_without_labels() {
            data.contradictions().iter().for_each(|text| eprintln!("warning: {text}"));
        }
        let metric = match self.metric {
            Which::Yolo => Metric::Yolo,
            Which::Coco => Metric::Coco,
        };
        let mut evaluator = Evaluator::new(detector.info().nc, metric).with_names(detector.names());
        let options = NmsOptions::validation();
        let predict =
            PredictOptions { imgsz: self.imgsz, auto: false, threshold: VAL_THRESHOLD, ..PredictOptions::default() };
        let (mut speed, mut done, mut failed) = (Speed::default(), 0.0, false);
        let bar = match std::io::stderr().is_terminal() && data.len() >= 10 {
            true => ProgressBar::new(data.len() as u64),
            false => ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()),
        };
        for index in 0..data.len() {
            let one = || -> Result<_> {
                let item = data.item(index)?;
                let image = Image::decode(&item.bytes).map_err(|error| error.at(&item.name))?;
                if let Some(text) = data.other_size(index, image.width, image.height) {
                    bar.suspend(|| eprintln!("warning: {text}"));
                }
                let predicted = detector.predict(&image, &predict)?;
                let start = std::time::Instant::now();
                let boxes = predicted.boxes(&options);
                let nms = predicted.speed.nms + start.elapsed().as_secs_f64() * 1e3;
                let size = (image.width, image.height);
                let truths: Vec<GroundTruth> = item.labels.iter().map(|label| label.truth(size.0, size.1)).collect();
                Ok((truths, boxes, Speed { nms, ..predicted.speed }))
            };
            match one() {
                Ok((truths, boxes, took)) => {
                    evaluator.add(&truths, &boxes);
                    speed.letterbox += took.letterbox;
                    speed.network += took.network;
                    speed.nms += took.nms;
                    done += 1.0;
                }
                Err(error) => {
                    failed = true;
                    bar.suspend(|| eprintln!("error: {error}"));
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        let mean = |sum: f64| if done > 0.0 { sum / done } else { 0.0 };
        let speed = Speed { letterbox: mean(speed.letterbox), network: mean(speed.network), nms: mean(speed.nms) };
        let report = evaluator.finish();
        match self.json {
            true => {
                let mut json = serde_json::to_value(&report).unwrap_or_default();
                Ran::on(detector.engine()).add_to(&mut json);
                json["speed"] = serde_json::to_value(speed).unwrap_or_default();
                print(json)?;
            }
            false => print_table(&report, &speed)?,
        }
        match data.left_out() {
            0 => {}
            1 => eprintln!("1 label was left out; it is named above"),
            count => eprintln!("{count} labels were left out, each named above"),
        }
        Ok(!failed)
    }
}

fn print_table(report: &Report, speed: &Speed) -> Result<()> {
    let Report { metric, images, labels, precision, recall, map50, map, classes, .. } = report;
    print(format!("{images} pictures, metric {metric}"))?;
    let numbers = ["labels", "precision", "recall", "mAP50", "mAP50-95"].map(Column::Number);
    let mut table = table::table(&[&[Column::Text("class")][..], &numbers].concat());
    let line = |name: &str, labels: usize, values: [f64; 4]| {
        [name.to_owned(), labels.to_string()].into_iter().chain(values.map(|value| format!("{value:.3}")))
    };
    table.add_row(line("all", *labels, [*precision, *recall, *map50, *map]));
    for class in classes {
        table.add_row(line(&class.name, class.labels, [class.precision, class.recall, class.map50, class.map]));
    }
    print(table.trim_fmt())?;
    let Speed { letterbox, network, nms } = speed;
    print(format!("per picture: letterbox {letterbox:.1} ms, network {network:.1} ms, NMS {nms:.1} ms"))
}
