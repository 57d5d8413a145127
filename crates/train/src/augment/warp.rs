//! A picture through a [`Transform`], bilinear.

use std::ops::Range;

use ghostdet::image::Image;

use super::{BORDER, Transform};

/// Fraction bits of places in the old picture.
const BITS: u32 = 20;
const ONE: f64 = (1 << BITS) as f64;
/// Places further out than this (pixels) are all border.
const FAR: f64 = 1e6;

/// The moved picture, `size` (height, width); what the old one doesn't cover is grey (114).
pub fn warp(picture: &Image, transform: &Transform, size: [usize; 2]) -> Image {
    let [height, width] = size.map(|side| side.max(1));
    let mut rgb = vec![BORDER; width * height * 3];
    if let Some(back) = transform.inverse() {
        let affine = back.matrix[2][0] == 0.0 && back.matrix[2][1] == 0.0;
        for (y, row) in rgb.chunks_exact_mut(width * 3).enumerate() {
            let (pixels, _) = row.as_chunks_mut::<3>();
            if affine {
                affine_row(picture, &back, y as f64, pixels);
            } else {
                for (x, to) in pixels.iter_mut().enumerate() {
                    let (px, py) = back.point(x as f64, y as f64);
                    if let (Some(px), Some(py)) = (fixed(px), fixed(py)) {
                        edge(picture, px, py, to);
                    }
                }
            }
        }
    }
    Image { width, height, rgb }
}

fn fixed(place: f64) -> Option<i64> {
    (place.abs() < FAR).then_some((place * ONE).round() as i64)
}

/// Along a row the place in the old picture moves by equal steps.
fn affine_row(picture: &Image, back: &Transform, y: f64, pixels: &mut [[u8; 3]]) {
    let (x0, y0) = back.point(0.0, y);
    let w = back.matrix[2][2];
    let steps = (fixed(back.matrix[0][0] / w), fixed(back.matrix[1][0] / w));
    let (Some(x0), Some(y0), (Some(dx), Some(dy))) = (fixed(x0), fixed(y0), steps) else { return };
    let place = |i: usize| (x0 + dx * i as i64, y0 + dy * i as i64);
    // Where all four neighbours are inside, no pixel has to be asked for.
    let last = |side: usize| (side as i64 - 1) << BITS;
    let inner_x = inside(x0, dx, 0, last(picture.width), pixels.len());
    let inner_y = inside(y0, dy, 0, last(picture.height), pixels.len());
    let start = inner_x.start.max(inner_y.start);
    let end = inner_x.end.min(inner_y.end).max(start);
    for i in (0..start).chain(end..pixels.len()) {
        let (px, py) = place(i);
        edge(picture, px, py, &mut pixels[i]);
    }
    let stride = picture.width * 3;
    let (mut px, mut py) = place(start);
    for to in &mut pixels[start..end] {
        let at = (py >> BITS) as usize * stride + (px >> BITS) as usize * 3;
        let (above, below) = (&picture.rgb[at..at + 6], &picture.rgb[at + stride..at + stride + 6]);
        let (fx, fy) = (weight(px), weight(py));
        for c in 0..3 {
            let top = u32::from(above[c]) * (256 - fx) + u32::from(above[c + 3]) * fx;
            let bottom = u32::from(below[c]) * (256 - fx) + u32::from(below[c + 3]) * fx;
            to[c] = ((top * (256 - fy) + bottom * fy + (1 << 15)) >> 16) as u8;
        }
        px += dx;
        py += dy;
    }
}

/// The fraction of a place in 256ths.
fn weight(place: i64) -> u32 {
    (place >> (BITS - 8)) as u32 & 255
}

/// Which of the first `count` places `start + step * i` are in `low..high`.
fn inside(start: i64, step: i64, low: i64, high: i64, count: usize) -> Range<usize> {
    let (start, step, low, high) = if step < 0 { (-start, -step, 1 - high, 1 - low) } else { (start, step, low, high) };
    if step == 0 {
        return if (low..high).contains(&start) { 0..count } else { 0..0 };
    }
    let first = |bound: i64| (bound - start + step - 1).div_euclid(step).clamp(0, count as i64) as usize;
    first(low)..first(high)
}

/// A pixel some of whose neighbours may be outside.
fn edge(picture: &Image, px: i64, py: i64, to: &mut [u8; 3]) {
    let (x, y) = (px >> BITS, py >> BITS);
    let (w, h) = (picture.width as i64, picture.height as i64);
    if x < -1 || y < -1 || x >= w || y >= h {
        return;
    }
    let pixel = |x: i64, y: i64| match (0..w).contains(&x) && (0..h).contains(&y) {
        true => {
            let at = (y * w + x) as usize * 3;
            [picture.rgb[at], picture.rgb[at + 1], picture.rgb[at + 2]]
        }
        false => [BORDER; 3],
    };
    let (fx, fy) = (weight(px), weight(py));
    let corners = [pixel(x, y), pixel(x + 1, y), pixel(x, y + 1), pixel(x + 1, y + 1)];
    for c in 0..3 {
        let [a, b, d, e] = corners.map(|p| u32::from(p[c]));
        let (top, bottom) = (a * (256 - fx) + b * fx, d * (256 - fx) + e * fx);
        to[c] = ((top * (256 - fy) + bottom * fy + (1 << 15)) >> 16) as u8;
    }
}
