//! CIoU and its gradient, by dual numbers.

use std::f64::consts::PI;
use std::ops::{Add, Div, Mul, Sub};

/// Keeps divisions finite, as in the reference.
const EPSILON: f64 = 1e-7;

/// A value with its derivatives by the four numbers of the predicted box.
#[derive(Clone, Copy)]
struct Dual {
    value: f64,
    slope: [f64; 4],
}

impl Dual {
    fn constant(value: f64) -> Self {
        Self { value, slope: [0.0; 4] }
    }

    fn variable(value: f64, which: usize) -> Self {
        let mut slope = [0.0; 4];
        slope[which] = 1.0;
        Self { value, slope }
    }

    /// A function's value here and its derivative.
    fn map(self, value: f64, derivative: f64) -> Self {
        Self { value, slope: self.slope.map(|slope| slope * derivative) }
    }

    /// The smaller one; of equal ones each gives half of the derivative, as in PyTorch.
    fn min(self, other: Self) -> Self {
        match self.value.total_cmp(&other.value) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Equal => (self + other) * Self::constant(0.5),
            std::cmp::Ordering::Greater => other,
        }
    }

    /// The larger one.
    fn max(self, other: Self) -> Self {
        let turn = Self::constant(-1.0);
        (self * turn).min(other * turn) * turn
    }

    /// Not below 0.
    fn positive(self) -> Self {
        if self.value >= 0.0 { self } else { Self::constant(0.0) }
    }

    fn square(self) -> Self {
        self * self
    }

    fn atan(self) -> Self {
        self.map(self.value.atan(), 1.0 / (1.0 + self.value * self.value))
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: std::array::from_fn(|i| self.slope[i] + other.slope[i]) }
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { value: self.value - other.value, slope: std::array::from_fn(|i| self.slope[i] - other.slope[i]) }
    }
}

impl Mul for Dual {
    type Output = Self;
    #[expect(clippy::suspicious_arithmetic_impl, reason = "the product rule is a sum")]
    fn mul(self, other: Self) -> Self {
        let slope = std::array::from_fn(|i| self.slope[i] * other.value + self.value * other.slope[i]);
        Self { value: self.value * other.value, slope }
    }
}

impl Div for Dual {
    type Output = Self;
    #[expect(clippy::suspicious_arithmetic_impl, reason = "the quotient rule has a product")]
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: std::array::from_fn(|i| (self.slope[i] - value * other.slope[i]) / other.value) }
    }
}

/// CIoU of a predicted and a true box, both `[centre x, centre y, width, height]`, and its derivatives by the predicted
/// box's four numbers. The weight of the aspect term counts as a constant.
pub fn ciou(predicted: [f64; 4], truth: [f64; 4]) -> (f64, [f64; 4]) {
    let p: [Dual; 4] = std::array::from_fn(|i| Dual::variable(predicted[i], i));
    let t = truth.map(Dual::constant);
    let half = Dual::constant(0.5);
    let edges = |b: [Dual; 4], i: usize| (b[i] - b[i + 2] * half, b[i] + b[i + 2] * half);
    let zero = Dual::constant(0.0);
    let epsilon = Dual::constant(EPSILON);
    let (mut shared, mut diagonal, mut distance) = (Dual::constant(1.0), epsilon, zero);
    for i in 0..2 {
        let ((p1, p2), (t1, t2)) = (edges(p, i), edges(t, i));
        shared = shared * (p2.min(t2) - p1.max(t1)).positive();
        diagonal = diagonal + (p2.max(t2) - p1.min(t1)).square();
        distance = distance + (t[i] - p[i]).square();
    }
    let iou = shared / (p[2] * p[3] + t[2] * t[3] - shared + epsilon);
    let aspect = (t[2] / t[3]).atan() - (p[2] / p[3]).atan();
    let v = Dual::constant(4.0 / (PI * PI)) * aspect.square();
    let alpha = Dual::constant(v.value / (v.value - iou.value + 1.0 + EPSILON));
    let result = iou - (distance / diagonal + v * alpha);
    (result.value, result.slope)
}

/// The box that a cell's four raw values say: centre relative to the cell, and size, in cells.
pub(super) fn decode(raw: [f32; 4], anchor: [f32; 2]) -> [f32; 4] {
    let s = raw.map(|raw| 1.0 / (1.0 + (-raw).exp()));
    let side = |i: usize| (2.0 * s[i + 2]).powi(2) * anchor[i];
    [2.0 * s[0] - 0.5, 2.0 * s[1] - 0.5, side(0), side(1)]
}

/// CIoU of what a cell's four raw values say, and its derivatives by them. `anchor` and `truth` are in cells.
pub(super) fn iou_of_raw(raw: [f32; 4], anchor: [f32; 2], truth: [f64; 4]) -> (f64, [f64; 4]) {
    let s = raw.map(|raw| 1.0 / (1.0 + (-f64::from(raw)).exp()));
    let anchor = anchor.map(f64::from);
    let side = |i: usize| (2.0 * s[i + 2]).powi(2) * anchor[i];
    let (iou, slope) = ciou([2.0 * s[0] - 0.5, 2.0 * s[1] - 0.5, side(0), side(1)], truth);
    let bend = |i: usize| match i {
        0 | 1 => 2.0 * s[i] * (1.0 - s[i]),
        _ => anchor[i - 2] * 8.0 * s[i] * s[i] * (1.0 - s[i]),
    };
    (iou, std::array::from_fn(|i| slope[i] * bend(i)))
}
