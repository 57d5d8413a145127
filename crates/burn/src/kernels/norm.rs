//! Batch norm over the batch, with SiLU behind it where there is one, forward and backward.

use rayon::prelude::*;

use super::vectorized;

/// Values summed side by side.
const LANES: usize = 8;

/// Mean and variance (of the batch, not of the population) of every channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Statistics {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

/// The line a channel is mapped by: `normalised = (x - mean) * inverse`, `u = normalised * weight + bias`.
#[derive(Clone, Copy)]
struct Line {
    mean: f32,
    inverse: f32,
    weight: f32,
    bias: f32,
    silu: bool,
}

/// Normalises `x` of `(batch, channels, area)` and applies SiLU if asked to.
pub(crate) fn norm_forward(
    x: &[f32],
    area: usize,
    [weight, bias]: [&[f32]; 2],
    epsilon: f32,
    silu: bool,
) -> (Vec<f32>, Statistics) {
    let channels = weight.len();
    let count = (x.len() / channels) as f64;
    let planes = || x.par_chunks(area);
    let mean = per_channel(planes().map(|plane| total(plane, 0.0, false)), channels, count);
    let deviations = planes().enumerate().map(|(plane, x)| total(x, mean[plane % channels], true));
    let variance = per_channel(deviations, channels, count);
    let statistics = Statistics { mean, variance };
    let y = frozen_norm_forward(x, area, &statistics, [weight, bias], epsilon, silu);
    (y, statistics)
}

/// [`norm_forward`] with given statistics in place of the batch's.
pub(crate) fn frozen_norm_forward(
    x: &[f32],
    area: usize,
    statistics: &Statistics,
    affine: [&[f32]; 2],
    epsilon: f32,
    silu: bool,
) -> Vec<f32> {
    let lines = lines(statistics, affine, epsilon, silu);
    let mut y = vec![0.0; x.len()];
    y.par_chunks_mut(area)
        .zip(x.par_chunks(area))
        .enumerate()
        .for_each(|(plane, (y, x))| normalise(lines[plane % lines.len()], x, y));
    y
}

/// Gradients on the input, the weight and the bias.
pub(crate) fn norm_backward(
    x: &[f32],
    dy: &[f32],
    area: usize,
    statistics: &Statistics,
    [weight, bias]: [&[f32]; 2],
    epsilon: f32,
    silu: bool,
) -> [Vec<f32>; 3] {
    let channels = weight.len();
    let count = (x.len() / channels) as f32;
    let lines = lines(statistics, [weight, bias], epsilon, silu);
    let [mut dx, dweight, dbias] = affine_backward(x, dy, area, &lines);
    dx.par_chunks_mut(area).zip(x.par_chunks(area)).enumerate().for_each(|(plane, (dx, x))| {
        let channel = plane % channels;
        centre(lines[channel], dbias[channel] / count, dweight[channel] / count, x, dx);
    });
    [dx, dweight, dbias]
}

/// Gradients of [`frozen_norm_forward`] on the input, the weight and the bias.
pub(crate) fn frozen_norm_backward(
    x: &[f32],
    dy: &[f32],
    area: usize,
    statistics: &Statistics,
    affine: [&[f32]; 2],
    epsilon: f32,
    silu: bool,
) -> [Vec<f32>; 3] {
    let lines = lines(statistics, affine, epsilon, silu);
    let [mut dx, dweight, dbias] = affine_backward(x, dy, area, &lines);
    dx.par_chunks_mut(area).enumerate().for_each(|(plane, dx)| {
        let Line { inverse, weight, .. } = lines[plane % lines.len()];
        dx.iter_mut().for_each(|dx| *dx *= inverse * weight);
    });
    [dx, dweight, dbias]
}

/// Gradients before the activation, and those on the weight and the bias.
fn affine_backward(x: &[f32], dy: &[f32], area: usize, lines: &[Line]) -> [Vec<f32>; 3] {
    let channels = lines.len();
    let mut dx = vec![0.0; x.len()];
    let sums: Vec<[f64; 2]> = dx
        .par_chunks_mut(area)
        .zip(x.par_chunks(area))
        .zip(dy.par_chunks(area))
        .enumerate()
        .map(|(plane, ((du, x), dy))| before_activation(lines[plane % channels], x, dy, du))
        .collect();
    let (mut dweight, mut dbias) = (vec![0.0_f64; channels], vec![0.0_f64; channels]);
    for (plane, [sum, product]) in sums.into_iter().enumerate() {
        dbias[plane % channels] += sum;
        dweight[plane % channels] += product;
    }
    let narrow = |sums: Vec<f64>| sums.into_iter().map(|sum| sum as f32).collect::<Vec<_>>();
    [dx, narrow(dweight), narrow(dbias)]
}

fn lines(statistics: &Statistics, [weight, bias]: [&[f32]; 2], epsilon: f32, silu: bool) -> Vec<Line> {
    let moments = statistics.mean.iter().zip(&statistics.variance);
    let affine = weight.iter().zip(bias);
    let line = |((&mean, &variance), (&weight, &bias)): ((&f32, &f32), (&f32, &f32))| Line {
        mean,
        inverse: 1.0 / (variance + epsilon).sqrt(),
        weight,
        bias,
        silu,
    };
    moments.zip(affine).map(line).collect()
}

/// Means over the planes of every channel.
fn per_channel(sums: impl IndexedParallelIterator<Item = f64>, channels: usize, count: f64) -> Vec<f32> {
    let sums: Vec<f64> = sums.collect();
    let of_channel = |channel: usize| sums.iter().skip(channel).step_by(channels).sum::<f64>();
    (0..channels).map(|channel| (of_channel(channel) / count) as f32).collect()
}

vectorized! {
    /// The sum of `x - shift`, or of its squares.
    fn total(x: &[f32], shift: f32, squares: bool) -> f64 {
        let mut whole = 0.0_f64;
        // Blocks, so that no f32 sum grows long.
        for block in x.chunks(1024) {
            let mut sums = [0.0_f32; LANES];
            let (parts, rest) = block.as_chunks::<LANES>();
            for part in parts {
                for lane in 0..LANES {
                    let value = part[lane] - shift;
                    sums[lane] += if squares { value * value } else { value };
                }
            }
            for (lane, value) in rest.iter().map(|value| value - shift).enumerate() {
                sums[lane] += if squares { value * value } else { value };
            }
            whole += f64::from(sums.iter().sum::<f32>());
        }
        whole
    }
}

vectorized! {
    fn normalise(line: Line, x: &[f32], y: &mut [f32]) {
        let scale = line.inverse * line.weight;
        if line.silu {
            for (y, x) in y.iter_mut().zip(x) {
                let u = (x - line.mean) * scale + line.bias;
                *y = u * sigmoid(u);
            }
        } else {
            for (y, x) in y.iter_mut().zip(x) {
                *y = (x - line.mean) * scale + line.bias;
            }
        }
    }
}

vectorized! {
    /// The gradient before the activation, its sum, and the sum of its products with the normalised input.
    fn before_activation(line: Line, x: &[f32], dy: &[f32], du: &mut [f32]) -> [f64; 2] {
        let mut whole = [0.0_f64; 2];
        for ((x, dy), du) in x.chunks(1024).zip(dy.chunks(1024)).zip(du.chunks_mut(1024)) {
            let mut sums = [[0.0_f32; LANES]; 2];
            let mut one = |lane: usize, x: f32, dy: f32| -> f32 {
                let normalised = (x - line.mean) * line.inverse;
                let u = normalised * line.weight + line.bias;
                let du = if line.silu {
                    let s = sigmoid(u);
                    dy * s * (1.0 + u * (1.0 - s))
                } else {
                    dy
                };
                sums[0][lane] += du;
                sums[1][lane] += du * normalised;
                du
            };
            let ((xs, x_rest), (dys, dy_rest)) = (x.as_chunks::<LANES>(), dy.as_chunks::<LANES>());
            let (dus, du_rest) = du.as_chunks_mut::<LANES>();
            for ((x, dy), du) in xs.iter().zip(dys).zip(dus) {
                for lane in 0..LANES {
                    du[lane] = one(lane, x[lane], dy[lane]);
                }
            }
            for (lane, ((x, dy), du)) in x_rest.iter().zip(dy_rest).zip(du_rest).enumerate() {
                *du = one(lane, *x, *dy);
            }
            for (whole, sums) in whole.iter_mut().zip(sums) {
                *whole += f64::from(sums.iter().sum::<f32>());
            }
        }
        whole
    }
}

vectorized! {
    /// Takes out of a gradient what the normalisation doesn't let through.
    fn centre(line: Line, mean: f32, slope: f32, x: &[f32], dx: &mut [f32]) {
        let scale = line.inverse * line.weight;
        for (dx, x) in dx.iter_mut().zip(x) {
            let normalised = (x - line.mean) * line.inverse;
            *dx = (*dx - mean - normalised * slope) * scale;
        }
    }
}

#[inline(always)]
fn sigmoid(u: f32) -> f32 {
    1.0 / (1.0 + exp(-u))
}

/// `e^x` to about 1e-7 of its value, in a form that compilers vectorise: 2^n times a polynomial on ±0.5.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with so few bits that its multiples are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let x = x.clamp(-87.0, 87.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let f = (x - n * LN_2[0]) - n * LN_2[1];
    let p = 1.0 + f * (1.0 + f * (0.5 + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f * (1.0 / 720.0))))));
    f32::from_bits(p.to_bits().wrapping_add(rounded.to_bits() << 23))
}
