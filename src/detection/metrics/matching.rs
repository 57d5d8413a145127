//! Which detection found which label, as YOLOv5's validation decides it.

use std::collections::BTreeMap;

use super::GroundTruth;
use crate::detection::{Detection, boxes::iou};

/// Number of overlaps at which detections are judged: 0.5, 0.55 ... 0.95.
pub(super) const LEVELS: usize = 10;

/// Whether each detection is right at each of the ten overlaps 0.5 to 0.95. Detections come best first.
///
/// A detection goes for the label of its class that it overlaps most and has no second choice; of several at one
/// label the first one has it.
pub fn correct(labels: &[GroundTruth], detections: &[Detection]) -> Vec<[bool; LEVELS]> {
    let truths: Vec<[f32; 4]> = labels.iter().map(GroundTruth::bounds_f32).collect();
    let mut taken = vec![[false; LEVELS]; labels.len()];
    let mut result = vec![[false; LEVELS]; detections.len()];
    for (found, right) in detections.iter().zip(&mut result) {
        let mut best: Option<(usize, f32)> = None;
        for (i, (label, bounds)) in labels.iter().zip(&truths).enumerate() {
            if label.class == found.class {
                let overlap = iou(bounds, &found.bounds);
                if best.is_none_or(|(_, most)| overlap >= most) {
                    best = Some((i, overlap));
                }
            }
        }
        let Some((label, overlap)) = best else { continue };
        for level in 0..LEVELS {
            let limit = (50 + 5 * level) as f32 / 100.0;
            if overlap >= limit && !taken[label][level] {
                taken[label][level] = true;
                right[level] = true;
            }
        }
    }
    result
}

/// Counts who was taken for whom, at confidence 0.25 and overlap 0.45.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    nc: usize,
    /// By predicted and true class; what never happened isn't there.
    counts: BTreeMap<(usize, usize), u64>,
}

impl ConfusionMatrix {
    const CONF: f32 = 0.25;
    const IOU: f32 = 0.45;

    /// Empty, for `nc` classes.
    pub fn new(nc: usize) -> Self {
        Self { nc, counts: BTreeMap::new() }
    }

    /// How often `predicted` was given where `truth` was; number `nc` is the background.
    pub fn count(&self, predicted: usize, truth: usize) -> u64 {
        self.counts.get(&(predicted, truth)).copied().unwrap_or(0)
    }

    /// The rows: predicted class (last: nothing), columns true class (last: nothing).
    pub fn rows(&self) -> impl Iterator<Item = Vec<u64>> {
        (0..=self.nc).map(|predicted| (0..=self.nc).map(|truth| self.count(predicted, truth)).collect())
    }

    fn note(&mut self, predicted: usize, truth: usize) {
        *self.counts.entry((predicted, truth)).or_default() += 1;
    }

    pub(super) fn add(&mut self, labels: &[GroundTruth], detections: &[Detection]) {
        let background = self.nc;
        let sure: Vec<&Detection> = detections.iter().filter(|d| d.score > Self::CONF).collect();
        // The best label of each detection, then the best detection of each label.
        let mut found_by: Vec<Option<(usize, f32)>> = vec![None; labels.len()];
        let truths: Vec<[f32; 4]> = labels.iter().map(GroundTruth::bounds_f32).collect();
        for (d, found) in sure.iter().enumerate() {
            let overlaps = truths.iter().map(|t| iou(t, &found.bounds)).enumerate();
            let best = overlaps.filter(|(_, o)| *o > Self::IOU).reduce(|a, b| if b.1 >= a.1 { b } else { a });
            if let Some((label, overlap)) = best
                && found_by[label].is_none_or(|(_, most)| overlap > most)
            {
                found_by[label] = Some((d, overlap));
            }
        }
        for (label, found) in labels.iter().zip(&found_by) {
            self.note(found.map_or(background, |(d, _)| sure[d].class), label.class);
        }
        // The reference counts false alarms only in pictures where something was matched.
        if found_by.iter().any(Option::is_some) {
            for (d, found) in sure.iter().enumerate() {
                if !found_by.iter().flatten().any(|(used, _)| *used == d) {
                    self.note(found.class, background);
                }
            }
        }
    }
}
