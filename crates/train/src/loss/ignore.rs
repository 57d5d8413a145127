//! Cells without an objectness loss.
//!
//! Two kinds of labels say less than "here is an object, and elsewhere is none": boxes of little certainty (weight 0), and
//! pictures in which not all classes are labelled ([`Region`]).

use super::boxes::decode;
use super::{Map, Match, Region, Target};

/// A cell whose box overlaps a box of weight 0 by this IoU is ignored.
const WEAK_IOU: f32 = 0.5;
/// A cell whose box overlaps a label by this IoU is a second find of it, whatever class it says.
const LABELLED_IOU: f32 = 0.3;

/// What is ignored on one level.
pub(super) struct Ignored {
    /// `(batch, anchors, height, width)`; empty if nothing is ignored.
    cells: Vec<bool>,
}

impl Ignored {
    /// Finds the cells of a level to ignore. Those that `found` matched with a certain label are never ignored.
    pub(super) fn find(
        map: &Map<'_>,
        nc: usize,
        anchors: &[[f32; 2]],
        targets: &[Target],
        regions: &[Region],
        found: &[Match],
    ) -> Self {
        if regions.is_empty() && targets.iter().all(|target| target.weight > 0.0) {
            return Self { cells: Vec::new() };
        }
        let area = map.height * map.width;
        let planes = map.values.len() / ((nc + 5) * area);
        let mut cells = vec![false; planes * area];
        for (plane, cells) in cells.chunks_exact_mut(area).enumerate() {
            let (image, anchor) = (plane / anchors.len(), plane % anchors.len());
            let targets: Vec<&Target> = targets.iter().filter(|target| target.image == image).collect();
            let regions: Vec<&Region> = regions.iter().filter(|region| region.image == image).collect();
            if regions.is_empty() && targets.iter().all(|target| target.weight > 0.0) {
                continue;
            }
            let values = &map.values[plane * (nc + 5) * area..][..(nc + 5) * area];
            let classes = if regions.is_empty() { Vec::new() } else { likeliest(&values[5 * area..], area) };
            for (cell, ignored) in cells.iter_mut().enumerate() {
                let (row, column) = (cell / map.width, cell % map.width);
                let raw = std::array::from_fn(|i| values[i * area + cell]);
                let [x, y, w, h] = decode(raw, anchors[anchor]);
                let (width, height) = (map.width as f32, map.height as f32);
                let predicted = [(column as f32 + x) / width, (row as f32 + y) / height, w / width, h / height];
                let overlap = |weak: bool| {
                    let of_kind = targets.iter().filter(|target| (target.weight == 0.0) == weak);
                    of_kind.map(|target| iou(predicted, target.bounds)).fold(0.0, f32::max)
                };
                let centre = [(column as f32 + 0.5) / width, (row as f32 + 0.5) / height];
                let unlabelled = || {
                    let class = classes[cell];
                    regions.iter().any(|region| region.holds(centre) && !region.exhaustive.contains(class))
                        && overlap(false) < LABELLED_IOU
                };
                *ignored = overlap(true) > WEAK_IOU || (!regions.is_empty() && unlabelled());
            }
        }
        let at = |one: &Match| (one.image * anchors.len() + one.anchor) * area + one.row * map.width + one.column;
        found.iter().filter(|one| one.weight == 0.0).for_each(|one| cells[at(one)] = true);
        found.iter().filter(|one| one.weight > 0.0).for_each(|one| cells[at(one)] = false);
        Self { cells }
    }

    pub(super) fn contains(&self, cell: usize) -> bool {
        self.cells.get(cell).copied().unwrap_or(false)
    }
}

/// The class of the largest logit in every cell.
fn likeliest(logits: &[f32], area: usize) -> Vec<usize> {
    let mut best = vec![(f32::NEG_INFINITY, 0); area];
    for (class, plane) in logits.chunks_exact(area).enumerate() {
        for (best, &logit) in best.iter_mut().zip(plane) {
            if logit > best.0 {
                *best = (logit, class);
            }
        }
    }
    best.into_iter().map(|(_, class)| class).collect()
}

/// IoU of two boxes, centre and size.
fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    let shared = |i: usize| {
        let end = (a[i] + a[i + 2] / 2.0).min(b[i] + b[i + 2] / 2.0);
        let start = (a[i] - a[i + 2] / 2.0).max(b[i] - b[i + 2] / 2.0);
        (end - start).max(0.0)
    };
    let both = shared(0) * shared(1);
    both / (a[2] * a[3] + b[2] * b[3] - both + 1e-9)
}
