//! What several commands share: weights, device, configurations, reading and printing.

use crate::device::{self, DeviceParser};
use clap::Args;
use ghostdet::detector::DetectorOptions;
use ghostdet::engine::Device;
use ghostdet::model::{Config, builtin, builtin_names, size_multiples, size_of_name};
use ghostdet::{Detector, Error, ErrorKind, Result, text};
use std::fmt::Display;
use std::io::{ErrorKind as Kind, Read, Write};
use std::path::{Path, PathBuf};

const DEFAULT_WEIGHTS: &[u8] = include_bytes!("../../../weights/yolov5n-ghost-backbone.safetensors");

/// No file larger than this is read.
const MAX_FILE: u64 = 2 << 30;

/// Which network, and where it runs.
#[derive(Args)]
pub struct Network {
    /// Weights: .safetensors or PyTorch .pt [default: yolov5n-ghost-backbone, built in]
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// The YAML the weights were trained with, where the file does not hold it: a file or a built-in name
    #[arg(long, value_name = "YAML")]
    pub config: Option<String>,
    /// The device: gpu is Vulkan, Metal or DirectX (a build with `--features gpu`); gpu/burn-ops runs Burn's own operations
    /// there in place of the fused shaders
    #[arg(long, value_parser = DeviceParser, default_value = "auto")]
    pub device: Device,
}

impl Network {
    /// Loads it onto its device.
    pub fn load(&self) -> Result<Detector> {
        let options = DetectorOptions {
            config: self.config.as_deref().map(read_config).transpose()?,
            precision: self.device.precision(),
            ..DetectorOptions::default()
        };
        let file = self.weights.as_deref().map(read).transpose()?;
        let bytes = file.as_deref().unwrap_or(DEFAULT_WEIGHTS);
        let mut detector = Detector::load(bytes, &options).map_err(|error| match &self.weights {
            Some(path) => error.at(path.display()),
            None => error,
        })?;
        detector.notes().iter().for_each(|note| eprintln!("note: {note}"));
        device::select(&mut detector, &self.device, bytes)?;
        Ok(detector)
    }
}

/// A picture size: `640`, or height and width `384x640`.
pub fn parse_size(text: &str) -> Result<[usize; 2], String> {
    let side = |side: &str| match side.parse::<usize>() {
        Ok(side) if (1..=4096).contains(&side) => Ok(side),
        _ => Err(format!("{side:?} is not a size from 1 to 4096")),
    };
    match text.split_once(['x', 'X']) {
        Some((height, width)) => Ok([side(height)?, side(width)?]),
        None => Ok([side(text)?; 2]),
    }
}

/// A side of a square picture.
pub fn parse_side(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(side) if (1..=4096).contains(&side) => Ok(side),
        _ => Err("a size from 1 to 4096 is needed".into()),
    }
}

/// A threshold from 0 to 1.
pub fn parse_fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err("a number from 0 to 1 is needed".into()),
    }
}

/// A configuration: a file, a file's name with a size letter added (`yolov5s-ghost.yaml` beside `yolov5-ghost.yaml`),
/// or a built-in name.
pub fn read_config(name: &str) -> Result<Config> {
    let path = Path::new(name);
    if path.is_file() {
        return parse(path);
    }
    if let Some((base, letter)) = size_of_name(name)
        && let Some((depth, width)) = size_multiples(letter)
        && Path::new(&base).is_file()
    {
        return parse(Path::new(&base))?.with_multiples(depth, width);
    }
    builtin(name).ok_or_else(|| {
        let known = builtin_names().join(", ");
        Error::new(ErrorKind::Config, "neither a file nor a built-in configuration")
            .at(name)
            .hint(format!("built in are {known}"))
    })
}

fn parse(path: &Path) -> Result<Config> {
    Config::parse(&read_text(path)?).map_err(|error| error.at(path.display()))
}

/// Reads a file, at most 2 GiB.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let file = std::fs::File::open(path).map_err(|error| io(path.display(), "can't be read", &error))?;
    read_from(file, path.display())
}

/// Reads a text file, whatever its encoding.
pub fn read_text(path: &Path) -> Result<String> {
    text::decode(read(path)?).map_err(|error| error.at(path.display()))
}

/// Reads everything from a stream, at most 2 GiB.
pub fn read_from(stream: impl Read, name: impl Display) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = stream.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|error| io(&name, "can't be read", &error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::new(ErrorKind::Io, "larger than 2 GiB").at(name));
    }
    Ok(bytes)
}

/// Writes a file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| io(path.display(), "can't be written", &error))
}

/// An input or output error at `place`.
pub fn io(place: impl Display, what: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{what}: {error}")).at(place)
}

/// Prints text and a line's end to stdout. Who closes the pipe has read enough: the program ends quietly.
pub fn print(text: impl Display) -> Result<()> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == Kind::BrokenPipe => std::process::exit(0),
        other => other.map_err(|error| io("stdout", "can't be written", &error)),
    }
}
