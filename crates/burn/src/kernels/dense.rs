//! Dense and grouped convolutions as matrix products.

use rayon::prelude::*;

use super::Sizes;
use super::unfold::{fold, unfold};

/// A matrix inside a slice: the steps from row to row and from column to column.
struct Matrix<'a> {
    values: &'a [f32],
    steps: [usize; 2],
}

impl<'a> Matrix<'a> {
    fn rows(values: &'a [f32], columns: usize) -> Self {
        Self { values, steps: [columns, 1] }
    }

    fn transposed(self) -> Self {
        Self { values: self.values, steps: [self.steps[1], self.steps[0]] }
    }
}

/// `c = a * b + keep * c` of `m x k` and `k x n`, `c` row by row.
fn multiply([m, k, n]: [usize; 3], a: Matrix<'_>, b: Matrix<'_>, keep: f32, c: &mut [f32]) {
    let last = |rows: usize, columns: usize, steps: [usize; 2]| (rows - 1) * steps[0] + (columns - 1) * steps[1];
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    assert!(last(m, k, a.steps) < a.values.len() && last(k, n, b.steps) < b.values.len() && m * n <= c.len());
    let step = |steps: [usize; 2]| (steps[0] as isize, steps[1] as isize);
    let ((ra, ca), (rb, cb)) = (step(a.steps), step(b.steps));
    // SAFETY: the assertion keeps the three matrices inside their slices, and `c` is borrowed alone.
    unsafe {
        matrixmultiply::sgemm(
            m,
            k,
            n,
            1.0,
            a.values.as_ptr(),
            ra,
            ca,
            b.values.as_ptr(),
            rb,
            cb,
            keep,
            c.as_mut_ptr(),
            n as isize,
            1,
        );
    }
}

/// The columns of group `group` of picture `x`: the picture itself where unfolding changes nothing.
fn columns<'a>(sizes: &Sizes, x: &'a [f32], group: usize, buffer: &'a mut Vec<f32>) -> &'a [f32] {
    let part = sizes.input_len() / sizes.groups;
    let x = &x[group * part..][..part];
    if sizes.pointwise() {
        return x;
    }
    let [height, width] = sizes.output();
    buffer.resize(sizes.depth() * height * width, 0.0);
    unfold(sizes, x, buffer);
    buffer
}

pub(super) fn forward(sizes: &Sizes, x: &[f32], w: &[f32]) -> Vec<f32> {
    let (depth, groups) = (sizes.depth(), sizes.groups);
    let (rows, area) = (sizes.filters / groups, sizes.output().iter().product());
    let mut y = vec![0.0; sizes.batch * sizes.output_len()];
    y.par_chunks_mut(sizes.output_len()).zip(x.par_chunks(sizes.input_len())).for_each_init(
        Vec::new,
        |buffer, (y, x)| {
            for (group, y) in y.chunks_exact_mut(rows * area).enumerate() {
                let w = Matrix::rows(&w[group * rows * depth..][..rows * depth], depth);
                let x = Matrix::rows(columns(sizes, x, group, buffer), area);
                multiply([rows, depth, area], w, x, 0.0, y);
            }
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
    let (depth, groups) = (sizes.depth(), sizes.groups);
    let (rows, area): (usize, usize) = (sizes.filters / groups, sizes.output().iter().product());
    // Every task takes a share of the pictures and has its own sum of the weight's gradient.
    let share = sizes.batch.div_ceil(rayon::current_num_threads()).max(1);
    let mut dx = vec![0.0; if wants_dx { x.len() } else { 0 }];
    let mut shares: Vec<&mut [f32]> = match wants_dx {
        true => dx.chunks_mut(share * sizes.input_len()).collect(),
        false => (0..sizes.batch.div_ceil(share)).map(|_| &mut [][..]).collect(),
    };
    let sums: Vec<Vec<f32>> = shares
        .par_iter_mut()
        .zip(x.par_chunks(share * sizes.input_len()))
        .zip(dy.par_chunks(share * sizes.output_len()))
        .map(|((dx, x), dy)| {
            let mut dw = vec![0.0; w.len()];
            let (mut buffer, mut spread) = (Vec::new(), Vec::new());
            let pictures = x.chunks_exact(sizes.input_len()).zip(dy.chunks_exact(sizes.output_len())).enumerate();
            for (image, (x, dy)) in pictures {
                for group in 0..groups {
                    let (part, of_group) = (sizes.input_len() / groups, group * rows * depth);
                    let dy = &dy[group * rows * area..][..rows * area];
                    let columns = columns(sizes, x, group, &mut buffer);
                    let across = Matrix::rows(columns, area).transposed();
                    let dw = &mut dw[of_group..][..rows * depth];
                    multiply([rows, area, depth], Matrix::rows(dy, area), across, 1.0, dw);
                    if !wants_dx {
                        continue;
                    }
                    let dx = &mut dx[image * sizes.input_len() + group * part..][..part];
                    let down = Matrix::rows(&w[of_group..][..rows * depth], depth).transposed();
                    if sizes.pointwise() {
                        multiply([depth, rows, area], down, Matrix::rows(dy, area), 0.0, dx);
                        continue;
                    }
                    spread.resize(depth * area, 0.0);
                    multiply([depth, rows, area], down, Matrix::rows(dy, area), 0.0, &mut spread);
                    fold(sizes, &spread, dx);
                }
            }
            dw
        })
        .collect();
    let mut sums = sums.into_iter();
    let mut dw = sums.next().unwrap_or_else(|| vec![0.0; w.len()]);
    for other in sums {
        dw.iter_mut().zip(other).for_each(|(sum, part)| *sum += part);
    }
    (wants_dx.then_some(dx), dw)
}
