//! What happens to a convolution's sums: activation and residual.
//!
//! The kernels put plain sums into a small buffer; a second pass, while those are in the first-level cache, applies the
//! activation and writes the map. Inside the kernels it was two to three times slower: its registers were taken from the
//! sums', and one vector's chain of operations waited for itself.

use super::aligned::Aligned;
use super::math::{AT_ONCE, Constants, activate};
use super::simd::Simd;
use super::{Map, MapMut};
use crate::model::Activation;

/// Adds the residual and writes the first `lanes` values to pixel `at`.
///
/// # Safety
/// The maps are valid at this pixel; the residual has a vector's length of readable floats behind it.
#[inline(always)]
pub unsafe fn store<S: Simd>(
    mut v: S::V,
    residual: Option<Map>,
    output: MapMut,
    at: usize,
    channel: usize,
    lanes: usize,
) {
    unsafe {
        if let Some(r) = residual {
            v = S::add(v, S::load(r.data.wrapping_add(at * r.stride + channel)));
        }
        put::<S>(v, output.data.wrapping_add(at * output.stride + channel), lanes);
    }
}

#[inline(always)]
unsafe fn put<S: Simd>(v: S::V, to: *mut f32, lanes: usize) {
    unsafe {
        if lanes == S::LANES {
            S::store(to, v);
        } else {
            let mut values = [0.0_f32; 16];
            S::store(values.as_mut_ptr(), v);
            std::ptr::copy_nonoverlapping(values.as_ptr(), to, lanes);
        }
    }
}

/// Adds to each pixel from `start` on the one of a smaller map that covers it.
///
/// # Safety
/// The small map covers these pixels, with a vector's length of readable floats behind it.
#[inline(always)]
pub unsafe fn add_coarse<S: Simd, const MR: usize, const NV: usize>(
    acc: &mut [[S::V; NV]; MR],
    coarse: Map,
    scale: usize,
    width: usize,
    channel: usize,
    start: usize,
) {
    let (mut y, mut x) = (start / width, start % width);
    for row in acc {
        let pixel = (y / scale).min(coarse.height - 1) * coarse.width + x / scale;
        for (j, v) in row.iter_mut().enumerate() {
            let from = coarse.data.wrapping_add(pixel * coarse.stride + channel + j * S::LANES);
            unsafe { *v = S::add(*v, S::load(from)) };
        }
        x += 1;
        if x == width {
            (y, x) = (y + 1, 0);
        }
    }
}

/// Sums of a few pixels, before their activation.
pub struct Sums {
    values: Aligned<f32>,
    /// Floats from one pixel to the next: its channels, to whole vectors.
    stride: usize,
}

impl Sums {
    /// Room for `pixels` pixels of `channels` channels in vectors of `lanes`.
    pub fn new(pixels: usize, channels: usize, lanes: usize) -> Self {
        let stride = channels.next_multiple_of(lanes);
        Self { values: Aligned::zeroed(pixels * stride), stride }
    }

    /// As a map of `pixels` pixels whose channel 0 is channel `channel` of what is computed.
    pub fn map(&mut self, channel: usize) -> MapMut {
        let (stride, width) = (self.stride, self.values.len() / self.stride.max(1));
        let data = self.values.as_mut_ptr().wrapping_sub(channel);
        MapMut { data, height: 1, width, channels: stride, stride }
    }

    /// Writes `activation(sums) + residual` to `channels` channels from `channel` on of the pixels `first..last`.
    ///
    /// # Safety
    /// As for [`store`]; nobody else writes these pixels; the processor has the instruction set.
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    #[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
    #[cfg_attr(not(target_arch = "wasm32"), inline(always))]
    pub unsafe fn finish<S: Simd>(
        &mut self,
        activation: Activation,
        residual: Option<Map>,
        output: MapMut,
        [channel, channels]: [usize; 2],
        [first, last]: [usize; 2],
    ) {
        let stride = self.stride;
        unsafe {
            let constants = Constants::<S>::new();
            if channels.is_multiple_of(AT_ONCE * S::LANES) {
                // Straight to where they belong.
                for pixel in first..last {
                    let from = self.values.as_ptr().add((pixel - first) * stride);
                    for at in (0..channels).step_by(AT_ONCE * S::LANES) {
                        let mut v = [S::splat(0.0); AT_ONCE];
                        for (i, v) in v.iter_mut().enumerate() {
                            *v = S::load(from.add(at + i * S::LANES));
                        }
                        activate::<S, AT_ONCE>(activation, &constants, &mut v);
                        for (i, &v) in v.iter().enumerate() {
                            store::<S>(v, residual, output, pixel, channel + at + i * S::LANES, S::LANES);
                        }
                    }
                }
                return;
            }
            activate_all::<S>(activation, &constants, &mut self.values[..(last - first) * stride]);
            for pixel in first..last {
                let from = self.values.as_ptr().add((pixel - first) * stride);
                for at in (0..channels).step_by(S::LANES) {
                    let lanes = S::LANES.min(channels - at);
                    store::<S>(S::load(from.add(at)), residual, output, pixel, channel + at, lanes);
                }
            }
        }
    }
}

/// `values` are whole vectors.
#[inline(always)]
unsafe fn activate_all<S: Simd>(activation: Activation, constants: &Constants<S>, values: &mut [f32]) {
    let mut batches = values.chunks_exact_mut(AT_ONCE * S::LANES);
    unsafe {
        for batch in &mut batches {
            let at = batch.as_mut_ptr();
            let mut v = [S::splat(0.0); AT_ONCE];
            for (i, v) in v.iter_mut().enumerate() {
                *v = S::load(at.add(i * S::LANES));
            }
            activate::<S, AT_ONCE>(activation, constants, &mut v);
            for (i, &v) in v.iter().enumerate() {
                S::store(at.add(i * S::LANES), v);
            }
        }
        for one in batches.into_remainder().chunks_exact_mut(S::LANES) {
            let mut v = [S::load(one.as_ptr())];
            activate::<S, 1>(activation, constants, &mut v);
            S::store(one.as_mut_ptr(), v[0]);
        }
    }
}
