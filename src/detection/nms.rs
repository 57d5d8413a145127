//! Non-maximum suppression, to the bit as the reference does it.

use super::boxes::xywh_to_xyxy;
use super::{Detection, NmsOptions, Predictions};

/// More candidates than this (the best) are never looked at.
const MAX_CANDIDATES: usize = 30_000;

/// How far classes are moved apart, in fp32: for high classes this rounds the boxes, as it does in the reference.
const CLASS_OFFSET: f32 = 7680.0;

/// A box moved by its class's offset, with its area.
struct Moved {
    bounds: [f32; 4],
    area: f32,
}

impl Moved {
    fn new(found: &Detection, agnostic: bool) -> Self {
        let offset = if agnostic { 0.0 } else { found.class as f32 * CLASS_OFFSET };
        let bounds = found.bounds.map(|v| v + offset);
        Self { bounds, area: (bounds[2] - bounds[0]) * (bounds[3] - bounds[1]) }
    }

    fn overlaps(&self, other: &Self, limit: f64) -> bool {
        let (a, b) = (&self.bounds, &other.bounds);
        let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
        let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
        let inter = w * h;
        f64::from(inter / (self.area + other.area - inter)) > limit
    }
}

/// Decoded predictions to boxes in pixels of the network's input, best first; equal scores keep their order. Rows
/// with coordinates or scores that are not numbers never give a box.
pub fn nms(predictions: &Predictions, options: &NmsOptions) -> Vec<Detection> {
    let mut found = above_threshold(predictions, options);
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MAX_CANDIDATES);

    // Where all boxes lie closer together than the offset, boxes of two classes can't touch and need no comparing.
    let low = found.iter().flat_map(|d| d.bounds).fold(f32::INFINITY, f32::min);
    let high = found.iter().flat_map(|d| d.bounds).fold(f32::NEG_INFINITY, f32::max);
    let apart = !options.agnostic && options.iou >= 0.0 && high - low < CLASS_OFFSET - 64.0;
    let groups = if apart { predictions.nc.max(1) } else { 1 };

    let mut kept = Vec::new();
    let mut by_group: Vec<Vec<Moved>> = (0..groups).map(|_| Vec::new()).collect();
    for candidate in found {
        if kept.len() >= options.max_det {
            break;
        }
        let moved = Moved::new(&candidate, options.agnostic);
        let rivals = &mut by_group[if apart { candidate.class } else { 0 }];
        if !rivals.iter().any(|rival| rival.overlaps(&moved, options.iou)) {
            rivals.push(moved);
            kept.push(candidate);
        }
    }
    kept
}

fn above_threshold(predictions: &Predictions, options: &NmsOptions) -> Vec<Detection> {
    let nc = predictions.nc;
    let wanted = |class: usize| options.classes.as_ref().is_none_or(|list| list.contains(&class));
    let multi_label = options.multi_label && nc > 1;
    let mut found = Vec::new();
    for row in predictions.iter() {
        let objectness = row[4];
        let usable = objectness > options.conf && row[..4].iter().all(|v| v.is_finite());
        if !usable {
            continue;
        }
        let bounds = xywh_to_xyxy([row[0], row[1], row[2], row[3]]);
        let scores = row[5..].iter().map(|p| p * objectness).enumerate();
        let mut keep = |class: usize, score: f32| {
            if score > options.conf && wanted(class) {
                found.push(Detection { bounds, score, class });
            }
        };
        if multi_label {
            scores.for_each(|(class, score)| keep(class, score));
        } else {
            let best = scores.filter(|(_, s)| !s.is_nan()).reduce(|a, b| if b.1 > a.1 { b } else { a });
            if let Some((class, score)) = best {
                keep(class, score);
            }
        }
    }
    found
}
