//! Raw maps (logits) to predictions (`x y w h objectness classes`).

use crate::{Error, ErrorKind, Result};

/// One detect level of one picture: logits, channels last, `[height][width][anchors * (nc + 5)]`.
#[derive(Clone, Debug, PartialEq)]
pub struct RawMap {
    /// Rows of cells.
    pub height: usize,
    /// Columns of cells.
    pub width: usize,
    /// `height * width * anchors * (nc + 5)` logits.
    pub data: Vec<f32>,
}

/// Decoded predictions, one row of `nc + 5` values a cell and anchor: `x y w h` in pixels of the network's input
/// (centre), objectness, class probabilities. Order: level, anchor, y, x.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Number of classes.
    pub nc: usize,
    /// The rows, one after the other.
    pub rows: Vec<f32>,
}

impl Predictions {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len() / (self.nc + 5)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows.
    pub fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.rows.chunks_exact(self.nc + 5)
    }
}

/// Decodes every cell. `anchors_px` are width and height in pixels, a list a level. A logit that is not a number is
/// an error of kind [`ErrorKind::Numeric`].
///
/// # Errors
/// A logit that is not a number ([`ErrorKind::Numeric`]); maps that don't fit strides, anchors and classes.
pub fn decode(maps: &[RawMap], strides: &[f64], anchors_px: &[Vec<[f32; 2]>], nc: usize) -> Result<Predictions> {
    run(maps, strides, anchors_px, nc, f32::NEG_INFINITY)
}

/// Decodes only cells whose objectness is above `threshold`: nothing is computed for the rest, so a change of the
/// thresholds later costs only another [`nms`](super::nms()) over what is kept here.
///
/// # Errors
/// As [`decode`].
pub fn decode_above(
    maps: &[RawMap],
    strides: &[f64],
    anchors_px: &[Vec<[f32; 2]>],
    nc: usize,
    threshold: f32,
) -> Result<Predictions> {
    run(maps, strides, anchors_px, nc, threshold_logit(threshold)?)
}

/// The objectness logit of `threshold` (a probability), rounded down a little: a cell right at the threshold rather stays, NMS
/// compares exactly. Everything is above a threshold of 0.
///
/// # Errors
/// A threshold that is not a number.
pub fn threshold_logit(threshold: f32) -> Result<f32> {
    if threshold.is_nan() {
        return Err(Error::new(ErrorKind::Argument, "the lowest objectness is not a number").hint("use 0 to 1"));
    }
    Ok(if threshold <= 0.0 {
        f32::NEG_INFINITY
    } else if threshold >= 1.0 {
        f32::INFINITY
    } else {
        let threshold = f64::from(threshold);
        ((threshold / (1.0 - threshold)).ln() - 1e-5) as f32
    })
}

/// One cell of a detect level, for one of its anchors, as a device picked it.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// `(anchor * height + y) * width + x`.
    pub index: usize,
    /// `x y w h`, objectness, classes: `nc + 5` logits.
    pub logits: Vec<f32>,
}

/// Decodes cells that were picked already: per level those of a map of `sizes` (`[height, width]`), in the order of
/// their index.
///
/// # Errors
/// Levels that don't go together; a logit that is not a number.
pub fn decode_candidates(
    levels: &[Vec<Candidate>],
    sizes: &[[usize; 2]],
    strides: &[f64],
    anchors_px: &[Vec<[f32; 2]>],
    nc: usize,
) -> Result<Predictions> {
    if [sizes.len(), strides.len(), anchors_px.len()].iter().any(|&n| n != levels.len()) {
        return Err(Error::new(ErrorKind::Argument, "cells, sizes, strides and anchors do not go together"));
    }
    let mut rows = Vec::new();
    for (level, cells) in levels.iter().enumerate() {
        let [height, width] = sizes[level];
        if height * width == 0 && !cells.is_empty() {
            return Err(Error::new(ErrorKind::Argument, format!("cells of detect level {level}, which has none")));
        }
        for cell in cells {
            let (anchor, pixel) = (cell.index / (height * width), cell.index % (height * width));
            let place = Place { level, anchor, y: pixel / width, x: pixel % width };
            let Some(&size) = anchors_px[level].get(anchor).filter(|_| cell.logits.len() == nc + 5) else {
                return Err(
                    Error::new(ErrorKind::Argument, "a cell that the level does not have").at(place.to_string())
                );
            };
            push(&mut rows, &cell.logits, &place, strides[level] as f32, size)?;
        }
    }
    Ok(Predictions { nc, rows })
}

/// Where a cell is.
struct Place {
    level: usize,
    anchor: usize,
    y: usize,
    x: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "detect level {}, anchor {}, row {}, column {}", self.level, self.anchor, self.y, self.x)
    }
}

/// Decodes one cell to a row.
fn push(rows: &mut Vec<f32>, cell: &[f32], place: &Place, stride: f32, anchor: [f32; 2]) -> Result<()> {
    if cell.iter().any(|v| v.is_nan()) {
        return Err(Error::new(ErrorKind::Numeric, "the network computed something that is not a number")
            .at(place.to_string())
            .hint("the weights or the device are broken; try --device cpu"));
    }
    rows.push((2.0 * sigmoid(cell[0]) + (place.x as f32 - 0.5)) * stride);
    rows.push((2.0 * sigmoid(cell[1]) + (place.y as f32 - 0.5)) * stride);
    let (w, h) = (2.0 * sigmoid(cell[2]), 2.0 * sigmoid(cell[3]));
    rows.push(w * w * anchor[0]);
    rows.push(h * h * anchor[1]);
    rows.extend(cell[4..].iter().map(|&v| sigmoid(v)));
    Ok(())
}

fn run(maps: &[RawMap], strides: &[f64], anchors: &[Vec<[f32; 2]>], nc: usize, least: f32) -> Result<Predictions> {
    if maps.len() != strides.len() || maps.len() != anchors.len() {
        let (m, s, a) = (maps.len(), strides.len(), anchors.len());
        let text = format!("{m} detect maps, {s} strides and {a} lists of anchors do not go together");
        return Err(Error::new(ErrorKind::Argument, text));
    }
    let no = nc + 5;
    let mut rows = Vec::new();
    if least == f32::NEG_INFINITY {
        rows.reserve_exact(maps.iter().map(|m| m.data.len()).sum());
    }
    for (level, ((map, &stride), anchors)) in maps.iter().zip(strides).zip(anchors).enumerate() {
        let channels = no * anchors.len();
        let size = map.height.checked_mul(map.width).and_then(|cells| cells.checked_mul(channels));
        if size != Some(map.data.len()) {
            let (h, w, n) = (map.height, map.width, map.data.len());
            let text = format!("a map of {h} x {w} cells and {channels} channels can't have {n} values");
            return Err(Error::new(ErrorKind::Argument, text).at(format!("detect level {level}")));
        }
        for (a, anchor) in anchors.iter().enumerate() {
            for y in 0..map.height {
                for x in 0..map.width {
                    let start = (y * map.width + x) * channels + a * no;
                    let cell = &map.data[start..start + no];
                    if cell[4] <= least && least != f32::NEG_INFINITY {
                        continue;
                    }
                    push(&mut rows, cell, &Place { level, anchor: a, y, x }, stride as f32, *anchor)?;
                }
            }
        }
    }
    Ok(Predictions { nc, rows })
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
