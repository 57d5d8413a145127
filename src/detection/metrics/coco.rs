//! COCO's average precision and recall for boxes, as pycocotools counts them.

use super::{GroundTruth, best_first, matching::LEVELS, mean};
use crate::detection::Detection;

/// All, small, medium, large: areas in square pixels, both ends included.
const AREAS: [(f64, f64); 4] = [(0.0, 1e10), (0.0, 1024.0), (1024.0, 9216.0), (9216.0, 1e10)];
/// Detections of a class and picture that count.
const MAX_DETECTIONS: [usize; 3] = [1, 10, 100];
const RECALLS: usize = 101;

/// A detection; one bit a level.
#[derive(Clone, Debug)]
struct Match {
    score: f32,
    /// Place among the detections of its class in its picture.
    rank: u8,
    matched: u16,
    ignored: u16,
}

/// One class in one range of areas.
#[derive(Clone, Debug, Default)]
struct Pool {
    labels: usize,
    matches: Vec<Match>,
}

#[derive(Clone, Debug)]
pub(super) struct Accumulator {
    classes: Vec<[Pool; 4]>,
}

pub(super) struct Summary {
    pub stats: [f64; 12],
    /// AP50 and AP a class; -1 without labels.
    pub classes: Vec<(f64, f64)>,
}

impl Accumulator {
    pub fn new(nc: usize) -> Self {
        Self { classes: vec![Default::default(); nc] }
    }

    /// Adds a picture; detections come best first.
    pub fn add(&mut self, labels: &[GroundTruth], detections: &[Detection]) {
        for (class, pools) in self.classes.iter_mut().enumerate() {
            let truths: Vec<&GroundTruth> = labels.iter().filter(|t| t.class == class).collect();
            let found: Vec<&Detection> =
                detections.iter().filter(|d| d.class == class).take(MAX_DETECTIONS[2]).collect();
            if truths.is_empty() && found.is_empty() {
                continue;
            }
            let overlaps: Vec<Vec<f64>> =
                found.iter().map(|d| truths.iter().map(|t| overlap(d, t)).collect()).collect();
            for (pool, range) in pools.iter_mut().zip(AREAS) {
                pool.add(range, &truths, &found, &overlaps);
            }
        }
    }

    pub fn finish(&self) -> Summary {
        let curves: Vec<Vec<[Curve; 3]>> = self
            .classes
            .iter()
            .map(|pools| pools.iter().map(|pool| MAX_DETECTIONS.map(|most| pool.curve(most))).collect())
            .collect();
        let precision = |area: usize, levels: &[usize]| {
            let all = curves.iter().filter_map(|c| c[area][2].as_ref());
            let values: Vec<f64> = all.flat_map(|c| levels.iter().flat_map(|&l| c[l].precision)).collect();
            if values.is_empty() { -1.0 } else { mean(&values) }
        };
        let recall = |area: usize, most: usize| {
            let all = curves.iter().filter_map(|c| c[area][most].as_ref());
            let values: Vec<f64> = all.flat_map(|c| c.iter().map(|l| l.recall)).collect();
            if values.is_empty() { -1.0 } else { mean(&values) }
        };
        let all: Vec<usize> = (0..LEVELS).collect();
        let stats = [
            precision(0, &all),
            precision(0, &[0]),
            precision(0, &[5]),
            precision(1, &all),
            precision(2, &all),
            precision(3, &all),
            recall(0, 0),
            recall(0, 1),
            recall(0, 2),
            recall(1, 2),
            recall(2, 2),
            recall(3, 2),
        ];
        let classes = curves
            .iter()
            .map(|c| match &c[0][2] {
                None => (-1.0, -1.0),
                Some(levels) => {
                    let all: Vec<f64> = levels.iter().flat_map(|l| l.precision).collect();
                    (mean(&levels[0].precision), mean(&all))
                }
            })
            .collect();
        Summary { stats, classes }
    }
}

struct Level {
    precision: [f64; RECALLS],
    recall: f64,
}

/// Nothing without labels.
type Curve = Option<Vec<Level>>;

impl Pool {
    fn add(&mut self, range: (f64, f64), truths: &[&GroundTruth], found: &[&Detection], overlaps: &[Vec<f64>]) {
        let outside = |area: f64| area < range.0 || area > range.1;
        let ignored: Vec<bool> = truths.iter().map(|t| t.crowd || outside(area(t))).collect();
        self.labels += ignored.iter().filter(|i| !**i).count();
        // Those that count come first.
        let (mut order, rest): (Vec<usize>, Vec<usize>) = (0..truths.len()).partition(|&i| !ignored[i]);
        order.extend(rest);
        let start = self.matches.len();
        self.matches.extend(found.iter().enumerate().map(|(rank, d)| Match {
            score: d.score,
            rank: rank as u8,
            matched: 0,
            ignored: if outside(size(d)) { u16::MAX } else { 0 },
        }));
        let matches = &mut self.matches[start..];
        for level in 0..LEVELS {
            let mut taken = vec![false; truths.len()];
            for (d, matches) in matches.iter_mut().enumerate() {
                let mut most = limit(level).min(1.0 - 1e-10);
                let mut best: Option<usize> = None;
                for &t in &order {
                    if taken[t] && !truths[t].crowd {
                        continue;
                    }
                    if best.is_some_and(|b| !ignored[b] && ignored[t]) {
                        break;
                    }
                    if overlaps[d][t] >= most {
                        most = overlaps[d][t];
                        best = Some(t);
                    }
                }
                if let Some(t) = best {
                    taken[t] = true;
                    matches.matched |= 1 << level;
                    matches.ignored &= !(1 << level);
                    matches.ignored |= u16::from(ignored[t]) << level;
                }
            }
        }
    }

    fn curve(&self, most: usize) -> Curve {
        if self.labels == 0 {
            return None;
        }
        let matches: Vec<&Match> = self.matches.iter().filter(|j| usize::from(j.rank) < most).collect();
        let matches = best_first(&matches, |found| found.score);
        Some((0..LEVELS).map(|level| self.level(&matches, level)).collect())
    }

    fn level(&self, matches: &[&Match], level: usize) -> Level {
        let (mut hits, mut misses) = (0.0, 0.0);
        let mut recall = Vec::with_capacity(matches.len());
        let mut precision = Vec::with_capacity(matches.len());
        for j in matches {
            if j.ignored >> level & 1 == 0 {
                if j.matched >> level & 1 == 1 {
                    hits += 1.0;
                } else {
                    misses += 1.0;
                }
            }
            recall.push(hits / self.labels as f64);
            precision.push(hits / (misses + hits + f64::EPSILON));
        }
        for i in (1..precision.len()).rev() {
            precision[i - 1] = f64::max(precision[i - 1], precision[i]);
        }
        let mut read = [0.0; RECALLS];
        for (i, value) in read.iter_mut().enumerate() {
            let at = if i + 1 == RECALLS { 1.0 } else { i as f64 * 0.01 };
            let first = recall.partition_point(|&r| r < at);
            *value = precision.get(first).copied().unwrap_or(0.0);
        }
        Level { precision: read, recall: recall.last().copied().unwrap_or(0.0) }
    }
}

fn limit(level: usize) -> f64 {
    if level + 1 == LEVELS { 0.95 } else { 0.5 + level as f64 * ((0.95 - 0.5) / 9.0) }
}

fn area(truth: &GroundTruth) -> f64 {
    let [x1, y1, x2, y2] = truth.bounds;
    truth.area.unwrap_or((x2 - x1) * (y2 - y1))
}

fn size(found: &Detection) -> f64 {
    let [x1, y1, x2, y2] = found.bounds.map(f64::from);
    (x2 - x1) * (y2 - y1)
}

/// Intersection over union; over the detection's own area where the label is a crowd.
fn overlap(found: &Detection, truth: &GroundTruth) -> f64 {
    let d = found.bounds.map(f64::from);
    let t = truth.bounds;
    let w = d[2].min(t[2]) - d[0].max(t[0]);
    let h = d[3].min(t[3]) - d[1].max(t[1]);
    if w <= 0.0 || h <= 0.0 {
        return 0.0;
    }
    let inter = w * h;
    let all = if truth.crowd { size(found) } else { size(found) + (t[2] - t[0]) * (t[3] - t[1]) - inter };
    inter / all
}
