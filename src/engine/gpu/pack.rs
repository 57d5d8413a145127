//! Packs weights in the order in which the shaders read them.

use super::wgsl::{ElementLayout, Tile};
use crate::engine::program::{ConvShape, ConvWeights};
use half::f16;
use half::slice::HalfFloatSliceExt;
use half::vec::{HalfBitsVecExt, HalfFloatVecExt};
use std::borrow::Cow;

/// For [`wgsl::dense`](super::wgsl::dense): per group of `tile.blocks` output blocks the biases, then
/// `[ky][c1 / 4][kx][lane][block]` blocks of four outputs, zero-padded. With fewer than four input channels there are
/// only so many lanes.
pub fn dense(shape: &ConvShape, source: &ConvWeights, tile: Tile) -> Vec<f32> {
    let ([c1, c2], [kh, kw]) = (shape.channels, shape.kernel);
    let lanes = c1.min(4);
    let per_group = 4 * tile.blocks;
    let mut packed = Vec::with_capacity(c2.next_multiple_of(per_group) * (1 + kh * kw * c1.next_multiple_of(lanes)));
    for group in 0..c2.div_ceil(per_group) {
        let outputs = group * per_group..(group + 1) * per_group;
        packed.extend(outputs.clone().map(|o| source.bias.get(o).copied().unwrap_or(0.0)));
        for ky in 0..kh {
            for block in 0..c1.div_ceil(lanes) {
                for kx in 0..kw {
                    for c in block * lanes..(block + 1) * lanes {
                        packed.extend(outputs.clone().map(|o| {
                            let inside = c < c1 && o < c2;
                            if inside { source.weight[((o * c1 + c) * kh + ky) * kw + kx] } else { 0.0 }
                        }));
                    }
                }
            }
        }
    }
    packed
}

/// For [`wgsl::depthwise`](super::wgsl::depthwise): per block the bias, then `[ky][kx]`.
pub fn depthwise(shape: &ConvShape, source: &ConvWeights) -> Vec<f32> {
    let (channels, taps) = (shape.channels[0], shape.kernel[0] * shape.kernel[1]);
    let lane = |values: &[f32], at: usize, c: usize| if c < channels { values[at] } else { 0.0 };
    let mut packed = Vec::new();
    for block in 0..channels.div_ceil(4) {
        packed.extend((0..4).map(|l| lane(&source.bias, block * 4 + l, block * 4 + l)));
        for tap in 0..taps {
            packed.extend((0..4).map(|l| lane(&source.weight, (block * 4 + l) * taps + tap, block * 4 + l)));
        }
    }
    packed
}

/// For the general convolutions: weights as the reference stores them, then the biases.
pub fn plain(source: &ConvWeights) -> Vec<f32> {
    source.weight.iter().chain(&source.bias).copied().collect()
}

/// For [`wgsl::affine`](super::wgsl::affine): pairs of elements.
pub fn affine(element: ElementLayout, scale: &[f32], bias: &[f32]) -> Vec<f32> {
    let width = element.channels();
    let element = |values: &[f32], u: usize| -> Vec<f32> {
        (u * width..(u + 1) * width).map(|c| values.get(c).copied().unwrap_or(0.0)).collect()
    };
    (0..scale.len().div_ceil(width)).flat_map(|u| [element(scale, u), element(bias, u)].concat()).collect()
}

/// For the detect heads: a row of `c1 / 4` blocks per output, then the biases, padded to a block.
pub fn head(shape: &ConvShape, source: &ConvWeights) -> Vec<f32> {
    let c1 = shape.channels[0];
    let row =
        |row: &[f32]| -> Vec<f32> { (0..c1.next_multiple_of(4)).map(|c| row.get(c).copied().unwrap_or(0.0)).collect() };
    let mut packed: Vec<f32> = source.weight.chunks_exact(c1).flat_map(row).collect();
    packed.extend(&source.bias);
    packed.resize(packed.len().next_multiple_of(4), 0.0);
    packed
}

/// Values as the GPU stores them: fp32, or fp16.
pub fn stored(values: &[f32], f16_storage: bool) -> Cow<'_, [u8]> {
    match f16_storage {
        true => Cow::Owned(bytemuck::cast_slice(Vec::<f16>::from_f32_slice(values).reinterpret_cast()).to_vec()),
        false => Cow::Borrowed(bytemuck::cast_slice(values)),
    }
}

/// The values that [`stored`] made these bytes of.
pub fn read(bytes: &[u8], f16_storage: bool) -> Vec<f32> {
    match f16_storage {
        true => bytemuck::pod_collect_to_vec::<u8, u16>(bytes).reinterpret_into::<f16>().to_f32_vec(),
        false => bytemuck::pod_collect_to_vec(bytes),
    }
}
