//! Packs: pictures one after the other in a `.bin`, a line of JSON a picture beside it.

use std::path::Path;

use serde::Deserialize;

use super::{Bounds, ClassSet, Dataset, Entry, Label, MAX_PICTURE, MAX_TEXT, Split, Warnings, io, read_text};
use crate::{Error, ErrorKind, Result};

/// Boxes that the networks which drew them were less sure of are no truth.
const LEAST_SCORE: f64 = 0.35;
/// Training takes guesses too, by their weight.
const LEAST_SCORE_TRAIN: f64 = 0.1;

#[derive(Deserialize)]
struct Line {
    offset: u64,
    bytes: u64,
    width: u32,
    height: u32,
    boxes: Vec<[f64; 6]>,
    /// Exhaustively labelled classes; all if missing.
    exhaustive: Option<Vec<usize>>,
}

pub(super) fn open(path: &Path, split: Split) -> Result<Dataset> {
    let (bin, lines) = (path.with_extension("bin"), path.with_extension("jsonl"));
    let least = if split == Split::Train { LEAST_SCORE_TRAIN } else { LEAST_SCORE };
    let size = std::fs::metadata(&bin).map_err(|e| io(&bin, e))?.len();
    let names: Vec<String> = COCO_NAMES.split('|').map(str::to_owned).collect();
    let mut warnings = Warnings::default();
    let mut entries = Vec::new();
    for (i, text) in read_text(&lines, MAX_TEXT)?.lines().enumerate() {
        let place = format!("{}: line {}", lines.display(), i + 1);
        if text.trim().is_empty() {
            continue;
        }
        let line: Line = match serde_json::from_str(text) {
            Ok(line) => line,
            Err(e) => {
                warnings.push(format!("{place}: {e}; picture left out"));
                continue;
            }
        };
        if line.bytes > MAX_PICTURE || line.offset.checked_add(line.bytes).is_none_or(|end| end > size) {
            warnings.push(format!("{place}: its bytes lie outside of {}; picture left out", bin.display()));
            continue;
        }
        let wrong = |text: String| Err(Error::new(ErrorKind::Data, text).at(&place));
        if let Some(class) = line.exhaustive.iter().flatten().find(|&&class| class >= names.len()) {
            return wrong(format!("\"exhaustive\" names class {class}, but classes are 0 to {}", names.len() - 1));
        }
        let exhaustive = line.exhaustive.map(ClassSet::new).filter(|set| set.iter().count() < names.len());
        let mut labels = Vec::with_capacity(line.boxes.len());
        for [class, x, y, w, h, score] in line.boxes {
            if !(0.0..=1.0).contains(&score) {
                return wrong(format!("score {score} is not a probability (0 to 1)"));
            }
            if score < least {
                continue;
            }
            if class.fract() != 0.0 || class < 0.0 || class >= names.len() as f64 {
                warnings.push(format!("{place}: class {class} is not one of 0 to {}; box left out", names.len() - 1));
                continue;
            }
            let area = w * f64::from(line.width) * h * f64::from(line.height);
            let bounds = Bounds::Fractions([x, y, w, h]);
            labels.push(Label { class: class as usize, bounds, area: Some(area), crowd: false, score: score as f32 });
        }
        entries.push(Entry {
            name: format!("{}#{i}", bin.display()),
            file: bin.clone(),
            part: Some((line.offset, line.bytes)),
            labels,
            exhaustive,
            size: None,
        });
    }
    Ok(Dataset { names, unnamed: false, entries, warnings })
}

/// COCO's 80 classes, which packs use.
const COCO_NAMES: &str = "person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant|\
stop sign|parking meter|bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|backpack|umbrella|handbag|tie|\
suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|baseball glove|skateboard|surfboard|tennis racket|\
bottle|wine glass|cup|fork|knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|carrot|hot dog|pizza|donut|cake|\
chair|couch|potted plant|bed|dining table|toilet|tv|laptop|mouse|remote|keyboard|cell phone|microwave|oven|toaster|\
sink|refrigerator|book|clock|vase|scissors|teddy bear|hair drier|toothbrush";
