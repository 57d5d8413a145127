//! Which detection found which label, as YOLOv5's validation decides it.

use super::GroundTruth;
use crate::detection::{Detection, boxes::iou};

/// Number of overlaps at which detections are judged: 0.5, 0.55 ... 0.95.
pub(super) const LEVELS: usize = 10;

/// Whether each detection is right at each of the ten overlaps 0.5 to 0.95. Detections come best first.
///
/// A detection goes for the label of its class that it overlaps most and has no second choice; of several at one
/// label the first one has it.
pub fn correct(labels: &[GroundTruth], detections: &[Detection]) -> Vec<[bool; LEVELS]> {
    let mut taken = vec![[false; LEVELS]; labels.len()];
    let mut result = vec![[false; LEVELS]; detections.len()];
    for (best, right) in wanted(labels, detections).into_iter().zip(&mut result) {
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

/// The label that each detection found at an overlap of at least `limit`, by its index; `None` for a false alarm. Detections
/// come best first. The rule is that of [`correct`].
pub fn found_labels(labels: &[GroundTruth], detections: &[Detection], limit: f32) -> Vec<Option<usize>> {
    let mut taken = vec![false; labels.len()];
    let first = |best: Option<(usize, f32)>| {
        let (label, overlap) = best?;
        (overlap >= limit && !std::mem::replace(&mut taken[label], true)).then_some(label)
    };
    wanted(labels, detections).into_iter().map(first).collect()
}

/// The label of its class that each detection overlaps most, and by how much.
fn wanted(labels: &[GroundTruth], detections: &[Detection]) -> Vec<Option<(usize, f32)>> {
    let truths: Vec<[f32; 4]> = labels.iter().map(GroundTruth::bounds_f32).collect();
    let most_overlapped = |found: &Detection| {
        let own = labels.iter().zip(&truths).enumerate().filter(|(_, (label, _))| label.class == found.class);
        let overlaps = own.map(|(i, (_, bounds))| (i, iou(bounds, &found.bounds)));
        overlaps.reduce(|best, next| if next.1 >= best.1 { next } else { best })
    };
    detections.iter().map(most_overlapped).collect()
}

/// Counts who was taken for whom, at confidence 0.25 and overlap 0.45.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    nc: usize,
    /// By predicted and true class, ascending; what never happened isn't there.
    counts: Vec<((usize, usize), u64)>,
}

impl ConfusionMatrix {
    const CONF: f32 = 0.25;
    const IOU: f32 = 0.45;

    /// Empty, for `nc` classes.
    pub fn new(nc: usize) -> Self {
        Self { nc, counts: Vec::new() }
    }

    /// How often `predicted` was given where `truth` was; number `nc` is the background.
    pub fn count(&self, predicted: usize, truth: usize) -> u64 {
        self.place(predicted, truth).map_or(0, |at| self.counts[at].1)
    }

    /// What happened, by predicted class and true class, and how often. Number `nc` is the background.
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        self.counts.iter().map(|&((predicted, truth), count)| (predicted, truth, count))
    }

    /// The rows: predicted class (last: nothing), columns true class (last: nothing).
    pub fn rows(&self) -> impl Iterator<Item = Vec<u64>> {
        (0..=self.nc).map(|predicted| (0..=self.nc).map(|truth| self.count(predicted, truth)).collect())
    }

    fn note(&mut self, predicted: usize, truth: usize) {
        match self.place(predicted, truth) {
            Ok(at) => self.counts[at].1 += 1,
            Err(at) => self.counts.insert(at, ((predicted, truth), 1)),
        }
    }

    /// Where a pair is in the list, or belongs.
    fn place(&self, predicted: usize, truth: usize) -> Result<usize, usize> {
        self.counts.binary_search_by_key(&(predicted, truth), |(pair, _)| *pair)
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
