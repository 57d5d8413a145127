//! Where a tile of a dense convolution reads: each tap of neighbouring pixels.

use super::Map;
use super::conv::{Job, PackedConv};

/// Where the taps of neighbouring pixels lie as long as all of them are inside the map.
pub struct Lines {
    /// Floats from the first tap to the first of each run, row by row.
    pub offsets: Vec<usize>,
    /// Runs in a row of taps: one if its taps follow each other in memory, else one a tap.
    columns: usize,
    /// Floats of a run.
    pub run: usize,
    /// Floats from a pixel's tap to its neighbour's.
    pub step: usize,
}

impl Lines {
    /// For a convolution that reads `input`.
    pub fn new(packed: &PackedConv, input: &Map) -> Self {
        let shape = &packed.shape;
        let ([kh, kw], cin) = (shape.kernel, shape.channels[0] / shape.groups);
        let merge = input.stride == cin && shape.dilation == 1;
        let (columns, run) = if merge { (1, kw * cin) } else { (kw, cin) };
        let offset = |i: usize| (i / columns * input.width + i % columns) * shape.dilation * input.stride;
        let offsets = (0..kh * columns).map(offset).collect();
        Self { offsets, columns, run, step: shape.stride[1] * input.stride }
    }
}

/// Where the taps of one tile lie.
#[derive(Clone, Copy)]
pub enum Taps {
    /// From `first` on as [`Lines`] says; runs `from..to`, the others are above or below the map.
    Lines { first: *const f32, from: usize, to: usize },
    /// `entries` of the table from `start` on, each with `run` floats.
    Table { start: usize, entries: usize, run: usize },
}

/// The taps of MR pixels from `start` on, at `[y, x]`, if they can be found without a table.
///
/// # Safety
/// As for [`super::conv::convolve`].
#[inline(always)]
pub unsafe fn along<const MR: usize>(
    job: &Job,
    lines: &Lines,
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
        return Some(Taps::Lines { first: base.wrapping_add(start * input.stride), from: 0, to: 1 });
    }
    let left = (x * shape.stride[1]).checked_sub(shape.padding[1])?;
    let reach = (MR - 1) * shape.stride[1] + (shape.kernel[1] - 1) * shape.dilation;
    if x + MR > job.output.width || left + reach >= input.width {
        return None;
    }
    let (top, down) = ((y * shape.stride[0]) as isize - shape.padding[0] as isize, shape.dilation as isize);
    let rows_before = |line: isize| ((line - top + down - 1) / down).clamp(0, shape.kernel[0] as isize) as usize;
    // Runs outside of the map begin at addresses that nobody reads.
    let first = base.wrapping_offset((top * input.width as isize + left as isize) * input.stride as isize);
    let (from, to) = (rows_before(0), rows_before(input.height as isize));
    Some(Taps::Lines { first, from: from * lines.columns, to: to.max(from) * lines.columns })
}

/// Finds where each tap of MR pixels reads; pixels past `end` repeat the last one.
///
/// # Safety
/// As for [`super::conv::convolve`].
pub unsafe fn gather<const MR: usize>(
    job: &Job,
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
    // A whole row of taps is one run of memory when pixels lie beside each other without gaps.
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
    Taps::Table { start, entries: kh * columns, run: if merge { kw * cin } else { cin } }
}
