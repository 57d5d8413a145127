//! YOLOv5's precision, recall and average precision.

use super::matching::{LEVELS, correct};
use super::{Truth, mean};
use crate::detection::Detection;

const EPS: f64 = 1e-16;
/// Points of the curves over confidence.
const POINTS: usize = 1000;

#[derive(Clone, Debug)]
struct Judged {
    score: f32,
    right: [bool; LEVELS],
}

#[derive(Clone, Debug)]
pub(super) struct Collected {
    labels: Vec<usize>,
    judged: Vec<Vec<Judged>>,
}

pub(super) struct ClassResult {
    pub class: usize,
    pub labels: usize,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    pub ap: [f64; LEVELS],
}

impl Collected {
    pub fn new(nc: usize) -> Self {
        Self { labels: vec![0; nc], judged: vec![Vec::new(); nc] }
    }

    pub fn add(&mut self, labels: &[Truth], detections: &[Detection]) {
        for label in labels {
            self.labels[label.class] += 1;
        }
        for (found, right) in detections.iter().zip(correct(labels, detections)) {
            self.judged[found.class].push(Judged { score: found.score, right });
        }
    }

    pub fn finish(&self) -> Vec<ClassResult> {
        let any = self.judged.iter().flatten().any(|j| j.right.contains(&true));
        let mut results = Vec::new();
        let mut curves: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        for (class, &labels) in self.labels.iter().enumerate().filter(|(_, n)| **n > 0) {
            let mut result = ClassResult { class, labels, precision: 0.0, recall: 0.0, f1: 0.0, ap: [0.0; LEVELS] };
            let mut curve = (vec![0.0; POINTS], vec![0.0; POINTS]);
            if any && !self.judged[class].is_empty() {
                let mut judged = self.judged[class].clone();
                judged.sort_by(|a, b| b.score.total_cmp(&a.score));
                for (level, ap) in result.ap.iter_mut().enumerate() {
                    let right: Vec<bool> = judged.iter().map(|j| j.right[level]).collect();
                    *ap = average_precision(&right, labels);
                }
                curve = over_confidence(&judged, labels);
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
fn over_confidence(judged: &[Judged], labels: usize) -> (Vec<f64>, Vec<f64>) {
    let right: Vec<bool> = judged.iter().map(|j| j.right[0]).collect();
    let (recall, precision) = running(&right, labels);
    let falling: Vec<f64> = judged.iter().map(|j| -f64::from(j.score)).collect();
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
    let (recall, precision) = running(right, labels);
    let x: Vec<f64> = std::iter::once(0.0).chain(recall).chain([1.0]).collect();
    let mut y: Vec<f64> = std::iter::once(1.0).chain(precision).chain([0.0]).collect();
    for i in (1..y.len()).rev() {
        y[i - 1] = y[i - 1].max(y[i]);
    }
    let at = |i: usize| if i == 100 { 1.0 } else { i as f64 * 0.01 };
    let read: Vec<f64> = (0..=100).map(|i| interpolate(at(i), &x, &y, 0.0)).collect();
    (0..100).map(|i| (at(i + 1) - at(i)) * (read[i] + read[i + 1]) / 2.0).sum()
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
