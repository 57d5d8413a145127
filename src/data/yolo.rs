//! YOLO's `data.yaml`: folders or lists of pictures, a text file of labels for each.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Bounds, Dataset, Entry, Label, MAX_TEXT, Split, Warnings, io, number, read_text};
use crate::{Error, ErrorKind, Result};

const READ: [&str; 6] = ["jpg", "jpeg", "png", "webp", "bmp", "gif"];
const UNREAD: [&str; 5] = ["tif", "tiff", "dng", "mpo", "pfm"];
const MAX_CLASSES: usize = 100_000;

pub(super) fn open(path: &Path, split: Split) -> Result<Dataset> {
    let bad = |text: String| Error::new(ErrorKind::Data, text).at(path.display());
    let config: Value = serde_yaml::from_str(&read_text(path, MAX_TEXT)?)
        .map_err(|e| bad(e.to_string().lines().next().unwrap_or_default().to_owned()))?;
    let names = names(&config).map_err(bad)?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let root = match config.get("path").and_then(Value::as_str) {
        None => beside.to_owned(),
        Some(root) if !beside.join(root).exists() && Path::new(root).exists() => PathBuf::from(root),
        Some(root) => beside.join(root),
    };
    let sources: Vec<&str> = match config.get(split.to_string()) {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => {
            let what = match split {
                Split::Train => "train on",
                Split::Val => "validate on",
                Split::Test => "test on",
            };
            return Err(bad(format!("no {split} (the pictures to {what})")));
        }
    };
    let mut warnings = Warnings::default();
    let mut pictures = BTreeSet::new();
    for source in sources {
        let mut place = root.join(source);
        if let Some(rest) = source.strip_prefix("../")
            && !place.exists()
        {
            place = root.join(rest);
        }
        if place.is_dir() {
            walk(&place, &mut HashSet::new(), &mut pictures, &mut warnings)?;
        } else if place.is_file() {
            list(&place, &mut pictures, &mut warnings)?;
        } else {
            return Err(bad(format!("{split}: {} is not there", place.display()))
                .hint(format!("path and {split} are looked up from the folder of the YAML")));
        }
    }
    let mut entries = Vec::new();
    let mut unlabelled = 0;
    for file in pictures {
        let text = label_file(&file);
        let labels = if text.is_file() {
            match read_labels(&text, names.len()) {
                Ok(labels) => labels,
                Err(e) => {
                    warnings.push(format!("{e}; {} left out", file.display()));
                    continue;
                }
            }
        } else {
            unlabelled += 1;
            Vec::new()
        };
        entries.push(Entry { name: file.display().to_string(), file, part: None, labels, exhaustive: None });
    }
    if unlabelled > 0 && unlabelled == entries.len() {
        let first = label_file(&entries[0].file);
        warnings.push(format!("no labels at all: {} and the like are not there", first.display()));
    }
    Ok(Dataset { names, entries, warnings })
}

fn names(config: &Value) -> Result<Vec<String>, String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let nc = config.get("nc").and_then(Value::as_u64).filter(|n| *n <= MAX_CLASSES as u64);
    match config.get("names") {
        Some(Value::Array(list)) => Ok(list.iter().map(text).collect()),
        Some(Value::Object(map)) => {
            let mut names = BTreeMap::new();
            for (key, value) in map {
                let class = key.parse::<usize>().map_err(|_| format!("names: {key} is not a class number"))?;
                names.insert(class, text(value));
            }
            let count = names.last_key_value().map_or(0, |(last, _)| last + 1);
            if count > MAX_CLASSES {
                return Err(format!("names: more than {MAX_CLASSES} classes"));
            }
            Ok((0..count).map(|i| names.remove(&i).unwrap_or_else(|| format!("class{i}"))).collect())
        }
        _ => match nc {
            Some(nc) => Ok((0..nc).map(|i| format!("class{i}")).collect()),
            None => Err("neither names nor nc".to_owned()),
        },
    }
}

fn is_picture(path: &Path, warnings: &mut Warnings) -> bool {
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_ascii_lowercase();
    if UNREAD.contains(&ending.as_str()) {
        warnings.push(format!("{}: .{ending} pictures are not read; left out", path.display()));
    }
    READ.contains(&ending.as_str())
}

/// All pictures below a folder; each folder once, whatever links there are.
fn walk(
    folder: &Path,
    seen: &mut HashSet<PathBuf>,
    pictures: &mut BTreeSet<PathBuf>,
    warnings: &mut Warnings,
) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !seen.insert(folder.canonicalize().map_err(|e| io(&folder, e))?) {
            continue;
        }
        for found in std::fs::read_dir(&folder).map_err(|e| io(&folder, e))? {
            let path = found.map_err(|e| io(&folder, e))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_picture(&path, warnings) {
                pictures.insert(path);
            }
        }
    }
    Ok(())
}

/// The pictures a text file names, one a line; `./` stands for the file's own folder.
fn list(file: &Path, pictures: &mut BTreeSet<PathBuf>, warnings: &mut Warnings) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    for (i, line) in read_text(file, MAX_TEXT)?.lines().enumerate() {
        let name = line.trim();
        if name.is_empty() {
            continue;
        }
        let place = folder.join(name.strip_prefix("./").unwrap_or(name));
        let place = if place.is_file() || !Path::new(name).is_file() { place } else { PathBuf::from(name) };
        if !place.is_file() {
            warnings.push(format!("{}: line {}: {name} is not there; left out", file.display(), i + 1));
        } else if is_picture(&place, warnings) {
            pictures.insert(place);
        }
    }
    Ok(())
}

/// `…/images/a/b.jpg` has its labels in `…/labels/a/b.txt`: the last `images` folder counts.
fn label_file(picture: &Path) -> PathBuf {
    let parts: Vec<_> = picture.components().collect();
    let folders = parts.len().saturating_sub(1);
    let last = parts[..folders].iter().rposition(|c| c.as_os_str() == "images");
    let swapped: PathBuf = parts
        .iter()
        .enumerate()
        .map(|(i, c)| if Some(i) == last { Path::new("labels").as_os_str() } else { c.as_os_str() })
        .collect();
    swapped.with_extension("txt")
}

/// Lines of `class x y w h`, or `class x1 y1 x2 y2 x3 y3 …` for a polygon; equal lines count once.
fn read_labels(file: &Path, nc: usize) -> Result<Vec<Label>> {
    let mut labels: Vec<Label> = Vec::new();
    let mut seen = HashSet::new();
    for (i, line) in read_text(file, MAX_TEXT)?.lines().enumerate() {
        let bad = |what: String| Error::new(ErrorKind::Data, what).at(format!("{}: line {}", file.display(), i + 1));
        let mut values = Vec::new();
        for word in line.split_whitespace() {
            values.push(number(word).ok_or_else(|| bad(format!("{word:?} is not a number")))?);
        }
        let Some((&class, rest)) = values.split_first() else { continue };
        if class < 0.0 || class.fract() != 0.0 {
            return Err(bad(format!("{class} is not a class number")));
        }
        if class >= nc as f64 {
            return Err(bad(format!("class {class}, but there are only {nc} names")));
        }
        let bounds = match rest {
            &[x, y, w, h] => [x, y, w, h],
            points if points.len() >= 6 && points.len().is_multiple_of(2) => around(points),
            _ => {
                let text = format!("{} values; class x y w h, or a class and a polygon are wanted", values.len());
                return Err(bad(text));
            }
        };
        if let Some(v) = bounds.iter().chain(rest).find(|v| !(0.0..=1.0).contains(*v)) {
            return Err(bad(format!("{v} is not a fraction of the picture (0 to 1)")));
        }
        let class = class as usize;
        if seen.insert((class, bounds.map(f64::to_bits))) {
            labels.push(Label { class, bounds: Bounds::Fractions(bounds), area: None, crowd: false, score: 1.0 });
        }
    }
    Ok(labels)
}

/// The box around a polygon.
fn around(points: &[f64]) -> [f64; 4] {
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for (i, &v) in points.iter().enumerate() {
        low[i % 2] = low[i % 2].min(v);
        high[i % 2] = high[i % 2].max(v);
    }
    [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0, high[0] - low[0], high[1] - low[1]]
}
