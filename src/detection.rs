//! From raw maps to boxes: decode, NMS, scaling back, metrics.
//!
//! [`Detector`](crate::Detector) calls these in order. They are public for who runs the network elsewhere.
//!
//! ```text
//! raw maps (logits)  decode  ->  predictions (x y w h objectness classes)  nms  ->  detections  scale_boxes  ->  image
//! ```
//!
//! ```
//! use ghostdet::detection::{NmsOptions, RawMap, decode, nms};
//!
//! // One level of one cell and one anchor, two classes: logits of x, y, w, h, objectness and the classes.
//! let map = RawMap { height: 1, width: 1, data: vec![0.0, 0.0, 0.0, 0.0, 3.0, -2.0, 2.0] };
//! let predictions = decode(&[map], &[32.0], &[vec![[40.0, 20.0]]], 2)?;
//! let found = nms(&predictions, &NmsOptions::default());
//! assert_eq!(found.len(), 1);
//! assert_eq!(found[0].class, 1);
//! assert_eq!(found[0].bounds, [-4.0, 6.0, 36.0, 26.0]); // 40x20 around (16, 16), in pixels of the network's input
//! # Ok::<(), ghostdet::Error>(())
//! ```

pub mod boxes;
mod decode;
pub mod metrics;
mod nms;

pub use boxes::{RatioPad, scale_boxes};
pub use decode::{Candidate, Predictions, RawMap, decode, decode_above, decode_candidates, threshold_logit};
pub use nms::nms;

/// The objectness below which a detector forgets a cell; its sliders reach down to here.
pub const DETECT_THRESHOLD: f32 = 0.01;

/// The same for validation, which looks at nearly everything.
pub const VAL_THRESHOLD: f32 = 0.001;

/// One found object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// `[x1, y1, x2, y2]` in pixels.
    pub bounds: [f32; 4],
    /// Objectness times class probability.
    pub score: f32,
    /// Class number.
    pub class: usize,
}

/// How decoded predictions become boxes.
#[derive(Clone, Debug, PartialEq)]
pub struct NmsOptions {
    /// Only scores above this (strictly) are kept.
    pub conf: f32,
    /// Of two boxes of a class that overlap by more than this, the lower one goes.
    pub iou: f64,
    /// Only these classes, if any are given.
    pub classes: Option<Vec<usize>>,
    /// Suppress across classes.
    pub agnostic: bool,
    /// One cell may give several classes (validation).
    pub multi_label: bool,
    /// At most this many boxes.
    pub max_det: usize,
}

impl NmsOptions {
    /// The settings of validation: low threshold, several classes a cell.
    pub fn validation() -> Self {
        Self { conf: 0.001, iou: 0.6, multi_label: true, ..Self::default() }
    }
}

impl Default for NmsOptions {
    fn default() -> Self {
        Self { conf: 0.25, iou: 0.45, classes: None, agnostic: false, multi_label: false, max_det: 300 }
    }
}
