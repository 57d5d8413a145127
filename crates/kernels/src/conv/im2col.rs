//! Implicit im2col: where each tap of a tile of pixels reads in the input map.
//!
//! Taps of pixels inside the map are contiguous: one base address and offsets that all such tiles share. Tiles at the border
//! use an indirection buffer with a pointer per tap and pixel, which points to zeros outside of the map.

use super::pack::PackedConv;
use crate::Map;
use crate::job::Job;

/// The offsets of the taps of pixels whose window lies inside the map.
pub struct TapOffsets {
    /// Floats from the first tap to the start of each run, row by row.
    pub starts: Vec<usize>,
    /// Runs in a row of taps: one if its taps follow each other in memory, else one per tap.
    columns: usize,
    /// Floats in a run.
    pub run: usize,
    /// Floats from a tap of a pixel to the same tap of the next pixel.
    pub step: usize,
}

impl TapOffsets {
    /// For a convolution that reads `input`.
    pub fn new(packed: &PackedConv, input: &Map) -> Self {
        let shape = &packed.shape;
        let ([kh, kw], cin) = (shape.kernel, shape.channels[0] / shape.groups);
        let merge = input.stride == cin && shape.dilation == 1;
        let (columns, run) = if merge { (1, kw * cin) } else { (kw, cin) };
        let start = |i: usize| (i / columns * input.width + i % columns) * shape.dilation * input.stride;
        let starts = (0..kh * columns).map(start).collect();
        Self { starts, columns, run, step: shape.stride[1] * input.stride }
    }
}

/// Where the taps of one tile are.
#[derive(Clone, Copy)]
pub enum Taps {
    /// At `first` plus [`TapOffsets::starts`]. Runs `from..to` only: the others are above or below the map.
    Contiguous { first: *const f32, from: usize, to: usize },
    /// `entries` entries of the indirection buffer from `start` on, each with `run` floats.
    Indirect { start: usize, entries: usize, run: usize },
}

/// The taps of the MR pixels from `start` on, at `[y, x]`, if their windows lie inside the map's columns.
///
/// # Safety
/// As for [`super::conv::convolve`].
#[inline(always)]
pub unsafe fn contiguous<const MR: usize>(
    job: &Job<'_, PackedConv>,
    offsets: &TapOffsets,
    base: *const f32,
    start: usize,
    end: usize,
    [y, x]: [usize; 2],
) -> Option<Taps> {
    let (shape, input) = (&job.packed.shape, &job.input);
    if start + MR > end {
        return None;
    }
    if job.packed.flat {
        return Some(Taps::Contiguous { first: base.wrapping_add(start * input.stride), from: 0, to: 1 });
    }
    let left = (x * shape.stride[1]).checked_sub(shape.padding[1])?;
    let reach = (MR - 1) * shape.stride[1] + (shape.kernel[1] - 1) * shape.dilation;
    if x + MR > job.output.width || left + reach >= input.width {
        return None;
    }
    let (top, down) = ((y * shape.stride[0]) as isize - shape.padding[0] as isize, shape.dilation as isize);
    let rows_before = |line: isize| ((line - top + down - 1) / down).clamp(0, shape.kernel[0] as isize) as usize;
    // Runs above or below the map are skipped, so their addresses are never read.
    let first = base.wrapping_offset((top * input.width as isize + left as isize) * input.stride as isize);
    let (from, to) = (rows_before(0), rows_before(input.height as isize));
    Some(Taps::Contiguous { first, from: from * offsets.columns, to: to.max(from) * offsets.columns })
}

/// Fills the indirection buffer for MR pixels. Pixels past `end` repeat the last one.
///
/// # Safety
/// As for [`super::conv::convolve`].
pub unsafe fn indirect<const MR: usize>(
    job: &Job<'_, PackedConv>,
    base: *const f32,
    pixel: usize,
    end: usize,
    table: &mut Vec<[*const f32; MR]>,
) -> Taps {
    let (shape, input) = (&job.packed.shape, &job.input);
    let [kh, kw] = shape.kernel;
    let cin = shape.channels[0] / shape.groups;
    let mut corner = [(0isize, 0isize); MR];
    let mut inside = true;
    let reach_x = ((kw - 1) * shape.dilation) as isize;
    for (i, c) in corner.iter_mut().enumerate() {
        let p = (pixel + i).min(end - 1);
        let y = (p / job.output.width * shape.stride[0]) as isize - shape.padding[0] as isize;
        let x = (p % job.output.width * shape.stride[1]) as isize - shape.padding[1] as isize;
        *c = (y, x);
        inside &= x >= 0 && x + reach_x < input.width as isize;
    }
    // Without gaps between pixels, a row of taps is one run of memory.
    let merge = inside && input.stride == cin && shape.dilation == 1 && kw > 1;
    let columns = if merge { 1 } else { kw };
    let start = table.len();
    for ky in 0..kh {
        for kx in 0..columns {
            let mut entry = [job.packed.zeros.as_ptr(); MR];
            for (slot, &(y, x)) in entry.iter_mut().zip(&corner) {
                let y = y + (ky * shape.dilation) as isize;
                let x = x + (kx * shape.dilation) as isize;
                if y >= 0 && y < input.height as isize && x >= 0 && x < input.width as isize {
                    *slot = base.wrapping_add((y as usize * input.width + x as usize) * input.stride);
                }
            }
            table.push(entry);
        }
    }
    Taps::Indirect { start, entries: kh * columns, run: if merge { kw * cin } else { cin } }
}
