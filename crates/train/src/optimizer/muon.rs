//! Muon (K. Jordan 2024): momentum whose matrix is made orthogonal, scaled to AdamW's step (Moonlight 2025).

use matrixmultiply::sgemm;

use super::{Parameter, Step};

/// Newton-Schulz steps and the coefficients of their polynomial.
const STEPS: usize = 5;
const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];

/// Whether a parameter is a matrix for Muon: the kernel of a dense convolution.
pub(super) fn applies(parameter: &Parameter) -> bool {
    // Detect's kernels, which have no batch norm beside them, are left to AdamW.
    parameter.key.ends_with(".conv.weight")
        && matches!(parameter.shape[..], [filters, channels, _, _] if filters > 1 && channels > 1)
}

/// One step on `gradient`, with decoupled weight decay.
pub(super) fn update(parameter: &mut Parameter, gradient: &[f32], decay: f32, step: &Step) {
    let rows = parameter.shape.first().copied().unwrap_or(1).max(1);
    let columns = gradient.len() / rows;
    parameter.momentum.resize(gradient.len(), 0.0);
    let mut wanted = Vec::with_capacity(gradient.len());
    for (velocity, &gradient) in parameter.momentum.iter_mut().zip(gradient) {
        *velocity += (gradient - *velocity) * (1.0 - step.momentum);
        wanted.push(gradient + (*velocity - gradient) * step.momentum);
    }
    let direction = orthogonal(wanted, rows, columns);
    let scale = 0.2 * (rows.max(columns) as f32).sqrt();
    for (value, direction) in parameter.value.iter_mut().zip(direction) {
        *value -= step.rate * (direction * scale + decay * *value);
    }
}

/// About the nearest matrix with orthonormal rows (or columns), row by row.
fn orthogonal(matrix: Vec<f32>, rows: usize, columns: usize) -> Vec<f32> {
    if rows > columns {
        let turned = transpose(&matrix, rows, columns);
        return transpose(&orthogonal(turned, columns, rows), columns, rows);
    }
    let norm = matrix.iter().map(|v| v * v).sum::<f32>().sqrt() + 1e-7;
    let mut x: Vec<f32> = matrix.into_iter().map(|v| v / norm).collect();
    let [a, b, c] = COEFFICIENTS;
    let (mut square, mut mix, mut next) = (vec![0.0; rows * rows], vec![0.0; rows * rows], vec![0.0; x.len()]);
    for _ in 0..STEPS {
        multiply(1.0, [rows, columns, rows], &x, [columns, 1], &x, [1, columns], 0.0, &mut square);
        mix.copy_from_slice(&square);
        multiply(c, [rows, rows, rows], &square, [rows, 1], &square, [rows, 1], b, &mut mix);
        next.copy_from_slice(&x);
        multiply(1.0, [rows, rows, columns], &mix, [rows, 1], &x, [columns, 1], a, &mut next);
        std::mem::swap(&mut x, &mut next);
    }
    x
}

fn transpose(matrix: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    (0..columns).flat_map(|column| (0..rows).map(move |row| matrix[row * columns + column])).collect()
}

/// `c = alpha * a * b + beta * c` with `a` of `m x k`, `b` of `k x n` and their `[row, column]` strides; `c` row by row.
#[expect(clippy::too_many_arguments, reason = "BLAS's own interface")]
fn multiply(
    alpha: f32,
    [m, k, n]: [usize; 3],
    a: &[f32],
    a_strides: [usize; 2],
    b: &[f32],
    b_strides: [usize; 2],
    beta: f32,
    c: &mut [f32],
) {
    assert!(a.len() >= m * k && b.len() >= k * n && c.len() >= m * n);
    let [ra, ca] = a_strides.map(|stride| stride as isize);
    let [rb, cb] = b_strides.map(|stride| stride as isize);
    // SAFETY: the strides lay `m x k`, `k x n` and `m x n` values without gaps, and the slices are that long.
    unsafe { sgemm(m, k, n, alpha, a.as_ptr(), ra, ca, b.as_ptr(), rb, cb, beta, c.as_mut_ptr(), n as isize, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_orthonormal() {
        for (rows, columns) in [(6, 20), (20, 6), (5, 5)] {
            let mut rng = fastrand::Rng::with_seed(3);
            let matrix: Vec<f32> = (0..rows * columns).map(|_| rng.f32() - 0.5).collect();
            let x = orthogonal(matrix, rows, columns);
            let (short, at): (usize, Box<dyn Fn(usize, usize) -> f32>) = match rows <= columns {
                true => (rows, Box::new(|i, j| x[i * columns + j])),
                false => (columns, Box::new(|i, j| x[j * columns + i])),
            };
            for i in 0..short {
                for k in 0..short {
                    let dot: f32 = (0..rows.max(columns)).map(|j| at(i, j) * at(k, j)).sum();
                    // The polynomial brings singular values to between 0.7 and 1.2, not to 1.
                    let (least, most) = if i == k { (0.45, 1.45) } else { (-0.45, 0.45) };
                    assert!((least..most).contains(&dot), "{rows}x{columns}: {i} {k} {dot}");
                }
            }
        }
    }
}
