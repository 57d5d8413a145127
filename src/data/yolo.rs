//! YOLO's `data.yaml`: folders or lists of pictures, a text file of labels for each.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::find::{Finder, is_windows};
use super::{
    Bounds, Dataset, Entry, Label, MAX_TEXT, PictureKind, Split, Warnings, io, is_passed_over, number, picture_kind,
    read_text,
};
use crate::{Error, ErrorKind, Result};

const MAX_CLASSES: usize = 100_000;

pub(super) fn open(path: &Path, split: Split) -> Result<Dataset> {
    let bad = |text: String| Error::new(ErrorKind::Data, text).at(path.display());
    let config: Value = serde_yaml::from_str(&read_text(path, MAX_TEXT)?)
        .map_err(|e| bad(e.to_string().lines().next().unwrap_or_default().to_owned()))?;
    let mut warnings = Warnings::default();
    let mut odd = Vec::new();
    let names = names(&config, &mut odd).map_err(bad)?;
    odd.into_iter().for_each(|text| warnings.push(format!("{}: {text}", path.display())));
    let mut finder = Finder::default();
    let beside = path.parent().unwrap_or(Path::new(""));
    let root = match config.get("path").and_then(Value::as_str).map(str::trim) {
        None | Some("") => beside.to_owned(),
        Some(root) => match finder.find(beside, root) {
            Some(found) => found,
            None if Path::new(root).exists() => PathBuf::from(root),
            // A folder of another computer: what it holds may be beside the file.
            None if is_windows(root) || Path::new(root).is_absolute() => {
                warnings.push(format!("{}: path: {root} is not there; looked beside the file", path.display()));
                beside.to_owned()
            }
            None => beside.join(root),
        },
    };
    let named = |split: Split| -> Vec<&str> {
        match config.get(split.to_string()) {
            Some(Value::String(one)) => vec![one.trim()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(str::trim).collect(),
            _ => Vec::new(),
        }
    };
    let sources = named(split);
    if sources.is_empty() {
        let what = match split {
            Split::Train => "train on",
            Split::Val => "validate on",
            Split::Test => "test on",
        };
        return Err(bad(format!("no {split} (the pictures to {what})")));
    }
    if split == Split::Val && sources == named(Split::Train) {
        let text = "train and val are the same: what is measured was trained on";
        warnings.push(format!("{}: {text}", path.display()));
    }
    let mut pictures = BTreeSet::new();
    for source in sources {
        let mut place = finder.find(&root, source).unwrap_or_else(|| root.join(source));
        if let Some(rest) = source.strip_prefix("../")
            && !place.exists()
        {
            place = finder.find(&root, rest).unwrap_or_else(|| root.join(rest));
        }
        if place.is_dir() {
            walk(&place, &mut HashSet::new(), &mut pictures, &mut warnings)?;
        } else if place.is_file() {
            list(&place, &root, &mut finder, &mut pictures, &mut warnings)?;
        } else {
            let hint = match is_windows(source) {
                true => {
                    "a path of Windows; write it with / and without a drive, from the folder of the YAML".to_owned()
                }
                false => format!("path and {split} are looked up from the folder of the YAML"),
            };
            return Err(bad(format!("{split}: {} is not there", place.display())).hint(hint));
        }
    }
    let mut entries = Vec::new();
    let mut unlabelled = 0;
    for file in pictures {
        let text = label_file(&file);
        let text = match text.is_file() {
            true => text,
            false => other_case(&text, &mut finder).unwrap_or(text),
        };
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

/// Class names. What contradicts itself goes to `odd`.
fn names(config: &Value, odd: &mut Vec<String>) -> Result<Vec<String>, String> {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), |name| name.trim().to_owned());
    let nc = config.get("nc").and_then(|nc| nc.as_u64().or_else(|| nc.as_str()?.trim().parse().ok()));
    let nc = nc.filter(|n| *n <= MAX_CLASSES as u64);
    let names: Vec<String> = match config.get("names") {
        Some(Value::Array(list)) => list.iter().map(text).collect(),
        Some(Value::Object(map)) => {
            let mut names = BTreeMap::new();
            for (key, value) in map {
                let class = key.trim().parse::<usize>().map_err(|_| format!("names: {key} is not a class number"))?;
                names.insert(class, text(value));
            }
            let count = names.last_key_value().map_or(0, |(last, _)| last + 1);
            if count > MAX_CLASSES {
                return Err(format!("names: more than {MAX_CLASSES} classes"));
            }
            let gaps: Vec<String> = (0..count).filter(|i| !names.contains_key(i)).map(|i| i.to_string()).collect();
            match gaps.as_slice() {
                [] => {}
                [one] => odd.push(format!("names: class {one} has no name; it is called class{one}")),
                [first, ..] => {
                    let listed = gaps.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
                    odd.push(format!("names: classes {listed} have no names; they are called class{first} and so on"));
                }
            }
            (0..count).map(|i| names.remove(&i).unwrap_or_else(|| format!("class{i}"))).collect()
        }
        Some(Value::String(one)) if one.contains(',') => one.split(',').map(|name| name.trim().to_owned()).collect(),
        _ => match nc {
            Some(nc) => (0..nc).map(|i| format!("class{i}")).collect(),
            None => return Err("neither names nor nc".to_owned()),
        },
    };
    if let Some(nc) = nc.filter(|nc| *nc != names.len() as u64) {
        odd.push(format!("nc is {nc}, but there are {} names; the names count", names.len()));
    }
    let mut seen = HashSet::new();
    for name in names.iter().filter(|name| !seen.insert(name.as_str())) {
        odd.push(format!("names: {name} occurs twice"));
    }
    Ok(names)
}

fn is_picture(path: &Path, warnings: &mut Warnings) -> bool {
    if let PictureKind::Unread(name) = picture_kind(path) {
        warnings.push(format!("{}: {name} pictures are not read; left out", path.display()));
    }
    picture_kind(path) == PictureKind::Read
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
            if is_passed_over(&path) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if is_picture(&path, warnings) {
                pictures.insert(path);
            }
        }
    }
    Ok(())
}

/// The pictures a text file names, one a line, from the file's own folder, else from `root`.
fn list(
    file: &Path,
    root: &Path,
    finder: &mut Finder,
    pictures: &mut BTreeSet<PathBuf>,
    warnings: &mut Warnings,
) -> Result<()> {
    let folder = file.parent().unwrap_or(Path::new(""));
    for (i, line) in read_text(file, MAX_TEXT)?.lines().enumerate() {
        let name = line.trim();
        if name.is_empty() {
            continue;
        }
        let plain = name.strip_prefix("./").or_else(|| name.strip_prefix(".\\")).unwrap_or(name);
        let found = Some(PathBuf::from(name)).filter(|path| path.is_absolute() && path.is_file());
        let found = found.or_else(|| finder.find(folder, plain)).filter(|path| path.is_file());
        let found = found.or_else(|| Some(PathBuf::from(name)).filter(|path| path.is_file()));
        let found = found.or_else(|| finder.find(root, plain).filter(|path| path.is_file()));
        match found {
            Some(place) if is_picture(&place, warnings) => {
                pictures.insert(place);
            }
            Some(place) => {
                if picture_kind(&place) == PictureKind::Other {
                    let place = format!("{}: line {}", file.display(), i + 1);
                    warnings.push(format!("{place}: {name} has no picture's ending; left out"));
                }
            }
            None => {
                let hint = if is_windows(name) { " (a path of Windows: write it with / from this folder)" } else { "" };
                warnings.push(format!("{}: line {}: {name} is not there{hint}; left out", file.display(), i + 1));
            }
        }
    }
    Ok(())
}

/// A file beside, in another letter case (`a.TXT`).
fn other_case(file: &Path, finder: &mut Finder) -> Option<PathBuf> {
    let folder = file.parent()?;
    finder.find(folder, file.file_name()?.to_str()?).filter(|found| found.is_file())
}

/// `…/images/a/b.jpg` has its labels in `…/labels/a/b.txt`: the last `images` folder counts.
fn label_file(picture: &Path) -> PathBuf {
    let parts: Vec<_> = picture.components().collect();
    let folders = parts.len().saturating_sub(1);
    let last = parts[..folders].iter().rposition(|c| c.as_os_str().eq_ignore_ascii_case("images"));
    // `Images` has its labels in `Labels`, where there is one.
    let swapped = |labels: &str| -> PathBuf {
        let part = |(i, c): (usize, &Component<'_>)| match Some(i) == last {
            true => PathBuf::from(labels),
            false => PathBuf::from(c.as_os_str()),
        };
        parts.iter().enumerate().map(part).collect::<PathBuf>().with_extension("txt")
    };
    let (usual, capital) = (swapped("labels"), swapped("Labels"));
    let is_images = last.is_some_and(|i| parts[i].as_os_str() == "images");
    let has_folder = |file: &Path| file.parent().is_some_and(Path::is_dir);
    if !is_images && !has_folder(&usual) && has_folder(&capital) { capital } else { usual }
}

/// Lines of `class x y w h`, or `class x1 y1 x2 y2 x3 y3 …` for a polygon; equal lines count once.
fn read_labels(file: &Path, nc: usize) -> Result<Vec<Label>> {
    let mut labels: Vec<Label> = Vec::new();
    let mut seen = HashSet::new();
    for (i, line) in read_text(file, MAX_TEXT)?.lines().enumerate() {
        let bad = |what: String| Error::new(ErrorKind::Data, what).at(format!("{}: line {}", file.display(), i + 1));
        let mut values = Vec::new();
        for word in line.split_whitespace() {
            values.push(number(word).ok_or_else(|| bad(not_a_number(word)))?);
        }
        let Some((&class, rest)) = values.split_first() else { continue };
        if class < 0.0 || class.fract() != 0.0 {
            return Err(bad(format!("{class} is not a class number")));
        }
        if class >= nc as f64 {
            let coco = if nc == 80 && class <= 90.0 { "; are these COCO's ids, 1 to 90?" } else { "" };
            let last = nc.saturating_sub(1);
            return Err(bad(format!("class {class}, but there are only {nc} names (0 to {last}){coco}")));
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
            let pixels =
                if *v > 2.0 { "; are these pixels? Divide them by the picture's width and height" } else { "" };
            return Err(bad(format!("{v} is not a fraction of the picture (0 to 1){pixels}")));
        }
        let class = class as usize;
        if seen.insert((class, bounds.map(f64::to_bits))) {
            labels.push(Label { class, bounds: Bounds::Fractions(bounds), area: None, crowd: false, score: 1.0 });
        }
    }
    Ok(labels)
}

/// What is wrong with a word where a number should be, and what is wanted.
fn not_a_number(word: &str) -> String {
    let why = match word {
        _ if word.contains(',') && word.split(',').all(|part| part.is_empty() || number(part).is_some()) => {
            ": wanted are blanks between numbers, and points in them, not commas"
        }
        _ if word.contains([';', ':']) => ": wanted are blanks between numbers",
        _ if word.starts_with(|c: char| c.is_alphabetic()) && word.parse::<f64>().is_err() => {
            ": wanted is a class number, not a name"
        }
        _ => "",
    };
    format!("{word:?} is not a number{why}; a line is class x y w h, as in `0 0.5 0.5 0.2 0.3`")
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
