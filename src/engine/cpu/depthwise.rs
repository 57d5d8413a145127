//! Depthwise convolution: vectors over channels, four neighbouring outputs at a time.

use super::math::{activate, madd};
use super::{Map, MapMut};
use crate::engine::program::{ConvShape, ConvWeights};
use crate::model::Activation;

/// Neighbouring outputs computed together, so that each weight is loaded once for all.
const TILE: usize = 4;

/// Weights as `[chunk of L channels][ky][kx][L]`, zero-padded.
pub struct PackedDepthwise {
    shape: ConvShape,
    weights: Vec<f32>,
    bias: Vec<f32>,
    activation: Activation,
    with_input: bool,
}

impl PackedDepthwise {
    /// Packs for vectors of `lanes` channels; the shape has as many groups as channels.
    pub fn new(shape: ConvShape, source: &ConvWeights, activation: Activation, lanes: usize) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let channels = shape.channels[0];
        let chunks = channels.div_ceil(lanes);
        let mut weights = vec![0.0; chunks * taps * lanes];
        let mut bias = vec![0.0; chunks * lanes];
        for c in 0..channels {
            bias[c] = source.bias[c];
            for tap in 0..taps {
                weights[(c / lanes * taps + tap) * lanes + c % lanes] = source.weight[c * taps + tap];
            }
        }
        Self { shape, weights, bias, activation, with_input: false }
    }

    /// The input itself, with the residual, is written before the result's channels (stride 1, "same" padding).
    pub fn with_input(mut self) -> Self {
        self.with_input = true;
        self
    }

    /// Floats held.
    pub fn floats(&self) -> usize {
        self.weights.len() + self.bias.len()
    }
}

/// Computes output rows `first..last`.
///
/// # Safety
/// As for the dense convolution; `input` must have [`crate::engine::plan::SLACK`] readable floats after its end.
#[inline(always)]
pub unsafe fn depthwise<const L: usize, const FMA: bool>(
    packed: &PackedDepthwise,
    input: Map,
    residual: Option<Map>,
    output: MapMut,
    first: usize,
    last: usize,
) {
    let shape = &packed.shape;
    let [kh, kw] = shape.kernel;
    let channels = shape.channels[0];
    let d = shape.dilation;
    for y in first..last {
        let top = (y * shape.stride[0]) as isize - shape.padding[0] as isize;
        for chunk in 0..channels.div_ceil(L) {
            let lanes = L.min(channels - chunk * L);
            let weights = unsafe { packed.weights.as_ptr().add(chunk * kh * kw * L) };
            let bias = unsafe { *packed.bias.as_ptr().add(chunk * L).cast::<[f32; L]>() };
            let base = unsafe { input.data.add(chunk * L) };
            let mut x = 0;
            while x < output.width {
                let left = (x * shape.stride[1]) as isize - shape.padding[1] as isize;
                let right = left + ((TILE - 1) * shape.stride[1] + (kw - 1) * d) as isize;
                let whole = left >= 0 && right < input.width as isize && x + TILE <= output.width;
                let count = if whole { TILE } else { 1 };
                let mut acc = [bias; TILE];
                for ky in 0..kh {
                    let iy = top + (ky * d) as isize;
                    if iy < 0 || iy >= input.height as isize {
                        continue;
                    }
                    let row = unsafe { base.add(iy as usize * input.width * input.stride) };
                    for kx in 0..kw {
                        let w = unsafe { *weights.add((ky * kw + kx) * L).cast::<[f32; L]>() };
                        let ix = left + (kx * d) as isize;
                        if whole {
                            let from = unsafe { row.add(ix as usize * input.stride) };
                            for (i, acc) in acc.iter_mut().enumerate() {
                                let v = unsafe { *from.add(i * shape.stride[1] * input.stride).cast::<[f32; L]>() };
                                for j in 0..L {
                                    acc[j] = madd::<FMA>(v[j], w[j], acc[j]);
                                }
                            }
                        } else if ix >= 0 && ix < input.width as isize {
                            let v = unsafe { *row.add(ix as usize * input.stride).cast::<[f32; L]>() };
                            for j in 0..L {
                                acc[0][j] = madd::<FMA>(v[j], w[j], acc[0][j]);
                            }
                        }
                    }
                }
                for (i, values) in acc.iter_mut().enumerate().take(count) {
                    activate::<L, FMA>(packed.activation, values);
                    let at = y * output.width + x + i;
                    let mut channel = chunk * L;
                    if packed.with_input {
                        let mut same = unsafe { *base.add(at * input.stride).cast::<[f32; L]>() };
                        unsafe { store(&mut same, residual, output, at, channel, lanes) };
                        channel += channels;
                    }
                    unsafe { store(values, residual, output, at, channel, lanes) };
                }
                x += count;
            }
        }
    }
}

/// Adds the residual and writes `lanes` values of pixel `at`.
#[inline(always)]
unsafe fn store<const L: usize>(
    values: &mut [f32; L],
    residual: Option<Map>,
    output: MapMut,
    at: usize,
    channel: usize,
    lanes: usize,
) {
    unsafe {
        if let Some(r) = residual {
            let r = r.data.add(at * r.stride + channel);
            for (j, v) in values.iter_mut().enumerate().take(lanes) {
                *v += *r.add(j);
            }
        }
        let to = output.data.add(at * output.stride + channel);
        if lanes == L {
            *to.cast::<[f32; L]>() = *values;
        } else {
            std::ptr::copy_nonoverlapping(values.as_ptr(), to, lanes);
        }
    }
}
