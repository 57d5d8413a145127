//! Operations without matrix products: pooling, resizing, reordering, scaling; and a plain transposed convolution.
//!
//! # Safety
//! Of all functions here: the maps are valid, and the rows `first..last` of the output belong to the caller alone.

use crate::math::scalar;
use crate::{Activation, ConvShape, ConvWeights};
use crate::{Map, MapMut};

// What the built-in networks use is never inlined into callers that are compiled for size.

/// Max pooling; pixels outside of the map don't count. First along the columns, then along the rows.
///
/// # Safety
/// See the module.
#[inline(always)]
pub unsafe fn max_pool(input: Map, output: MapMut, [k, stride, padding]: [usize; 3], [first, last]: [usize; 2]) {
    let channels = output.channels;
    let mut column = vec![0.0; input.width * channels];
    for y in first..last {
        let rows = span(y * stride, padding, k, input.height);
        column.fill(f32::NEG_INFINITY);
        for iy in rows {
            for (ix, to) in column.chunks_exact_mut(channels).enumerate() {
                // SAFETY: the caller upholds the contract of this function.
                most(to, unsafe { input.pixel(iy, ix, channels) });
            }
        }
        for x in 0..output.width {
            let columns = span(x * stride, padding, k, input.width);
            // SAFETY: the caller upholds the contract of this function.
            let to = unsafe { output.pixel(y, x) };
            to.fill(f32::NEG_INFINITY);
            for ix in columns {
                most(to, &column[ix * channels..][..channels]);
            }
        }
    }
}

/// The larger of each pair. NaN wins, so that decoding reports it.
#[inline(always)]
fn most(to: &mut [f32], from: &[f32]) {
    for (t, &f) in to.iter_mut().zip(from) {
        *t = if *t > f || t.is_nan() { *t } else { f };
    }
}

fn span(start: usize, padding: usize, k: usize, n: usize) -> std::ops::Range<usize> {
    start.saturating_sub(padding).min(n)..(start + k).saturating_sub(padding).min(n)
}

/// Mean over a window; pixels outside the map count as 0.
///
/// # Safety
/// See the module.
pub unsafe fn avg_pool(input: Map, output: MapMut, [k, stride, padding]: [usize; 3], first: usize, last: usize) {
    let area = (k * k) as f32;
    for y in first..last {
        for x in 0..output.width {
            // SAFETY: the caller upholds the contract of this function.
            let to = unsafe { output.pixel(y, x) };
            to.fill(0.0);
            for iy in span(y * stride, padding, k, input.height) {
                for ix in span(x * stride, padding, k, input.width) {
                    // SAFETY: the caller upholds the contract of this function.
                    let from = unsafe { input.pixel(iy, ix, output.channels) };
                    to.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
                }
            }
            to.iter_mut().for_each(|sum| *sum /= area);
        }
    }
}

/// Zeros around the map.
///
/// # Safety
/// See the module.
pub unsafe fn zero_pad(input: Map, output: MapMut, [left, top]: [usize; 2], first: usize, last: usize) {
    for y in first..last {
        for x in 0..output.width {
            // SAFETY: the caller upholds the contract of this function.
            let to = unsafe { output.pixel(y, x) };
            match (y.checked_sub(top), x.checked_sub(left)) {
                (Some(iy), Some(ix)) if iy < input.height && ix < input.width => {
                    // SAFETY: the caller upholds the contract of this function.
                    to.copy_from_slice(unsafe { input.pixel(iy, ix, output.channels) });
                }
                _ => to.fill(0.0),
            }
        }
    }
}

/// Values between pixel centres, as PyTorch with `align_corners=False`.
///
/// # Safety
/// See the module.
pub unsafe fn upsample_bilinear(input: Map, output: MapMut, scale: usize, first: usize, last: usize) {
    // The pixel before, the pixel after, and the share of the latter.
    let between = |at: usize, side: usize| {
        let from = ((at as f32 + 0.5) / scale as f32 - 0.5).max(0.0);
        let before = from as usize;
        (before, (before + 1).min(side - 1), from - before as f32)
    };
    for y in first..last {
        let (y0, y1, wy) = between(y, input.height);
        for x in 0..output.width {
            let (x0, x1, wx) = between(x, input.width);
            // SAFETY: the caller upholds the contract of this function.
            let corner = |y: usize, x: usize| unsafe { input.pixel(y, x, output.channels) };
            let (a, b, c, d) = (corner(y0, x0), corner(y0, x1), corner(y1, x0), corner(y1, x1));
            // SAFETY: the caller upholds the contract of this function.
            for (channel, to) in unsafe { output.pixel(y, x) }.iter_mut().enumerate() {
                let upper = a[channel] * (1.0 - wx) + b[channel] * wx;
                let lower = c[channel] * (1.0 - wx) + d[channel] * wx;
                *to = upper * (1.0 - wy) + lower * wy;
            }
        }
    }
}

/// Nearest-neighbour upsampling.
///
/// # Safety
/// See the module.
#[inline(never)]
pub unsafe fn upsample(input: Map, output: MapMut, scale: usize, first: usize, last: usize) {
    for y in first..last {
        for x in 0..output.width {
            // SAFETY: the caller upholds the contract of this function.
            unsafe { output.pixel(y, x).copy_from_slice(input.pixel(y / scale, x / scale, output.channels)) };
        }
    }
}

/// Copies a map.
///
/// # Safety
/// See the module.
#[inline(never)]
pub unsafe fn copy(input: Map, output: MapMut, first: usize, last: usize) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe { upsample(input, output, 1, first, last) }
}

/// `activation(x * scale + bias)` per channel.
///
/// # Safety
/// See the module.
pub unsafe fn affine(
    input: Map,
    output: MapMut,
    scale: &[f32],
    bias: &[f32],
    act: Activation,
    first: usize,
    last: usize,
) {
    for y in first..last {
        for x in 0..output.width {
            // SAFETY: the caller upholds the contract of this function.
            let from = unsafe { input.pixel(y, x, output.channels) };
            // SAFETY: the caller upholds the contract of this function.
            for (c, t) in unsafe { output.pixel(y, x) }.iter_mut().enumerate() {
                *t = scalar(act, from[c] * scale[c] + bias[c]);
            }
        }
    }
}

/// Blocks of `gain * gain` pixels become channels.
///
/// # Safety
/// See the module.
pub unsafe fn space_to_depth(input: Map, output: MapMut, gain: usize, columns_first: bool, first: usize, last: usize) {
    let channels = output.channels / (gain * gain);
    for y in first..last {
        for x in 0..output.width {
            // SAFETY: the caller upholds the contract of this function.
            let to = unsafe { output.pixel(y, x) };
            for q in 0..gain * gain {
                let (dy, dx) = if columns_first { (q % gain, q / gain) } else { (q / gain, q % gain) };
                // SAFETY: the caller upholds the contract of this function.
                let from = unsafe { input.pixel(y * gain + dy, x * gain + dx, channels) };
                to[q * channels..(q + 1) * channels].copy_from_slice(from);
            }
        }
    }
}

/// Channels become blocks of `gain * gain` pixels.
///
/// # Safety
/// See the module.
pub unsafe fn depth_to_space(input: Map, output: MapMut, gain: usize, first: usize, last: usize) {
    let channels = output.channels;
    for y in first..last {
        for x in 0..output.width {
            let q = (y % gain) * gain + x % gain;
            // SAFETY: the caller upholds the contract of this function.
            let from = unsafe { input.pixel(y / gain, x / gain, channels * gain * gain) };
            // SAFETY: the caller upholds the contract of this function.
            unsafe { output.pixel(y, x) }.copy_from_slice(&from[q * channels..(q + 1) * channels]);
        }
    }
}

/// Transposed convolution, one output pixel after the other.
///
/// # Safety
/// See the module.
pub unsafe fn conv_transpose(
    shape: &ConvShape,
    weights: &ConvWeights,
    input: Map,
    output: MapMut,
    first: usize,
    last: usize,
) {
    let [k, s, p, d] = [shape.kernel[0], shape.stride[0], shape.padding[0], shape.dilation];
    let (cin, cout) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
    let source = |at: usize, tap: usize, n: usize| {
        let from = (at + p).checked_sub(tap * d)?;
        (from % s == 0 && from / s < n).then_some(from / s)
    };
    for y in first..last {
        for x in 0..output.width {
            // SAFETY: the caller upholds the contract of this function.
            let to = unsafe { output.pixel(y, x) };
            to.copy_from_slice(&weights.bias);
            for (ky, kx) in (0..k * k).map(|tap| (tap / k, tap % k)) {
                let (Some(iy), Some(ix)) = (source(y, ky, input.height), source(x, kx, input.width)) else { continue };
                // SAFETY: the caller upholds the contract of this function.
                let from = unsafe { input.pixel(iy, ix, shape.channels[0]) };
                for g in 0..shape.groups {
                    for c in 0..cin {
                        let value = from[g * cin + c];
                        for o in 0..cout {
                            to[g * cout + o] += value * weights.weight[(((g * cin + c) * cout + o) * k + ky) * k + kx];
                        }
                    }
                }
            }
        }
    }
}
