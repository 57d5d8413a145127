//! YOLO's `data.yaml`: folders or lists of pictures, a text file of labels for each.

use std::collections::{BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::find::{Finder, is_windows};
use super::labels::read_labels;
use super::names::class_names;
use super::{Dataset, Entry, MAX_TEXT, PictureKind, Split, Warnings, io, is_passed_over, picture_kind, read_text};
use crate::{Error, ErrorKind, Result, text};

pub(super) fn open(path: &Path, split: Split) -> Result<Dataset> {
    let bad = |text: String| Error::new(ErrorKind::Data, text).at(path.display());
    let config: Value = text::parse_yaml(&read_text(path, MAX_TEXT)?).map_err(|error| error.at(path.display()))?;
    if !config.is_object() {
        let what = if config.is_null() { "the file is empty" } else { "this is no list of settings" };
        return Err(bad(what.to_owned()).hint("a data.yaml has train, val and names"));
    }
    let mut warnings = Warnings::default();
    let mut odd = Vec::new();
    let names = class_names(&config, &mut odd).map_err(bad)?;
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
        let hint = match config.get("backbone") {
            Some(_) => "this looks like a model's YAML; give the data.yaml of a data set".to_owned(),
            None => format!("add a line: {split}: images/{split}"),
        };
        return Err(bad(format!("{split}, the pictures to {what}, is missing")).hint(hint));
    }
    if split == Split::Val {
        let places = |sources: &[&str], finder: &mut Finder| -> BTreeSet<PathBuf> {
            let place = |source: &&str| place(finder, &root, source);
            sources.iter().map(place).map(|place| place.canonicalize().unwrap_or(place)).collect()
        };
        let train = places(&named(Split::Train), &mut finder);
        if train == places(&sources, &mut finder) {
            let text = "train and val are the same: what is measured was trained on";
            warnings.push(format!("{}: {text}", path.display()));
        }
    }
    let mut pictures = BTreeSet::new();
    for source in sources {
        let place = place(&mut finder, &root, source);
        if place.is_dir() {
            walk(&place, &mut HashSet::new(), &mut pictures, &mut warnings)?;
        } else if place.is_file() && picture_kind(&place) == PictureKind::Read {
            pictures.insert(place);
        } else if place.is_file() {
            list(&place, &root, &mut finder, &mut pictures, &mut warnings)?;
        } else {
            let hint = if source.contains("://") {
                "an address; download the data set, and name its folder".to_owned()
            } else if is_windows(source) {
                "a path of Windows; write it with / and without a drive, from the folder of the YAML".to_owned()
            } else {
                format!("path is looked up from the folder of the YAML, {split} from path")
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
            false => other_case(&text, &mut finder).or_else(|| label_beside(&file)).unwrap_or(text),
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
        entries.push(Entry {
            name: file.display().to_string(),
            file,
            part: None,
            labels,
            exhaustive: None,
            size: None,
        });
    }
    if unlabelled > 0 && unlabelled == entries.len() {
        let first = label_file(&entries[0].file);
        warnings.push(format!("no labels at all: {} and the like are not there", first.display()));
    }
    Ok(Dataset { names, unnamed: false, entries, warnings })
}

/// The folder or list that a source names; of `../images`, as exports write it, also `images`.
fn place(finder: &mut Finder, root: &Path, source: &str) -> PathBuf {
    let place = finder.find(root, source).unwrap_or_else(|| root.join(source));
    match source.strip_prefix("../") {
        Some(rest) if !place.exists() => finder.find(root, rest).unwrap_or_else(|| root.join(rest)),
        _ => place,
    }
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
        // "Copy as path" of Windows puts a path into quotation marks.
        let name = line.trim().trim_matches('"');
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

/// The labels beside a picture below `Images`, which YOLOv5 takes for any folder.
fn label_beside(picture: &Path) -> Option<PathBuf> {
    let is_swapped = picture.components().any(|part| part.as_os_str() == "images");
    Some(picture.with_extension("txt")).filter(|text| !is_swapped && text.is_file())
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
