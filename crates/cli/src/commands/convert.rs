//! `ghostdet convert`.

use crate::options::{parse_side, print, read, read_config, read_text, write};
use clap::ValueEnum;
use ghostdet::detector::DetectorOptions;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, Error, ErrorKind, Result};
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    Yes,
    No,
}

/// Convert a checkpoint (.pt, .safetensors) to our .safetensors
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ghostdet convert best.pt best.safetensors --half
  ghostdet convert best.pt best.safetensors --unfold yes
  ghostdet convert small.pt small.safetensors --imgsz 320")]
pub struct Args {
    /// The checkpoint
    input: PathBuf,
    /// The file to write
    output: PathBuf,
    /// Write fp16
    #[arg(long)]
    half: bool,
    /// `yes` leaves batch norm as it is in the file, `no` folds it
    #[arg(long, value_enum, default_value = "no")]
    unfold: Choice,
    /// The YAML the weights were trained with, where the file does not hold it
    #[arg(long, value_name = "YAML")]
    config: Option<String>,
    /// The picture size it is for [default: the file's own]
    #[arg(long, value_name = "N", value_parser = parse_side)]
    imgsz: Option<usize>,
    /// A model card to put into the file: JSON of your own
    #[arg(long, value_name = "JSON")]
    card: Option<PathBuf>,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let place = self.input.display();
        let mut checkpoint = Checkpoint::load(&read(&self.input)?).map_err(|error| error.at(&place))?;
        let config = self.config.as_deref().map(read_config).transpose()?;
        let options = DetectorOptions { config, ..DetectorOptions::default() };
        checkpoint.imgsz = self.imgsz.or(checkpoint.imgsz);
        if let Some(path) = &self.card {
            let card = serde_json::from_str(&read_text(path)?)
                .map_err(|error| Error::new(ErrorKind::Argument, format!("not JSON: {error}")).at(path.display()))?;
            checkpoint.card = Some(card);
        }
        // What doesn't fit its network is not written.
        let detector = Detector::from_checkpoint(checkpoint.clone(), &options).map_err(|error| error.at(&place))?;
        checkpoint.keep_owned(detector.graph())?;
        checkpoint.notes.iter().for_each(|note| eprintln!("note: {note}"));
        if options.config.is_some() || checkpoint.yaml.is_none() {
            checkpoint.yaml = Some(detector.config().to_yaml());
        }
        if self.unfold == Choice::No {
            checkpoint.fold()?;
        }
        let bytes = checkpoint.to_safetensors(self.half)?;
        write(&self.output, &bytes)?;
        let precision = if self.half { "fp16" } else { "fp32" };
        let (architecture, folded) = (&detector.info().architecture, checkpoint.folded);
        let state = if folded { "batch norm folded" } else { "batch norm kept" };
        print(format!("{}: {architecture}, {precision}, {state}, {} bytes", self.output.display(), bytes.len()))?;
        Ok(true)
    }
}
