//! COCO's annotation JSON with a folder of pictures.
//!
//! Values are taken by their meaning: numbers and ids may be text, truth values 0 and 1. One odd value costs its
//! annotation, never the file.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::find::{Finder, is_windows};
use super::{Bounds, Dataset, Entry, Label, MAX_ANNOTATIONS, PictureKind, Warnings, picture_kind, read};
use crate::{Error, ErrorKind, Result, text};

#[derive(Deserialize)]
struct Annotations {
    images: Vec<Image>,
    #[serde(default)]
    annotations: Vec<Annotation>,
    /// Without any, the ids of the annotations are the classes.
    categories: Vec<Category>,
}

/// Everything is looked at later, one by one.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Image {
    id: Value,
    file_name: Value,
    width: Value,
    height: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotation {
    id: Value,
    image_id: Value,
    category_id: Value,
    bbox: Value,
    area: Value,
    iscrowd: Value,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Category {
    id: Value,
    name: Value,
}

/// A picture that has its labels in the list of entries.
struct Known {
    entry: usize,
    /// `[width, height]`, if the file says so.
    size: Option<[f64; 2]>,
}

pub(super) fn open(path: &Path, images: Option<&Path>) -> Result<Dataset> {
    let folder = images.ok_or_else(|| {
        Error::new(ErrorKind::Data, "COCO annotations without their pictures")
            .at(path.display())
            .hint("name the folder of pictures: --images DIR")
    })?;
    let json = text::decode(read(path, MAX_ANNOTATIONS)?).map_err(|error| error.at(path.display()))?;
    let all = parse(&json).map_err(|error| error.at(path.display()))?;
    drop(json);
    let place = path.display();
    let mut warnings = Warnings::default();
    let unnamed = all.categories.is_empty() && !all.annotations.is_empty();
    let (classes, names) = match unnamed {
        true => {
            warnings.push(format!("{place}: no categories; the classes are called by their ids"));
            ids(&all.annotations)
        }
        false => categories(all.categories, &format!("{place}: categories"), &mut warnings),
    };

    let mut entries = Vec::new();
    // By id; nothing for pictures that are named as missing.
    let mut by_id: HashMap<String, Option<Known>> = HashMap::new();
    let (mut finder, mut files) = (Finder::default(), HashSet::new());
    for (i, image) in all.images.into_iter().enumerate() {
        let place = format!("{place}: images[{i}]");
        let id = id(&image.id);
        let file = match file(&image.file_name, folder, &mut finder) {
            Ok(file) => file,
            Err(what) => {
                warnings.push(format!("{place}: {what}; left out"));
                by_id.entry(id.unwrap_or_default()).or_default();
                continue;
            }
        };
        let Some(id) = id else {
            warnings.push(format!("{place}: it has no id; left out"));
            continue;
        };
        let size = number(&image.width).zip(number(&image.height)).map(|(w, h)| [w, h]);
        let size = size.filter(|sides| sides.iter().all(|side| *side > 0.0));
        let known = Known { entry: entries.len(), size };
        if by_id.insert(id.clone(), Some(known)).flatten().is_some() {
            warnings.push(format!("{place}: id {id} occurs twice; the later one has the labels"));
        }
        if !files.insert(file.clone()) {
            warnings.push(format!("{place}: {} is listed twice; both are taken", file.display()));
        }
        let name = file.display().to_string();
        entries.push(Entry { name, file, part: None, labels: Vec::new(), exhaustive: None, size });
    }
    let mut seen = HashSet::new();
    for (i, annotation) in all.annotations.iter().enumerate() {
        let place = format!("{place}: annotations[{i}]");
        let image = id(&annotation.image_id);
        let known = match image.as_ref().and_then(|id| by_id.get(id)) {
            Some(Some(known)) => known,
            // Pictures that are missing were named above.
            Some(None) => continue,
            None => {
                warnings.leave_out(format!("{place}: image {} is not in images", shown(&annotation.image_id)));
                continue;
            }
        };
        let label = match label(annotation, &classes, known.size) {
            Ok(label) => label,
            Err(what) => {
                warnings.leave_out(format!("{place}: {what}"));
                continue;
            }
        };
        if let Some(own) = id(&annotation.id)
            && !seen.insert(own.clone())
        {
            let labels: &[Label] = &entries[known.entry].labels;
            if labels.contains(&label) {
                warnings.leave_out(format!("{place}: id {own} and all of it occurs twice"));
                continue;
            }
            warnings.push(format!("{place}: id {own} occurs twice; both are taken"));
        }
        entries[known.entry].labels.push(label);
    }
    Ok(Dataset { names, unnamed, entries, warnings })
}

fn parse(json: &str) -> Result<Annotations> {
    if json.trim().is_empty() {
        return Err(bad("the file is empty"));
    }
    let first = match serde_json::from_str(json) {
        Ok(all) => return Ok(all),
        Err(error) => error,
    };
    // Not as it should be: looked at value by value. Python writes NaN, which is not JSON.
    let value: Value = serde_json::from_str(json)
        .or_else(|_| serde_json::from_str(&without_nan(json)))
        .map_err(|_| bad(format!("not valid JSON: {first}")))?;
    let Value::Object(mut top) = value else {
        return Err(match &value {
            Value::Array(list) if list.first().is_some_and(|one| one.get("bbox").is_some()) => {
                bad("this is a list of boxes (COCO results?), not annotations")
            }
            Value::Array(_) => bad("this is a list, not COCO annotations"),
            other => {
                let text: String = other.to_string().chars().take(40).collect();
                bad(format!("this is only the value {text}, not COCO annotations"))
            }
        });
    };
    let other = [
        ("shapes", "a LabelMe file"),
        ("_via_img_metadata", "a project of the VGG Image Annotator"),
        ("nodes", "a notebook or graph"),
        ("features", "GeoJSON"),
    ];
    if let Some((_, what)) = other.iter().find(|(key, _)| top.contains_key(*key) && !top.contains_key("images")) {
        return Err(bad(format!("this is {what}, not COCO annotations")));
    }
    let mut list = |key: &str, needed: bool| match top.remove(key) {
        Some(Value::Array(list)) => Ok(list),
        None | Some(Value::Null) if !needed => Ok(Vec::new()),
        None | Some(Value::Null) => Err(bad(format!("the list `{key}` is missing"))),
        Some(_) => Err(bad(format!("`{key}` is not a list"))),
    };
    fn each<T: Default + serde::de::DeserializeOwned>(list: Vec<Value>) -> Vec<T> {
        // What is no object keeps its place and is named later for what it lacks.
        list.into_iter().map(|one| serde_json::from_value(one).unwrap_or_default()).collect()
    }
    let (images, annotations) = (each(list("images", true)?), each(list("annotations", false)?));
    let categories = each(list("categories", annotations.is_empty())?);
    Ok(Annotations { images, annotations, categories })
}

fn bad(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Data, text).hint("COCO annotations have images, annotations and categories")
}

/// `NaN` and `Infinity` outside of texts as `null`.
fn without_nan(json: &str) -> String {
    let mut result = String::with_capacity(json.len());
    let (mut inside, mut rest) = (false, json);
    while let Some(letter) = rest.chars().next() {
        let word = ["-Infinity", "Infinity", "NaN"].iter().find(|word| !inside && rest.starts_with(**word));
        if let Some(word) = word {
            result.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        let length = match letter {
            '\\' if inside => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ => letter.len_utf8(),
        };
        inside ^= letter == '"';
        result.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    result
}

/// Class numbers by id, ids ascending, and the names.
fn categories(list: Vec<Category>, place: &str, warnings: &mut Warnings) -> (HashMap<String, usize>, Vec<String>) {
    let mut all: Vec<(String, String)> = Vec::new();
    for (i, category) in list.into_iter().enumerate() {
        let Some(id) = id(&category.id) else {
            warnings.push(format!("{place}[{i}]: it has no id; left out"));
            continue;
        };
        let name = match &category.name {
            Value::String(name) if !name.trim().is_empty() => name.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                warnings.push(format!("{place}[{i}]: it has no name; called class{id}"));
                format!("class{id}")
            }
        };
        match all.iter().find(|(known, _)| *known == id) {
            Some((_, first)) if *first == name => {}
            Some((_, first)) => {
                warnings.push(format!("{place}[{i}]: id {id} is {first} already; {name} is left out"));
            }
            None => {
                if all.iter().any(|(_, known)| *known == name) {
                    warnings.push(format!("{place}[{i}]: the name {name} occurs twice"));
                }
                all.push((id, name));
            }
        }
    }
    numbered(all)
}

/// The same for a file without categories: the ids that its annotations use, as names.
fn ids(annotations: &[Annotation]) -> (HashMap<String, usize>, Vec<String>) {
    let ids: HashSet<String> = annotations.iter().filter_map(|annotation| id(&annotation.category_id)).collect();
    numbered(ids.into_iter().map(|id| (id.clone(), id)).collect())
}

fn numbered(mut all: Vec<(String, String)>) -> (HashMap<String, usize>, Vec<String>) {
    all.sort_by_key(|(id, _)| (id.parse::<i64>().unwrap_or(i64::MAX), id.clone()));
    let classes = all.iter().enumerate().map(|(class, (id, _))| (id.clone(), class)).collect();
    (classes, all.into_iter().map(|(_, name)| name).collect())
}

/// The picture file that a name means, below the folder.
fn file(name: &Value, folder: &Path, finder: &mut Finder) -> std::result::Result<PathBuf, String> {
    let name = name.as_str().map(str::trim).filter(|name| !name.is_empty()).ok_or("it has no file_name")?;
    let unread = match picture_kind(Path::new(name)) {
        PictureKind::Unread(kind) => format!(" ({kind} pictures are not read)"),
        _ => String::new(),
    };
    let is_below = |path: &Path| path.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    match finder.find_below(folder, name).filter(|file| file.is_file()) {
        Some(file) if unread.is_empty() => Ok(file),
        Some(file) => Err(format!("{}{unread}", file.display())),
        None if is_below(Path::new(&name.replace('\\', "/"))) && !is_windows(name) => {
            Err(format!("{} is not there", folder.join(name).display()))
        }
        None => Err(format!("{name} is not below the folder")),
    }
}

fn label(
    annotation: &Annotation,
    classes: &HashMap<String, usize>,
    size: Option<[f64; 2]>,
) -> std::result::Result<Label, String> {
    let Some(&class) = id(&annotation.category_id).and_then(|id| classes.get(&id)) else {
        return Err(format!("category {} is not in categories", shown(&annotation.category_id)));
    };
    let sides = annotation.bbox.as_array().map(Vec::as_slice).unwrap_or_default();
    let numbers: Option<Vec<f64>> = sides.iter().map(number).collect();
    let Some(&[x, y, w, h]) = numbers.as_deref().and_then(|numbers| <&[f64; 4]>::try_from(numbers).ok()) else {
        let found = shown(&annotation.bbox);
        return Err(format!("bbox is {found}, not [x, y, width, height]"));
    };
    if w < 0.0 || h < 0.0 {
        return Err(format!("bbox {} has a negative size", shown(&annotation.bbox)));
    }
    if w == 0.0 || h == 0.0 {
        return Err(format!("bbox {} has no area", shown(&annotation.bbox)));
    }
    if let Some([width, height]) =
        size.filter(|[width, height]| x >= *width || y >= *height || x + w <= 0.0 || y + h <= 0.0)
    {
        let bbox = shown(&annotation.bbox);
        return Err(format!("bbox {bbox} lies outside of the {width}x{height} picture"));
    }
    let crowd = match &annotation.iscrowd {
        Value::Bool(crowd) => *crowd,
        Value::String(word) if word.trim().eq_ignore_ascii_case("true") => true,
        other => number(other).is_some_and(|crowd| crowd != 0.0),
    };
    let area = number(&annotation.area).filter(|area| *area >= 0.0);
    Ok(Label { class, bounds: Bounds::Pixels([x, y, x + w, y + h]), area, crowd, score: 1.0 })
}

/// A number, also written as text.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    number.filter(|number| number.is_finite())
}

/// An id: numbers and text that say the same are equal.
fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => {
            let text = text.trim();
            Some(text.parse::<i64>().map_or_else(|_| text.to_owned(), |number| number.to_string()))
        }
        Value::Number(number) => match number.as_f64() {
            Some(whole) if whole.fract() == 0.0 && number.is_f64() => Some((whole as i64).to_string()),
            _ => Some(number.to_string()),
        },
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        other => other.to_string().chars().take(60).collect(),
    }
}
