//! YOLOv5's detection loss and its gradient on the raw maps.
//!
//! Labels are matched with anchors by the ratio of their sides and with up to three cells of a level (the one their
//! centre lies in and its two nearest neighbours). Boxes are judged by CIoU (Zheng et al. 2020), objectness and classes
//! by binary cross-entropy. The gradient is written out by hand: the network's backward pass starts from it.

mod bce;
mod boxes;
mod distillation;
mod ignore;
mod matching;
mod types;

use ghostdet::{Error, ErrorKind, Result};

pub use boxes::ciou;
pub use matching::{Match, match_level};
pub use types::{Hyperparameters, Loss, Map, Region, Target};

use bce::Bce;
use ignore::Ignored;

/// What the labels say of one level.
struct Labels<'a> {
    found: &'a [Match],
    regions: &'a [Region],
    ignored: &'a Ignored,
}

impl Labels<'_> {
    /// Whether what is not labelled of `class` at a point of a picture is not there.
    fn exhaustive(&self, image: usize, point: [f32; 2], class: usize) -> bool {
        let here = |region: &&Region| region.image == image && region.holds(point);
        self.regions.iter().filter(here).all(|region| region.exhaustive.contains(class))
    }
}

/// Computes the loss for one network.
#[derive(Clone, Debug)]
pub struct DetectionLoss {
    hyp: Hyperparameters,
    nc: usize,
    /// A level's anchors, width and height in cells.
    anchors: Vec<Vec<[f32; 2]>>,
    balance: Vec<f32>,
    /// The level that stays at 1 while the others' weights are adapted; nothing for fixed weights.
    autobalance: Option<usize>,
}

impl DetectionLoss {
    /// `anchors` are a level's pairs of width and height in cells (pixels divided by the stride).
    pub fn new(hyp: Hyperparameters, nc: usize, anchors: Vec<Vec<[f32; 2]>>) -> Self {
        let balance = match anchors.len() {
            3 => vec![4.0, 1.0, 0.4],
            levels => [4.0, 1.0, 0.25, 0.06, 0.02].into_iter().chain(std::iter::repeat(0.02)).take(levels).collect(),
        };
        Self { hyp, nc, anchors, balance, autobalance: None }
    }

    /// Adapts the levels' objectness weights after every call, relative to level `fixed`.
    pub fn with_autobalance(mut self, fixed: usize) -> Self {
        self.autobalance = Some(fixed.min(self.balance.len().saturating_sub(1)));
        self
    }

    /// The levels' objectness weights.
    pub fn balance(&self) -> &[f32] {
        &self.balance
    }

    /// The loss of a batch and its gradient on every value of every map.
    ///
    /// # Errors
    /// A map whose size doesn't fit, a target outside of the batch or the classes.
    pub fn compute(&mut self, batch: usize, maps: &[Map<'_>], targets: &[Target]) -> Result<(Loss, Vec<Vec<f32>>)> {
        self.compute_masked(batch, maps, targets, &[])
    }

    /// [`compute`](Self::compute) for pictures in which not all classes are labelled. A cell that finds, apart from all
    /// labels, an object of a class that its picture does not label exhaustively, is neither right nor wrong.
    ///
    /// # Errors
    /// As [`compute`](Self::compute).
    pub fn compute_masked(
        &mut self,
        batch: usize,
        maps: &[Map<'_>],
        targets: &[Target],
        regions: &[Region],
    ) -> Result<(Loss, Vec<Vec<f32>>)> {
        self.check(batch, maps, targets)?;
        let (mut parts, mut matches) = ([0.0_f64; 3], 0);
        let mut gradients = Vec::with_capacity(maps.len());
        for (level, map) in maps.iter().enumerate() {
            let found = match_level(&self.anchors[level], [map.height, map.width], targets, self.hyp.anchor_t);
            matches += found.len();
            let mut gradient = vec![0.0; map.values.len()];
            let ignored = Ignored::find(map, self.nc, &self.anchors[level], targets, regions, &found);
            let labels = Labels { found: &found, regions, ignored: &ignored };
            let objectness = self.level(level, batch, map, &labels, &mut gradient, &mut parts);
            gradients.push(gradient);
            if self.autobalance.is_some() {
                self.balance[level] = self.balance[level] * 0.9999 + 0.0001 / objectness as f32;
            }
        }
        if let Some(fixed) = self.autobalance {
            let by = self.balance[fixed];
            self.balance.iter_mut().for_each(|balance| *balance /= by);
        }
        let gains = [self.hyp.box_gain, self.hyp.obj_gain, self.hyp.cls_gain];
        let parts: [f32; 3] = std::array::from_fn(|i| (parts[i] * f64::from(gains[i])) as f32);
        Ok((Loss { total: parts.iter().sum::<f32>() * batch as f32, parts, matches }, gradients))
    }

    /// Adds a level's parts (without gains), fills its gradient, returns its objectness loss.
    fn level(
        &self,
        level: usize,
        batch: usize,
        map: &Map<'_>,
        labels: &Labels<'_>,
        gradient: &mut [f32],
        parts: &mut [f64; 3],
    ) -> f64 {
        let (area, size, anchors) = (map.height * map.width, self.nc + 5, &self.anchors[level]);
        let scale = batch as f32;
        let mut wanted = vec![0.0_f32; batch * anchors.len() * area];
        let weights: f32 = labels.found.iter().map(|one| one.weight).sum();
        let classes = Bce { positive: self.hyp.cls_pw, gamma: self.hyp.fl_gamma };
        let (low, high) = (0.5 * self.hyp.label_smoothing, 1.0 - 0.5 * self.hyp.label_smoothing);
        for one in labels.found.iter().filter(|one| one.weight > 0.0) {
            let cell = one.row * map.width + one.column;
            let first = (one.image * anchors.len() + one.anchor) * size * area + cell;
            let raw: [f32; 4] = std::array::from_fn(|i| map.values[first + i * area]);
            let (iou, slope) = boxes::iou_of_raw(raw, anchors[one.anchor], one.bounds.map(f64::from));
            let share = one.weight / weights;
            parts[0] += f64::from(share) * (1.0 - iou);
            for (i, slope) in slope.into_iter().enumerate() {
                gradient[first + i * area] -= slope as f32 * share * self.hyp.box_gain * scale;
            }
            wanted[(one.image * anchors.len() + one.anchor) * area + cell] = (iou as f32).max(0.0) * one.weight;
            if self.nc > 1 {
                let share = share / self.nc as f32;
                let centre = [
                    (one.column as f32 + one.bounds[0]) / map.width as f32,
                    (one.row as f32 + one.bounds[1]) / map.height as f32,
                ];
                for class in 0..self.nc {
                    if class != one.class && self.hyp.mask_classes && !labels.exhaustive(one.image, centre, class) {
                        continue;
                    }
                    let place = first + (5 + class) * area;
                    let target = if class == one.class { high } else { low };
                    let (loss, slope) = classes.of(map.values[place], target);
                    parts[2] += f64::from(share) * loss;
                    gradient[place] += slope as f32 * share * self.hyp.cls_gain * scale;
                }
            }
        }
        let objectness = Bce { positive: self.hyp.obj_pw, gamma: self.hyp.fl_gamma };
        let cells = wanted.len() as f64;
        let gain = f64::from(self.balance[level] * self.hyp.obj_gain * scale) / cells;
        let mut sum = 0.0;
        for (plane, wanted) in wanted.chunks_exact(area.max(1)).enumerate() {
            let first = (plane * size + 4) * area;
            for (cell, &target) in wanted.iter().enumerate() {
                if labels.ignored.contains(plane * area + cell) {
                    continue;
                }
                let (loss, slope) = objectness.of(map.values[first + cell], target);
                sum += loss;
                gradient[first + cell] += (slope * gain) as f32;
            }
        }
        parts[1] += sum / cells * f64::from(self.balance[level]);
        sum / cells
    }

    fn check(&self, batch: usize, maps: &[Map<'_>], targets: &[Target]) -> Result<()> {
        let wrong = |message: String| Err(Error::new(ErrorKind::Argument, message).at("loss"));
        if maps.len() != self.anchors.len() {
            return wrong(format!("{} maps for {} levels of anchors", maps.len(), self.anchors.len()));
        }
        for (level, map) in maps.iter().enumerate() {
            let expected = batch * self.anchors[level].len() * (self.nc + 5) * map.height * map.width;
            if map.values.len() != expected || expected == 0 {
                return wrong(format!("map {level} has {} values, not {expected}", map.values.len()));
            }
        }
        let outside = |target: &&Target| {
            target.image >= batch
                || target.class >= self.nc
                || !target.bounds.iter().all(|side| side.is_finite())
                || target.weight.is_nan()
                || target.weight < 0.0
        };
        match targets.iter().find(outside) {
            Some(target) => wrong(format!("{target:?} doesn't fit {batch} pictures and {} classes", self.nc)),
            None => Ok(()),
        }
    }
}
