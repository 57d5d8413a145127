//! Labelled boxes in pixels.

/// A labelled box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelBox {
    /// Class number.
    pub class: usize,
    /// `[x1, y1, x2, y2]` in pixels.
    pub bounds: [f32; 4],
    /// 1 for a box that a person drew; else the score of the network that drew it.
    pub weight: f32,
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
        let [x1, y1, x2, y2] = self.bounds;
        let (x, y) = (|v: f32| v.clamp(0.0, width.max(0.0)), |v: f32| v.clamp(0.0, height.max(0.0)));
        self.bounds = [x(x1), y(y1), x(x2), y(y2)];
    }

    /// Multiplies its coordinates.
    pub fn scale(&mut self, x: f32, y: f32) {
        let [x1, y1, x2, y2] = self.bounds;
        self.bounds = [x1 * x, y1 * y, x2 * x, y2 * y];
    }

    /// Moves it.
    pub fn shift(&mut self, x: f32, y: f32) {
        let [x1, y1, x2, y2] = self.bounds;
        self.bounds = [x1 + x, y1 + y, x2 + x, y2 + y];
    }
}
