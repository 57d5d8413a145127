//! What a safetensors file says about itself. Ours is taken by the letter; what other writers put there is taken
//! where it can be understood, and never a reason to refuse good tensors.

use std::collections::BTreeMap;

use super::limits::MAX_NAMES;
use super::{Checkpoint, Tensor, keys, weights_error};
use crate::error::Result;
use crate::model::Config;

/// The version of our metadata.
pub(super) const VERSION: &str = "1";
const LONGEST_NAME: usize = 256;

/// Takes the metadata over into `checkpoint`, whose tensors are read.
pub(super) fn read<'m>(checkpoint: &mut Checkpoint, get: impl Fn(&str) -> Option<&'m str>) -> Result<()> {
    if let Some(version) = get("ghostdet").filter(|version| *version != VERSION) {
        return Err(weights_error(format!("format version {}, this program reads {VERSION}", keys::shown(version)))
            .hint("take a newer ghostdet"));
    }
    let ours = get("ghostdet").is_some();
    let mut odd = |key: &str, what: String| match ours {
        true => Err(weights_error(format!("metadata: {what}")).at(key)),
        false => {
            checkpoint.notes.push(format!("the metadata `{key}` is passed over: {what}"));
            Ok(())
        }
    };
    let (mut yaml, mut names, mut imgsz, mut card, mut anchors) = (None, Vec::new(), None, None, None);
    if let Some(text) = get("yaml") {
        match Config::parse(text) {
            Err(error) if !ours => odd("yaml", error.message().to_owned())?,
            _ => yaml = Some(text.to_owned()),
        }
    }
    if let Some(text) = get("names") {
        match read_names(text) {
            Ok(found) if found.len() > MAX_NAMES => odd("names", format!("more than {MAX_NAMES} class names"))?,
            Ok(found) => names = found,
            Err(what) => odd("names", what)?,
        }
    }
    if let Some(text) = get("imgsz") {
        match image_size(text) {
            Some(size) => imgsz = Some(size),
            None => odd("imgsz", format!("{:?} is no picture size", keys::shown(text)))?,
        }
    }
    if let Some(text) = get("card") {
        match serde_json::from_str(text) {
            Ok(value) => card = Some(value),
            Err(error) => odd("card", error.to_string())?,
        }
    }
    // Files without a configuration may still give anchors (in pixels) and strides.
    if let (Some(text), Some(strides)) = (get("anchors"), get("strides")) {
        match read_anchors(text, strides) {
            Ok(found) => anchors = Some(found),
            Err(what) => odd("anchors", what)?,
        }
    }
    checkpoint.yaml = yaml;
    checkpoint.names = names;
    checkpoint.imgsz = imgsz;
    checkpoint.card = card;
    if let (Some(row), Some(anchors)) = (keys::last_row(&checkpoint.tensors), anchors) {
        checkpoint.tensors.entry(format!("model.{row}.anchors")).or_insert(anchors);
    }
    Ok(())
}

/// Class names: a JSON list or object, the same as Python writes it, or words with commas.
pub(super) fn read_names(text: &str) -> std::result::Result<Vec<String>, String> {
    let value = serde_json::from_str(text).or_else(|_| serde_json::from_str(&python_to_json(text)));
    match value {
        Ok(serde_json::Value::Array(list)) => list.iter().map(name).collect(),
        Ok(serde_json::Value::Object(map)) => {
            let mut names = BTreeMap::new();
            for (key, value) in &map {
                let class: usize = key.trim().parse().map_err(|_| format!("{key:?} is not a class number"))?;
                names.insert(class, name(value)?);
            }
            match names.keys().enumerate().all(|(i, &class)| i == class) {
                true => Ok(names.into_values().collect()),
                false => Err("the class names aren't numbered 0, 1, 2, …".to_owned()),
            }
        }
        _ if !text.contains(['{', '[', '"', '\n']) && text.contains(',') => {
            Ok(text.split(',').map(|word| cut(word.trim())).collect())
        }
        _ => Err("it is no list of class names".to_owned()),
    }
}

fn name(value: &serde_json::Value) -> std::result::Result<String, String> {
    match value {
        serde_json::Value::String(text) => Ok(cut(text)),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        other => Err(format!("{} is no class name", keys::shown(&other.to_string()))),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// Python's way to write lists and dictionaries of texts and numbers, as JSON.
fn python_to_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                json.push('"');
                while let Some(inner) = letters.next() {
                    match inner {
                        _ if inner == letter => break,
                        '"' => json.push_str("\\\""),
                        '\\' if letters.peek() == Some(&'\'') => json.extend(letters.next()),
                        '\\' => {
                            json.push('\\');
                            json.extend(letters.next());
                        }
                        _ => json.push(inner),
                    }
                }
                json.push('"');
            }
            '(' => json.push('['),
            ')' => json.push(']'),
            '0'..='9' => {
                let mut number = String::from(letter);
                while let Some(&next) = letters.peek().filter(|c| c.is_ascii_digit() || **c == '.') {
                    number.push(next);
                    letters.next();
                }
                // A key: JSON wants it in quotes.
                let mut rest = letters.clone().skip_while(|c| c.is_whitespace());
                match rest.next() {
                    Some(':') => json.push_str(&format!("\"{number}\"")),
                    _ => json.push_str(&number),
                }
            }
            _ => json.push(letter),
        }
    }
    json
}

/// A side of the picture: `640`, `[640, 640]`, `640x640`.
fn image_size(text: &str) -> Option<usize> {
    let sides = text.split(|c: char| !c.is_ascii_digit() && c != '.').filter(|word| !word.is_empty());
    let sides: Option<Vec<f64>> = sides.map(|word| word.parse().ok()).collect();
    let largest = sides?.into_iter().fold(0.0, f64::max);
    (largest.fract() == 0.0 && (1.0..=16384.0).contains(&largest)).then_some(largest as usize)
}

fn read_anchors(anchors: &str, strides: &str) -> std::result::Result<Tensor, String> {
    let anchors: Vec<Vec<f32>> = serde_json::from_str(anchors).map_err(|error| error.to_string())?;
    let strides: Vec<f32> = serde_json::from_str(strides).map_err(|error| error.to_string())?;
    let each = anchors.first().map_or(0, Vec::len);
    let fits = each > 0 && each.is_multiple_of(2) && anchors.iter().all(|level| level.len() == each);
    if !fits || anchors.len() != strides.len() || strides.iter().any(|&stride| !(1.0..=1024.0).contains(&stride)) {
        return Err("anchors and strides don't fit each other".to_owned());
    }
    let data = anchors.iter().zip(&strides).flat_map(|(level, stride)| level.iter().map(move |v| v / stride)).collect();
    Ok(Tensor { shape: vec![anchors.len(), each / 2, 2], data })
}
