//! `ghostdet train`.

mod recipe;

use crate::draw;
use crate::options::{io, parse_fraction, parse_side, read, read_config, read_text, write};
use clap::ValueEnum;
use ghostdet::data::{Dataset, Split};
use ghostdet::detector::{DetectOptions, DetectorOptions};
use ghostdet::image::Image;
use ghostdet::model::builtin_names;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, Error, ErrorKind, Result};
use ghostdet_train::device;
use ghostdet_train::hyp::Hyp;
use ghostdet_train::loader::Sampling;
use ghostdet_train::optimizer::{Frozen, Optimizer};
use ghostdet_train::run::{Event, Files, Options, Progress, run};
use ghostdet_train::schedule::{NOMINAL_BATCH, Schedule, Shape};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Pictures that are drawn at the end.
const SHOWN: usize = 8;

#[derive(Clone, Copy, ValueEnum)]
enum Device {
    Cpu,
    #[cfg(feature = "train-gpu")]
    Gpu,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rule {
    /// SGD with Nesterov's momentum
    Sgd,
    /// AdamW
    Adamw,
    /// Muon for kernels of dense convolutions, AdamW for the rest
    Muon,
}

impl From<Rule> for Optimizer {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Sgd => Self::Sgd,
            Rule::Adamw => Self::AdamW,
            Rule::Muon => Self::Muon,
        }
    }
}

/// Train a network, from scratch or from weights
#[derive(Clone, clap::Args)]
#[command(
    after_help = "The network, the schedule and the augmentation are YOLOv5's; --hyp takes its hyperparameter files. \
Ctrl-C stops after the batch at work; the same command with --resume goes on where it was. In --out: last.safetensors, \
best.safetensors, results.csv and curves as SVG.

Examples:
  ghostdet train --data data.yaml --cfg yolov5n-ghost-backbone --epochs 100
  ghostdet train --data data.yaml --weights yolov5n-ghost-backbone.safetensors --epochs 30 --freeze 10
  ghostdet train --data train.bin --val val.bin --imgsz 320 --batch 16
  ghostdet train --data data.yaml --out runs/mine --resume"
)]
pub struct Args {
    /// A YOLO data.yaml, a COCO .json, or a pack .bin; several packs are joined
    #[arg(long, required_unless_present = "recipe", num_args = 1.., value_name = "DATA")]
    data: Vec<PathBuf>,
    /// The folder with a COCO file's pictures
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// What to measure on [default: the data.yaml's own val pictures]
    #[arg(long, value_name = "DATA")]
    val: Option<PathBuf>,
    /// The folder with the pictures of a COCO file given as --val
    #[arg(long, value_name = "DIR")]
    val_images: Option<PathBuf>,
    /// Measure nothing on the way
    #[arg(long, conflicts_with = "val")]
    noval: bool,
    /// The network: a YAML or a built-in name [default: the weights' own, else yolov5n-ghost-backbone]
    #[arg(long, value_name = "YAML")]
    cfg: Option<String>,
    /// Weights to begin with: .safetensors or PyTorch .pt, of other classes too
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Rounds over all pictures [default: 100]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Pictures a batch [default: 16]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Gradients of smaller batches are summed up to this one, which the learning rate is meant for [default: 64; the
    /// batch where weights learn on with their own classes]
    #[arg(long, value_name = "N")]
    nominal_batch: Option<usize>,
    /// Side of the pictures [default: the weights' own, else 640]
    #[arg(long, value_name = "N", value_parser = parse_side)]
    imgsz: Option<usize>,
    /// Every batch draws its side from these
    #[arg(long, num_args = 1.., value_name = "N", value_parser = parse_side)]
    sizes: Vec<usize>,
    /// Where results go
    #[arg(long, default_value = "runs/train", value_name = "DIR")]
    out: PathBuf,
    /// Go on with the training that was stopped in --out
    #[arg(long)]
    resume: bool,
    /// A YAML with these options by their names, and hyperparameters under hyp; options given here go first
    #[arg(long, value_name = "YAML")]
    recipe: Option<PathBuf>,
    /// A YAML of hyperparameters, with the reference's names
    #[arg(long, value_name = "YAML")]
    hyp: Option<PathBuf>,
    /// First learning rate [default: the hyperparameters' lr0: 0.01, or 0.0004 where weights learn on with their own classes]
    #[arg(long, value_name = "RATE")]
    lr: Option<f32>,
    /// Let the learning rate fall in a cosine
    #[arg(long)]
    cos_lr: bool,
    /// Keep the weights of the first N rows (10 is the backbone)
    #[arg(long, default_value_t = 0, value_name = "N")]
    freeze: usize,
    /// End after so many epochs without a better result; 0 for never
    #[arg(long, default_value_t = 100, value_name = "N")]
    patience: usize,
    /// A network to learn from beside the labels: the same anchors, strides and classes
    #[arg(long, value_name = "FILE")]
    teacher: Option<PathBuf>,
    /// The weight of the distillation loss; the labels' loss has the rest
    #[arg(long, default_value_t = 0.5, value_name = "PART", value_parser = parse_fraction)]
    distill_weight: f64,
    /// Do without mosaic in the last N epochs [default: a tenth of the epochs]
    #[arg(long, value_name = "N")]
    close_mosaic: Option<usize>,
    /// Keep the running statistics of batch norms
    #[arg(long)]
    freeze_bn: bool,
    /// What makes the steps [default: the hyperparameters' optimizer: sgd, or muon where weights learn on with their own
    /// classes]
    #[arg(long, value_enum, value_name = "RULE")]
    optimizer: Option<Rule>,
    /// Pictures an epoch, drawn at random [default: all of them]
    #[arg(long, value_name = "N")]
    epoch_images: Option<usize>,
    /// Take pictures of classes that fewer than this part of the pictures have more often
    #[arg(long, value_name = "PART", value_parser = parse_fraction)]
    repeat_rare: Option<f64>,
    /// Keep the anchors, however badly they fit
    #[arg(long)]
    noautoanchor: bool,
    /// Decides over everything left to chance
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Threads that prepare pictures [default: one a core, at most 8]
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    /// Where the network runs
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let mut args = self.clone();
        let mut hyp = Map::new();
        if let Some(path) = &self.recipe {
            let recipe = recipe::load(path)?;
            recipe::fill(&mut args, &recipe);
            hyp = recipe.hyp;
        }
        args.train(hyp)
    }

    fn train(&self, hyp: Map<String, Value>) -> Result<bool> {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let handler = ctrlc::set_handler(move || {
            if asked.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            eprintln!("\nstops after this batch; once more to end at once");
        });
        handler.map_err(|error| Error::new(ErrorKind::Io, format!("Ctrl-C can't be watched: {error}")))?;
        let options = self.options(hyp)?;
        let shown = options.val.clone();
        let mut screen = Screen::new();
        let outcome = run(options, &stop, &mut |event| screen.show(&event));
        screen.bar.finish_and_clear();
        let outcome = outcome?;
        let files = Files::inside(&self.out);
        if outcome.stopped {
            eprintln!("stopped in epoch {}; --resume goes on", outcome.epochs + 1);
            return Ok(false);
        }
        if let Some(data) = shown {
            show_some(&data, &files.best, &self.out.join("pictures"))?;
        }
        if let Some((_, epoch)) = outcome.best {
            eprintln!("{} epochs; the best was {}: {}", outcome.epochs, epoch + 1, files.best.display());
        }
        Ok(true)
    }

    fn options(&self, recipe: Map<String, Value>) -> Result<Options> {
        let weights = match &self.weights {
            Some(path) => Some(Checkpoint::load(&read(path)?).map_err(|error| error.at(path.display()))?),
            None => None,
        };
        let config = match (&self.cfg, weights.as_ref().and_then(|weights| weights.yaml.as_deref())) {
            (Some(name), _) => read_config(name)?,
            (None, Some(yaml)) => ghostdet::model::Config::parse(yaml)?,
            (None, None) if weights.is_none() => read_config("yolov5n-ghost-backbone")?,
            (None, None) => {
                return Err(Error::new(ErrorKind::Argument, "the weights hold no configuration")
                    .hint(format!("name one with --cfg: a YAML, or one of {}", builtin_names().join(", "))));
            }
        };
        let (data, val) = self.datasets()?;
        let learns_on = weights.as_ref().is_some_and(|weights| weights.names == data.names());
        let base = match &weights {
            Some(_) if learns_on => Hyp::fine_tuning(),
            Some(_) => Hyp::new_classes(),
            None => Hyp::default(),
        };
        let base = base.with_values(recipe)?;
        let mut hyp = match &self.hyp {
            Some(path) => {
                let text = read_text(path)?;
                for told in Hyp::without_effect(&text) {
                    eprintln!("warning: {}: {told}", path.display());
                }
                base.with(&text).map_err(|error| error.at(path.display()))?
            }
            None => base,
        };
        let epochs = self.epochs.unwrap_or(100);
        let batch = self.batch.unwrap_or(16);
        hyp.lr0 = self.lr.unwrap_or(hyp.lr0);
        hyp.optimizer = self.optimizer.map_or(hyp.optimizer, Optimizer::from);
        hyp.repeat_rare = self.repeat_rare.map_or(hyp.repeat_rare, |part| part as f32);
        hyp.freeze_bn |= self.freeze_bn;
        let schedule = Schedule {
            nominal: self.nominal_batch.unwrap_or(if learns_on { batch } else { NOMINAL_BATCH }).max(1),
            shape: if self.cos_lr { Shape::Cosine } else { Shape::Linear },
            ..hyp.schedule(epochs, batch)
        };
        check_numbers(self, &schedule)?;
        let teacher = match &self.teacher {
            Some(path) => {
                Some((Detector::load(&read(path)?, &DetectorOptions::default())?, self.distill_weight as f32))
            }
            None => None,
        };
        let imgsz = self.imgsz.or(weights.as_ref().and_then(|weights| weights.imgsz)).unwrap_or(640);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let defaults = Options::new(config, data, &hyp, epochs, schedule.batch);
        Ok(Options {
            weights,
            val,
            out: self.out.clone(),
            imgsz,
            sizes: self.sizes.clone(),
            schedule,
            close_mosaic: self.close_mosaic.unwrap_or(defaults.close_mosaic),
            frozen: Frozen::rows(self.freeze),
            patience: self.patience,
            autoanchor: !self.noautoanchor,
            teacher,
            seed: self.seed,
            workers: self.workers.unwrap_or(cores.min(8)).max(1),
            sampling: Sampling { pictures: self.epoch_images, ..defaults.sampling },
            device: self.device()?,
            resume: self.resume,
            ..defaults
        })
    }

    fn datasets(&self) -> Result<(Dataset, Option<Dataset>)> {
        let open = |path: &Path, images: Option<&Path>, split| -> Result<Dataset> {
            let data = Dataset::open_split(path, images, split)?;
            data.warnings().iter().for_each(|warning| eprintln!("warning: {warning}"));
            Ok(data)
        };
        let parts = self.data.iter().map(|path| open(path, self.images.as_deref(), Split::Train));
        let data = Dataset::join(parts.collect::<Result<Vec<_>>>()?)?;
        let yaml = |path: &Path| {
            let ending =
                |ending: &std::ffi::OsStr| ["yaml", "yml"].iter().any(|yaml| ending.eq_ignore_ascii_case(yaml));
            path.extension().is_some_and(ending)
        };
        let val = match (&self.val, &self.data[..]) {
            _ if self.noval => None,
            (Some(path), _) => Some(open(path, self.val_images.as_deref().or(self.images.as_deref()), Split::Val)?),
            (None, [path]) if yaml(path) => Some(open(path, None, Split::Val)?),
            _ => {
                eprintln!("warning: nothing to measure on (--val): the last weights will be the best");
                None
            }
        };
        data.contradictions().iter().for_each(|text| eprintln!("warning: to train on: {text}"));
        let val = match val {
            Some(mut val) => {
                val.align(data.names())?;
                val.contradictions().iter().for_each(|text| eprintln!("warning: to measure on: {text}"));
                let (shared, first) = val.pictures_shared_with(&data);
                if shared > 0 {
                    let (all, first) = (val.len(), first.join(", "));
                    eprintln!("warning: {shared} of {all} pictures to measure on are trained on, too: {first}");
                }
                Some(val)
            }
            None => None,
        };
        Ok((data, val))
    }

    fn device(&self) -> Result<device::Device> {
        match self.device {
            Device::Cpu => Ok(device::cpu()),
            #[cfg(feature = "train-gpu")]
            Device::Gpu => Ok(pollster::block_on(ghostdet_burn::BurnGpu::open())?.device),
        }
    }
}

/// Draws what the trained network finds in a few pictures it was measured on.
fn show_some(data: &Dataset, weights: &Path, folder: &Path) -> Result<()> {
    let detector = Detector::load(&read(weights)?, &DetectorOptions::default())?;
    std::fs::create_dir_all(folder).map_err(|error| io(folder.display(), "can't be made", &error))?;
    for (place, index) in (0..SHOWN.min(data.len())).map(|place| (place, place * data.len() / SHOWN.min(data.len()))) {
        let Ok(image) = data.item(index).and_then(|item| Image::decode(&item.bytes)) else { continue };
        let found = detector.detect(&image, &DetectOptions::default())?.detections;
        let annotated = draw::annotate(&image, &found, detector.names());
        write(&folder.join(format!("{place}.jpg")), &draw::encode_jpeg(&annotated)?)?;
    }
    Ok(())
}

fn check_numbers(args: &Args, schedule: &Schedule) -> Result<()> {
    let wrong = |what: &str| Err(Error::new(ErrorKind::Argument, what.to_owned()));
    match args {
        _ if schedule.epochs == 0 => wrong("--epochs must be at least 1"),
        _ if schedule.batch == 0 || schedule.batch > 4096 => wrong("--batch must be 1 to 4096"),
        _ if args.epoch_images == Some(0) => wrong("--epoch-images must be at least 1"),
        _ if !(schedule.lr0.is_finite() && schedule.lr0 > 0.0) => wrong("--lr must be above 0"),
        _ => Ok(()),
    }
}

/// What is shown while it runs: a bar on a terminal, a line an epoch everywhere.
struct Screen {
    bar: ProgressBar,
}

impl Screen {
    fn new() -> Self {
        let target = match std::io::stderr().is_terminal() {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Note(text) => self.say(text),
            Event::Batch(progress) => self.batch(progress),
            Event::Validating(done, all) => {
                self.bar.set_prefix("measuring");
                self.bar.set_length(*all as u64);
                self.bar.set_position(*done as u64);
                self.bar.set_message("");
            }
            Event::Epoch(row, _) => {
                let [box_loss, obj, cls] = row.losses;
                let mut line = format!(
                    "epoch {:>4}  box {box_loss:.4}  obj {obj:.4}  cls {cls:.4}  {:>6.1} s",
                    row.epoch + 1,
                    row.seconds
                );
                if let Some([precision, recall, map50, map]) = row.metrics {
                    line += &format!("  P {precision:.3}  R {recall:.3}  mAP50 {map50:.3}  mAP50-95 {map:.3}");
                }
                self.say(&line);
            }
        }
    }

    fn batch(&self, progress: &Progress) {
        let Progress { epoch, epochs, batch, batches, parts: [box_loss, obj, cls], rate, remaining } = progress;
        self.bar.set_prefix(format!("{}/{epochs}", epoch + 1));
        self.bar.set_length(*batches as u64);
        self.bar.set_position(*batch as u64);
        let left = HumanDuration(*remaining);
        self.bar.set_message(format!("box {box_loss:.4} obj {obj:.4} cls {cls:.4}  {rate:.1} img/s  {left:#} left"));
    }
}
