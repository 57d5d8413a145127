//! Labelled boxes and regions, in pixels.

use ghostdet::data::ClassSet;

/// `[x1, y1, x2, y2]` in pixels.
pub type Corners = [f32; 4];

/// A labelled box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelBox {
    /// Class number.
    pub class: usize,
    /// Its corners.
    pub bounds: Corners,
    /// 1 for a box drawn by a person, else the score of the network that drew it.
    pub score: f32,
}

/// A part of a picture in which not all classes are labelled exhaustively. Elsewhere they are.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelRegion {
    /// Its corners.
    pub bounds: Corners,
    /// The exhaustively labelled classes.
    pub exhaustive: ClassSet,
}

impl LabelBox {
    /// Width in pixels.
    pub fn width(&self) -> f32 {
        self.bounds[2] - self.bounds[0]
    }

    /// Height in pixels.
    pub fn height(&self) -> f32 {
        self.bounds[3] - self.bounds[1]
    }

    /// Cuts the box to `0..=width` and `0..=height`.
    pub fn clip(&mut self, width: f32, height: f32) {
        clip(&mut self.bounds, width, height);
    }
}

/// Cuts a box to `0..=width` and `0..=height`.
pub(super) fn clip(bounds: &mut Corners, width: f32, height: f32) {
    let [x1, y1, x2, y2] = *bounds;
    let (x, y) = (|v: f32| v.clamp(0.0, width.max(0.0)), |v: f32| v.clamp(0.0, height.max(0.0)));
    *bounds = [x(x1), y(y1), x(x2), y(y2)];
}

/// Multiplies a box's coordinates.
pub(super) fn scale(bounds: &mut Corners, x: f32, y: f32) {
    let [x1, y1, x2, y2] = *bounds;
    *bounds = [x1 * x, y1 * y, x2 * x, y2 * y];
}

/// Moves a box.
pub(super) fn shift(bounds: &mut Corners, x: f32, y: f32) {
    let [x1, y1, x2, y2] = *bounds;
    *bounds = [x1 + x, y1 + y, x2 + x, y2 + y];
}
