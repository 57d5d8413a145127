//! Pictures to columns and back (im2col, col2im).

use super::{Sizes, vectorized};

/// Writes one group of a picture as a matrix: a row per (channel, kernel row, kernel column), a column per output.
pub(super) fn unfold(sizes: &Sizes, x: &[f32], columns: &mut [f32]) {
    let [out_height, out_width] = sizes.output();
    let area = out_height * out_width;
    each_row(sizes, |row, channel, ky, kx| {
        let plane = &x[channel * sizes.height * sizes.width..][..sizes.height * sizes.width];
        let target = &mut columns[row * area..][..area];
        for (y, line) in target.chunks_exact_mut(out_width).enumerate() {
            let Some(from) = place(y, ky, 0, sizes).filter(|&from| from < sizes.height) else {
                line.fill(0.0);
                continue;
            };
            let source = &plane[from * sizes.width..][..sizes.width];
            let (first, last) = inside(kx, sizes, out_width);
            line[..first].fill(0.0);
            line[last..].fill(0.0);
            if first >= last {
                continue;
            }
            let begin = first * sizes.stride[1] + kx * sizes.dilation[1] - sizes.padding[1];
            match sizes.stride[1] {
                1 => line[first..last].copy_from_slice(&source[begin..begin + last - first]),
                2 => every_second(&mut line[first..last], &source[begin..]),
                step => {
                    for (to, from) in line[first..last].iter_mut().zip(source[begin..].iter().step_by(step)) {
                        *to = *from;
                    }
                }
            }
        }
    });
}

vectorized! {
    /// Copies the values 0, 2, 4 …
    fn every_second(to: &mut [f32], from: &[f32]) {
        let (pairs, rest) = from.as_chunks::<2>();
        let (whole, last) = to.split_at_mut(to.len().min(pairs.len()));
        for (to, pair) in whole.iter_mut().zip(pairs) {
            *to = pair[0];
        }
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
    }
}

/// Adds a matrix of columns to the picture it was unfolded from.
pub(super) fn fold(sizes: &Sizes, columns: &[f32], x: &mut [f32]) {
    let [out_height, out_width] = sizes.output();
    let area = out_height * out_width;
    each_row(sizes, |row, channel, ky, kx| {
        let plane = &mut x[channel * sizes.height * sizes.width..][..sizes.height * sizes.width];
        let (first, last) = inside(kx, sizes, out_width);
        if first >= last {
            return;
        }
        let begin = first * sizes.stride[1] + kx * sizes.dilation[1] - sizes.padding[1];
        for (y, line) in columns[row * area..][..area].chunks_exact(out_width).enumerate() {
            let Some(to) = place(y, ky, 0, sizes).filter(|&to| to < sizes.height) else { continue };
            let target = &mut plane[to * sizes.width..][..sizes.width];
            match sizes.stride[1] {
                1 => {
                    for (to, from) in target[begin..].iter_mut().zip(&line[first..last]) {
                        *to += from;
                    }
                }
                step => {
                    for (to, from) in target[begin..].iter_mut().step_by(step).zip(&line[first..last]) {
                        *to += from;
                    }
                }
            }
        }
    });
}

/// Row of the matrix, channel inside the group, kernel row and column.
fn each_row(sizes: &Sizes, mut visit: impl FnMut(usize, usize, usize, usize)) {
    let mut row = 0;
    for channel in 0..sizes.channels / sizes.groups {
        for ky in 0..sizes.kernel[0] {
            for kx in 0..sizes.kernel[1] {
                visit(row, channel, ky, kx);
                row += 1;
            }
        }
    }
}

/// Where tap `k` of output `at` lies on an axis; nothing if before the edge.
fn place(at: usize, k: usize, axis: usize, sizes: &Sizes) -> Option<usize> {
    (at * sizes.stride[axis] + k * sizes.dilation[axis]).checked_sub(sizes.padding[axis])
}

/// The outputs of a line whose tap `kx` lies inside the picture.
fn inside(kx: usize, sizes: &Sizes, out_width: usize) -> (usize, usize) {
    let (step, shift, edge) = (sizes.stride[1], kx * sizes.dilation[1], sizes.padding[1]);
    let first = edge.saturating_sub(shift).div_ceil(step);
    let last = (sizes.width + edge).saturating_sub(shift).div_ceil(step).min(out_width);
    (first.min(out_width), last)
}
