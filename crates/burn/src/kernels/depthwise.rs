//! Depthwise convolutions of 3x3 and 5x5 at stride 1, plane by plane.
//!
//! A plane is copied with its border into a buffer whose lines end on a multiple of [`LANES`], so that the loops have
//! no edges; sums of [`LANES`] outputs stay in registers.

use rayon::prelude::*;

use super::{Sizes, vectorized};

/// Outputs computed together.
const LANES: usize = 8;

/// A plane with a border of zeros.
#[derive(Default)]
struct Bordered {
    values: Vec<f32>,
    /// Values from line to line.
    line: usize,
}

impl Bordered {
    /// Takes a plane of `height x width` with `edge` zeros on every side.
    fn fill(&mut self, plane: &[f32], [height, width]: [usize; 2], edge: usize) {
        self.line = width.next_multiple_of(LANES) + 2 * edge;
        let len = (height + 2 * edge) * self.line;
        if self.values.len() != len {
            self.values = vec![0.0; len];
        }
        for (y, from) in plane.chunks_exact(width).enumerate() {
            let line = &mut self.values[(y + edge) * self.line..][..self.line];
            line[..edge].fill(0.0);
            line[edge..edge + width].copy_from_slice(from);
            line[edge + width..].fill(0.0);
        }
        self.values[..edge * self.line].fill(0.0);
        self.values[(height + edge) * self.line..].fill(0.0);
    }
}

pub(super) fn forward(sizes: &Sizes, x: &[f32], w: &[f32]) -> Vec<f32> {
    let (area, taps) = (sizes.height * sizes.width, sizes.kernel[0] * sizes.kernel[1]);
    let mut y = vec![0.0; x.len()];
    y.par_chunks_mut(area).zip(x.par_chunks(area)).enumerate().for_each_init(
        Bordered::default,
        |buffer, (plane, (y, x))| {
            let channel = plane % sizes.channels;
            buffer.fill(x, [sizes.height, sizes.width], sizes.padding[0]);
            slide(buffer, &w[channel * taps..][..taps], sizes.width, y);
        },
    );
    y
}

pub(super) fn backward(
    sizes: &Sizes,
    x: &[f32],
    w: &[f32],
    dy: &[f32],
    wants_dx: bool,
) -> (Option<Vec<f32>>, Vec<f32>) {
    let (area, taps) = (sizes.height * sizes.width, sizes.kernel[0] * sizes.kernel[1]);
    let (size, edge) = ([sizes.height, sizes.width], sizes.padding[0]);
    let dx = wants_dx.then(|| {
        // The gradient on the input is a convolution of the output's with the filter turned round.
        let turned: Vec<f32> = w.chunks_exact(taps).flat_map(|filter| filter.iter().rev().copied()).collect();
        let mut dx = vec![0.0; x.len()];
        dx.par_chunks_mut(area).zip(dy.par_chunks(area)).enumerate().for_each_init(
            Bordered::default,
            |buffer, (plane, (dx, dy))| {
                buffer.fill(dy, size, edge);
                slide(buffer, &turned[plane % sizes.channels * taps..][..taps], sizes.width, dx);
            },
        );
        dx
    });
    let mut dw = vec![0.0; w.len()];
    dw.par_chunks_mut(taps).enumerate().for_each_init(
        || (Bordered::default(), Bordered::default()),
        |(input, output), (channel, dw)| {
            for image in 0..sizes.batch {
                let plane = (image * sizes.channels + channel) * area;
                input.fill(&x[plane..][..area], size, edge);
                output.fill(&dy[plane..][..area], size, 0);
                correlate(input, output, sizes.width, dw);
            }
        },
    );
    (dx, dw)
}

vectorized! {
    /// Slides a filter over a bordered plane.
    fn slide(x: &Bordered, filter: &[f32], width: usize, y: &mut [f32]) {
        match filter.len() {
            9 => slide_by::<3, 9>(x, filter, width, y),
            _ => slide_by::<5, 25>(x, filter, width, y),
        }
    }
}

#[inline(always)]
fn slide_by<const K: usize, const TAPS: usize>(x: &Bordered, filter: &[f32], width: usize, y: &mut [f32]) {
    let Some(filter) = filter.first_chunk::<TAPS>() else { return };
    for (row, line) in y.chunks_exact_mut(width).enumerate() {
        for (block, outputs) in line.chunks_mut(LANES).enumerate() {
            let mut sum = [0.0_f32; LANES];
            for ky in 0..K {
                let from = &x.values[(row + ky) * x.line + block * LANES..][..LANES + K - 1];
                for kx in 0..K {
                    for lane in 0..LANES {
                        sum[lane] += filter[ky * K + kx] * from[kx + lane];
                    }
                }
            }
            outputs.copy_from_slice(&sum[..outputs.len()]);
        }
    }
}

vectorized! {
    /// Adds to every tap of a filter the sum of input times output gradient.
    fn correlate(x: &Bordered, dy: &Bordered, width: usize, filter: &mut [f32]) {
        match filter.len() {
            9 => correlate_by::<3>(x, dy, width, filter),
            _ => correlate_by::<5>(x, dy, width, filter),
        }
    }
}

#[inline(always)]
fn correlate_by<const K: usize>(x: &Bordered, dy: &Bordered, width: usize, filter: &mut [f32]) {
    let blocks = width.div_ceil(LANES);
    for (ky, taps) in filter.chunks_exact_mut(K).enumerate() {
        let mut sums = [[0.0_f32; LANES]; K];
        for (row, line) in dy.values.chunks_exact(dy.line).enumerate() {
            for block in 0..blocks {
                let by = &line[block * LANES..][..LANES];
                let from = &x.values[(row + ky) * x.line + block * LANES..][..LANES + K - 1];
                for (kx, sum) in sums.iter_mut().enumerate() {
                    for lane in 0..LANES {
                        sum[lane] += by[lane] * from[kx + lane];
                    }
                }
            }
        }
        for (tap, sum) in taps.iter_mut().zip(sums) {
            *tap += sum.iter().sum::<f32>();
        }
    }
}
