//! Lines and zones in a picture, at which tracks are counted.

use crate::detection::Detection;
use crate::{Error, ErrorKind, Result};

/// A zone has at most this many corners.
const MAX_CORNERS: usize = 1000;

/// The point of a box that has to cross a border.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anchor {
    /// The centre.
    #[default]
    Center,
    /// The middle of the lower edge: where somebody stands.
    Bottom,
}

/// What is crossed, in pixels of the picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A straight line from start to end. For who looks from its start to its end, "in" is from left to right: a line that is
    /// drawn from left to right is crossed inwards by what goes down.
    Line([[f32; 2]; 2]),
    /// A polygon by its corners, closed by itself.
    Zone(Vec<[f32; 2]>),
}

/// A line or a zone with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Border {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub shape: Shape,
    /// The point of a box that has to cross it.
    pub anchor: Anchor,
}

impl Border {
    /// A line, crossed by centres.
    pub fn line(name: impl Into<String>, start: [f32; 2], end: [f32; 2]) -> Self {
        Self { name: name.into(), shape: Shape::Line([start, end]), anchor: Anchor::Center }
    }

    /// A zone, entered and left by centres.
    pub fn zone(name: impl Into<String>, corners: Vec<[f32; 2]>) -> Self {
        Self { name: name.into(), shape: Shape::Zone(corners), anchor: Anchor::Center }
    }

    /// Whether its shape can be crossed.
    ///
    /// # Errors
    /// Coordinates that are not numbers, a line without length, a zone without area or with too many corners.
    pub fn check(&self) -> Result<()> {
        let refuse = |message: &str, hint: &str| {
            Err(Error::new(ErrorKind::Argument, message).at(format!("{:?}", self.name)).hint(hint))
        };
        let corners = self.corners();
        if corners.len() > MAX_CORNERS {
            return refuse("the zone has more than 1000 corners", "draw a simpler one");
        }
        if corners.iter().flatten().any(|v| !v.is_finite()) {
            return refuse("a coordinate is not a number", "expected x and y in pixels");
        }
        match &self.shape {
            Shape::Line([start, end]) if start == end => {
                refuse("the line's start and end are the same point", "expected two different points")
            }
            Shape::Zone(corners) if !has_area(corners) => {
                refuse("the zone has no area", "expected three corners or more that do not lie on one line")
            }
            _ => Ok(()),
        }
    }

    /// Whether it is a line; else it is a zone.
    pub fn is_line(&self) -> bool {
        matches!(self.shape, Shape::Line(_))
    }

    /// A line's start and end, or a zone's corners.
    pub fn corners(&self) -> &[[f32; 2]] {
        match &self.shape {
            Shape::Line(ends) => ends,
            Shape::Zone(corners) => corners,
        }
    }

    /// The point of a detection that has to cross it.
    pub(super) fn anchor(&self, detection: &Detection) -> [f64; 2] {
        let [x1, y1, x2, y2] = detection.bounds.map(f64::from);
        let y = if self.anchor == Anchor::Bottom { y2 } else { (y1 + y2) / 2.0 };
        [(x1 + x2) / 2.0, y]
    }

    /// How far a point is from the border: above 0 on its inner side, below on its outer.
    pub(super) fn distance(&self, point: [f64; 2]) -> f64 {
        match &self.shape {
            Shape::Line([start, end]) => side(start.map(f64::from), end.map(f64::from), point),
            Shape::Zone(corners) => {
                let (mut inside, mut nearest) = (false, f64::INFINITY);
                for (a, b) in edges(corners) {
                    nearest = nearest.min(distance_to(a, b, point));
                    if (a[1] > point[1]) != (b[1] > point[1]) {
                        let x = a[0] + (point[1] - a[1]) / (b[1] - a[1]) * (b[0] - a[0]);
                        inside ^= point[0] < x;
                    }
                }
                if inside { nearest } else { -nearest }
            }
        }
    }

    /// Whether the way between two points, which lie on different sides, leads through the border: a line ends somewhere.
    pub(super) fn meets(&self, from: [f64; 2], to: [f64; 2]) -> bool {
        let Shape::Line([start, end]) = &self.shape else { return true };
        let (a, b) = (side(from, to, start.map(f64::from)), side(from, to, end.map(f64::from)));
        from != to && (a <= 0.0) != (b <= 0.0)
    }
}

/// The distance of a point from the straight line through `a` and `b`, above 0 on the right of who looks from `a` to `b`
/// (y points down).
fn side(a: [f64; 2], b: [f64; 2], point: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    (dx * (point[1] - a[1]) - dy * (point[0] - a[0])) / length(dx, dy)
}

/// The distance of a point from the part of the line between `a` and `b`.
fn distance_to(a: [f64; 2], b: [f64; 2], point: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let square = dx * dx + dy * dy;
    let along = if square > 0.0 { ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / square } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    length(a[0] + along * dx - point[0], a[1] + along * dy - point[1])
}

fn length(x: f64, y: f64) -> f64 {
    (x * x + y * y).sqrt()
}

fn edges(corners: &[[f32; 2]]) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
    let next = corners.iter().cycle().skip(1);
    corners.iter().zip(next).map(|(a, b)| (a.map(f64::from), b.map(f64::from)))
}

/// Whether three of the corners do not lie on one line.
fn has_area(corners: &[[f32; 2]]) -> bool {
    let Some((first, rest)) = corners.split_first() else { return false };
    let Some(other) = rest.iter().find(|corner| *corner != first) else { return false };
    let [a, b] = [first, other].map(|corner| corner.map(f64::from));
    rest.iter().any(|corner| side(a, b, corner.map(f64::from)).abs() > 1e-6)
}
