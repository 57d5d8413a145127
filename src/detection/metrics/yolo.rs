//! YOLOv5's precision, recall and average precision.

use super::matching::{LEVELS, correct};
use super::{GroundTruth, best_first, mean};
use crate::detection::Detection;

const EPS: f64 = 1e-16;
/// Points of the curves over confidence.
const POINTS: usize = 1000;
/// Points of the curves over recall.
const RECALLS: usize = 101;

/// Precision over recall of a class that occurs in the labels, at an overlap of 0.5.
#[derive(Clone, Debug, PartialEq)]
pub struct PrecisionRecall {
    /// Class number.
    pub class: usize,
    /// The best precision that can still be had at a recall of 0, 0.01, 0.02 ... 1. The area under the curve is the
    /// class's YOLOv5 average precision.
    pub precision: [f64; RECALLS],
}

#[derive(Clone, Debug)]
struct Match {
    score: f32,
    right: [bool; LEVELS],
}

#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    labels: Vec<usize>,
    matches: Vec<Vec<Match>>,
}

pub(super) struct ClassResult {
    pub class: usize,
    pub labels: usize,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    pub ap: [f64; LEVELS],
}

impl Accumulator {
    pub fn new(nc: usize) -> Self {
        Self { labels: vec![0; nc], matches: vec![Vec::new(); nc] }
    }

    pub fn add(&mut self, labels: &[GroundTruth], detections: &[Detection]) {
        for label in labels {
            self.labels[label.class] += 1;
        }
        for (found, right) in detections.iter().zip(correct(labels, detections)) {
            self.matches[found.class].push(Match { score: found.score, right });
        }
    }

    /// The class's detections, best first.
    fn ranked(&self, class: usize) -> Vec<Match> {
        best_first(&self.matches[class], |found| found.score)
    }

    pub fn curves(&self) -> Vec<PrecisionRecall> {
        let labelled = self.labels.iter().enumerate().filter(|(_, n)| **n > 0);
        labelled
            .map(|(class, &labels)| {
                let right: Vec<bool> = self.ranked(class).iter().map(|j| j.right[0]).collect();
                let precision = if right.is_empty() { [0.0; RECALLS] } else { envelope(&right, labels) };
                PrecisionRecall { class, precision }
            })
            .collect()
    }

    pub fn finish(&self) -> Vec<ClassResult> {
        let any = self.matches.iter().flatten().any(|j| j.right.contains(&true));
        let mut results = Vec::new();
        let mut curves: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        for (class, &labels) in self.labels.iter().enumerate().filter(|(_, n)| **n > 0) {
            let mut result = ClassResult { class, labels, precision: 0.0, recall: 0.0, f1: 0.0, ap: [0.0; LEVELS] };
            let mut curve = (vec![0.0; POINTS], vec![0.0; POINTS]);
            if any && !self.matches[class].is_empty() {
                let matches = self.ranked(class);
                for (level, ap) in result.ap.iter_mut().enumerate() {
                    let right: Vec<bool> = matches.iter().map(|j| j.right[level]).collect();
                    *ap = average_precision(&right, labels);
                }
                curve = over_confidence(&matches, labels);
            }
            results.push(result);
            curves.push(curve);
        }
        if !any {
            return results;
        }
        let f1 = |(p, r): &(Vec<f64>, Vec<f64>), i: usize| 2.0 * p[i] * r[i] / (p[i] + r[i] + EPS);
        let means: Vec<f64> = (0..POINTS).map(|i| mean(&curves.iter().map(|c| f1(c, i)).collect::<Vec<_>>())).collect();
        let best = first_maximum(&smooth(&means));
        for (result, curve) in results.iter_mut().zip(&curves) {
            result.precision = curve.0[best];
            result.recall = curve.1[best];
            result.f1 = f1(curve, best);
        }
        results
    }
}

/// Precision and recall at [`POINTS`] confidences from 0 to 1, at an overlap of 0.5.
fn over_confidence(matches: &[Match], labels: usize) -> (Vec<f64>, Vec<f64>) {
    let right: Vec<bool> = matches.iter().map(|j| j.right[0]).collect();
    let (recall, precision) = running(&right, labels);
    let falling: Vec<f64> = matches.iter().map(|j| -f64::from(j.score)).collect();
    let last = (POINTS - 1) as f64;
    let step = 1.0 / last;
    let at = |i: usize| if i + 1 == POINTS { 1.0 } else { i as f64 * step };
    let p = (0..POINTS).map(|i| interpolate(-at(i), &falling, &precision, 1.0)).collect();
    let r = (0..POINTS).map(|i| interpolate(-at(i), &falling, &recall, 0.0)).collect();
    (p, r)
}

/// Recall and precision after each detection.
fn running(right: &[bool], labels: usize) -> (Vec<f64>, Vec<f64>) {
    let mut hits = 0.0;
    right
        .iter()
        .enumerate()
        .map(|(i, &hit)| {
            hits += f64::from(u8::from(hit));
            (hits / (labels as f64 + EPS), hits / (i + 1) as f64)
        })
        .unzip()
}

/// YOLOv5's average precision: detections best first, and whether each is right, for `labels` true objects.
///
/// The area under the falling envelope of precision over recall, read at 101 points, the fall to (1, 0) included.
pub fn average_precision(right: &[bool], labels: usize) -> f64 {
    let read = envelope(right, labels);
    (0..RECALLS - 1).map(|i| (recall_at(i + 1) - recall_at(i)) * (read[i] + read[i + 1]) / 2.0).sum()
}

/// The recall of a point of a precision-recall curve.
fn recall_at(i: usize) -> f64 {
    if i + 1 == RECALLS { 1.0 } else { i as f64 * 0.01 }
}

/// The falling envelope of precision over recall.
fn envelope(right: &[bool], labels: usize) -> [f64; RECALLS] {
    let (recall, precision) = running(right, labels);
    let x: Vec<f64> = std::iter::once(0.0).chain(recall).chain([1.0]).collect();
    let mut y: Vec<f64> = std::iter::once(1.0).chain(precision).chain([0.0]).collect();
    for i in (1..y.len()).rev() {
        y[i - 1] = y[i - 1].max(y[i]);
    }
    std::array::from_fn(|i| interpolate(recall_at(i), &x, &y, 0.0))
}

/// `y` at `at`, linear between the rising `x`; `left` before the first, the last value after the last.
fn interpolate(at: f64, x: &[f64], y: &[f64], left: f64) -> f64 {
    let after = x.partition_point(|&v| v <= at);
    if after == 0 {
        return left;
    }
    let i = after - 1;
    if after == x.len() || x[i] == at {
        return y[i];
    }
    (y[after] - y[i]) / (x[after] - x[i]) * (at - x[i]) + y[i]
}

/// Box filter over a tenth of the curve, its ends continued.
fn smooth(values: &[f64]) -> Vec<f64> {
    let half = values.len() / 20;
    let width = 2 * half + 1;
    let last = values.len() - 1;
    let weight = 1.0 / width as f64;
    (0..values.len())
        .map(|i| (0..width).map(|k| values[(i + k).saturating_sub(half).min(last)] * weight).sum())
        .collect()
}

fn first_maximum(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, v) in values.iter().enumerate() {
        if *v > values[best] {
            best = i;
        }
    }
    best
}
