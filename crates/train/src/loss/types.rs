//! What the loss takes and gives.

use ghostdet::data::ClassSet;
use serde::{Deserialize, Serialize};

/// One labelled object of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Picture of the batch.
    pub image: usize,
    /// Class number.
    pub class: usize,
    /// Centre and size `x, y, w, h` as fractions of the picture.
    pub bounds: [f32; 4],
    /// How much it counts: 1 for a box drawn by a person, less for one that a network was not sure of. 0 for weak
    /// evidence: no object to find, but finding one there is no mistake.
    pub weight: f32,
}

/// A part of a picture in which not all classes are labelled exhaustively. Where there is none, all are.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// Picture of the batch.
    pub image: usize,
    /// `x1, y1, x2, y2` as fractions of the picture.
    pub corners: [f32; 4],
    /// The exhaustively labelled classes.
    pub exhaustive: ClassSet,
}

impl Region {
    /// Whether a point (fractions of the picture) lies in it.
    pub(super) fn holds(&self, [x, y]: [f32; 2]) -> bool {
        let [x1, y1, x2, y2] = self.corners;
        (x1..=x2).contains(&x) && (y1..=y2).contains(&y)
    }
}

/// Gains and switches, as the reference's hyperparameters name them. Gains are used as they stand:
/// [`Hyperparameters::scaled`] fits them to a network.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hyperparameters {
    /// Gain of the box loss.
    #[serde(rename = "box")]
    pub box_gain: f32,
    /// Gain of the class loss.
    #[serde(rename = "cls")]
    pub cls_gain: f32,
    /// Gain of the objectness loss.
    #[serde(rename = "obj")]
    pub obj_gain: f32,
    /// Weight of positive classes.
    pub cls_pw: f32,
    /// Weight of positive objectness.
    pub obj_pw: f32,
    /// Labels match anchors whose sides differ by less than this factor.
    pub anchor_t: f32,
    /// Focal loss's exponent; 0 for none.
    pub fl_gamma: f32,
    /// Takes this much of certainty from the class targets.
    pub label_smoothing: f32,
    /// Whether an object has no negatives of the classes that are not labelled exhaustively in its picture.
    pub mask_classes: bool,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        Self {
            box_gain: 0.05,
            cls_gain: 0.5,
            obj_gain: 1.0,
            cls_pw: 1.0,
            obj_pw: 1.0,
            anchor_t: 4.0,
            fl_gamma: 0.0,
            label_smoothing: 0.0,
            mask_classes: false,
        }
    }
}

impl Hyperparameters {
    /// The gains for a network of `nc` classes and `levels` detect maps on pictures of `imgsz` pixels.
    pub fn scaled(self, nc: usize, levels: usize, imgsz: usize) -> Self {
        let share = 3.0 / levels as f32;
        Self {
            box_gain: self.box_gain * share,
            cls_gain: self.cls_gain * nc as f32 / 80.0 * share,
            obj_gain: self.obj_gain * (imgsz as f32 / 640.0).powi(2) * share,
            ..self
        }
    }
}

/// A raw map: `(batch, anchors, nc + 5, height, width)`, in the order the network gives it.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    /// The values.
    pub values: &'a [f32],
    /// Cells from top to bottom.
    pub height: usize,
    /// Cells from left to right.
    pub width: usize,
}

/// A loss with its parts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loss {
    /// The sum of the parts times the batch size: what the gradients belong to.
    pub total: f32,
    /// Box, objectness and class part, with their gains.
    pub parts: [f32; 3],
    /// Labels' matches, over all levels.
    pub matches: usize,
}
