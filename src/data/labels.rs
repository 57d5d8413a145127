//! YOLO's label files: a line for each object.

use std::collections::HashSet;
use std::path::Path;

use super::{Bounds, Label, MAX_TEXT, number, read_text};
use crate::{Error, ErrorKind, Result};

pub(super) fn read_labels(file: &Path, nc: usize) -> Result<Vec<Label>> {
    parse_labels(&read_text(file, MAX_TEXT)?, nc).map_err(|error| error.at(file.display()))
}

/// The labels in a YOLO text file for `nc` classes: lines of `class x y w h`, or `class x1 y1 x2 y2 x3 y3 …` for a polygon, all
/// but the class as fractions of the picture. Equal lines count once.
///
/// # Errors
/// Of kind [`ErrorKind::Data`], with the line: something that is no number, a class or a fraction out of range, another count
/// of values.
pub fn parse_labels(text: &str, nc: usize) -> Result<Vec<Label>> {
    let mut labels: Vec<Label> = Vec::new();
    let mut seen = HashSet::new();
    for (i, line) in text.lines().enumerate() {
        let bad = |what: String| Error::new(ErrorKind::Data, what).at(format!("line {}", i + 1));
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
            let known =
                if nc == 1 { "only class 0 has a name" } else { &format!("only classes 0 to {last} have names") };
            return Err(bad(format!("class {class}, but {known}{coco}")));
        }
        let bounds = match rest {
            &[x, y, w, h] => [x, y, w, h],
            points if points.len() >= 6 && points.len().is_multiple_of(2) => around(points),
            _ => {
                let score = if rest.len() == 5 { " (is the last one a score? Take it out)" } else { "" };
                let wanted = "wanted are 5 (class x y w h), or a class and the corners of a polygon (7, 9, 11 …)";
                return Err(bad(format!("{} values{score}; {wanted}", values.len())));
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
