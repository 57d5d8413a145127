//! The random projective map of YOLOv5's `random_perspective`, and what it does to boxes.

use fastrand::Rng;

use super::boxes::{Corners, clip};
use super::{Augment, LabelBox, LabelRegion};

/// Boxes must keep more than this many pixels in width and height,
const LEAST_SIDE: f32 = 2.0;
/// more than this fraction of their (scaled) area,
const LEAST_AREA: f32 = 0.1;
/// and no side may be this many times the other.
const MOST_ASPECT: f32 = 100.0;

/// A projective map of pixel coordinates, from the old picture to the new one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transform {
    /// Rows of the matrix that maps `(x, y, 1)`.
    pub matrix: [[f64; 3]; 3],
    /// By how much it scales lengths (apart from shear and perspective).
    pub scale: f64,
}

impl Transform {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { matrix: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], scale: 1.0 };

    /// Perspective, rotation with scale, shear and shift, drawn from `rng` within the settings: the middle of the old
    /// picture lands near the middle of the new one. Sizes are (height, width).
    pub fn random(settings: &Augment, from: [usize; 2], to: [usize; 2], rng: &mut Rng) -> Self {
        let mut within = |most: f32| (rng.f64() * 2.0 - 1.0) * f64::from(most);
        let centre = [[1.0, 0.0, -(from[1] as f64) / 2.0], [0.0, 1.0, -(from[0] as f64) / 2.0], [0.0, 0.0, 1.0]];
        let (px, py) = (within(settings.perspective), within(settings.perspective));
        let perspective = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [px, py, 1.0]];
        let angle = within(settings.degrees).to_radians();
        let scale = 1.0 + within(settings.scale);
        let (c, s) = (angle.cos() * scale, angle.sin() * scale);
        let rotation = [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]];
        let (sx, sy) = (within(settings.shear).to_radians().tan(), within(settings.shear).to_radians().tan());
        let shear = [[1.0, sx, 0.0], [sy, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let (tx, ty) = (0.5 + within(settings.translate), 0.5 + within(settings.translate));
        let shift = [[1.0, 0.0, tx * to[1] as f64], [0.0, 1.0, ty * to[0] as f64], [0.0, 0.0, 1.0]];
        let matrix = [shear, rotation, perspective, centre].iter().fold(shift, |all, next| product(&all, next));
        Self { matrix, scale }
    }

    /// Whether nothing moves.
    pub fn is_identity(&self) -> bool {
        self.matrix == Self::IDENTITY.matrix
    }

    /// Where a point lands.
    pub fn point(&self, x: f64, y: f64) -> (f64, f64) {
        let [a, b, c] = self.matrix.map(|row| row[0] * x + row[1] * y + row[2]);
        (a / c, b / c)
    }

    /// The way back, if there is one.
    pub fn inverse(&self) -> Option<Self> {
        let m = &self.matrix;
        let minor = |r: usize, c: usize| {
            let (r1, r2, c1, c2) = ((r + 1) % 3, (r + 2) % 3, (c + 1) % 3, (c + 2) % 3);
            m[r1][c1] * m[r2][c2] - m[r1][c2] * m[r2][c1]
        };
        let determinant = m[0][0] * minor(0, 0) + m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
        if determinant == 0.0 || !determinant.is_finite() {
            return None;
        }
        let matrix = std::array::from_fn(|r| std::array::from_fn(|c| minor(c, r) / determinant));
        Some(Self { matrix, scale: 1.0 / self.scale })
    }

    /// The boxes around the moved boxes, cut to `size` (height, width). Those of which too little is left go.
    pub fn boxes(&self, boxes: &[LabelBox], size: [usize; 2]) -> Vec<LabelBox> {
        boxes.iter().filter_map(|old| self.moved(old, size)).collect()
    }

    /// The regions around the moved regions, cut to `size` (height, width). Empty ones go.
    pub fn regions(&self, regions: &[LabelRegion], size: [usize; 2]) -> Vec<LabelRegion> {
        let moved = |old: &LabelRegion| {
            let bounds = self.around(old.bounds, size);
            let left = bounds[2] > bounds[0] && bounds[3] > bounds[1];
            left.then(|| LabelRegion { bounds, ..old.clone() })
        };
        regions.iter().filter_map(moved).collect()
    }

    /// The box around a moved box, cut to `size` (height, width).
    fn around(&self, bounds: Corners, size: [usize; 2]) -> Corners {
        let [x1, y1, x2, y2] = bounds.map(f64::from);
        let corners = [(x1, y1), (x2, y2), (x1, y2), (x2, y1)].map(|(x, y)| self.point(x, y));
        let least = |pick: fn(&(f64, f64)) -> f64| corners.iter().map(pick).fold(f64::INFINITY, f64::min) as f32;
        let most = |pick: fn(&(f64, f64)) -> f64| corners.iter().map(pick).fold(f64::NEG_INFINITY, f64::max) as f32;
        let mut bounds = [least(|p| p.0), least(|p| p.1), most(|p| p.0), most(|p| p.1)];
        clip(&mut bounds, size[1] as f32, size[0] as f32);
        bounds
    }

    fn moved(&self, old: &LabelBox, size: [usize; 2]) -> Option<LabelBox> {
        let new = LabelBox { bounds: self.around(old.bounds, size), ..*old };
        let (w, h) = (new.width(), new.height());
        let before = old.width() * old.height() * (self.scale * self.scale) as f32;
        let aspect = (w / (h + 1e-16)).max(h / (w + 1e-16));
        let kept = w > LEAST_SIDE && h > LEAST_SIDE && w * h / (before + 1e-16) > LEAST_AREA && aspect < MOST_ASPECT;
        kept.then_some(new)
    }
}

fn product(a: &[[f64; 3]; 3], b: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    std::array::from_fn(|r| std::array::from_fn(|c| (0..3).map(|k| a[r][k] * b[k][c]).sum()))
}
