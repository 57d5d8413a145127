//! The epilogue of a convolution: activation and residual.
//!
//! The kernels write plain sums to a small buffer. A second pass, while the buffer is in the L1 cache, applies the
//! activation and writes the map. Applying it inside the kernels was two to three times slower: it took registers from the
//! sums, and the latency of one vector's chain of operations was exposed.

use crate::Activation;
use crate::aligned::Aligned;
use crate::math::{Constants, UNROLL, activate};
use crate::simd::Simd;
use crate::{Map, MapMut};

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
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        if let Some(r) = residual {
            v = S::add(v, S::load(r.data.wrapping_add(at * r.stride + channel)));
        }
        put::<S>(v, output.data.wrapping_add(at * output.stride + channel), lanes);
    }
}

#[inline(always)]
unsafe fn put<S: Simd>(v: S::V, to: *mut f32, lanes: usize) {
    // SAFETY: the caller upholds the contract of this function.
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

/// Adds a smaller map, upsampled by `scale` (nearest neighbour), to the pixels from `start` on.
///
/// # Safety
/// The small map covers these pixels, with a vector's length of readable floats behind it.
#[inline(always)]
pub unsafe fn add_upsampled<S: Simd, const MR: usize, const NV: usize>(
    acc: &mut [[S::V; NV]; MR],
    addend: Map,
    scale: usize,
    width: usize,
    channel: usize,
    start: usize,
) {
    let (mut y, mut x) = (start / width, start % width);
    for row in acc {
        let pixel = (y / scale).min(addend.height - 1) * addend.width + x / scale;
        for (j, v) in row.iter_mut().enumerate() {
            let from = addend.data.wrapping_add(pixel * addend.stride + channel + j * S::LANES);
            // SAFETY: the caller upholds the contract of this function.
            unsafe { *v = S::add(*v, S::load(from)) };
        }
        x += 1;
        if x == width {
            (y, x) = (y + 1, 0);
        }
    }
}

/// The sums of a few pixels before their activation.
pub struct Accumulator {
    values: Aligned<f32>,
    /// Floats from one pixel to the next: its channels, rounded up to whole vectors.
    stride: usize,
}

impl Accumulator {
    /// Room for `pixels` pixels of `channels` channels in vectors of `lanes`.
    pub fn new(pixels: usize, channels: usize, lanes: usize) -> Self {
        let stride = channels.next_multiple_of(lanes);
        Self { values: Aligned::zeroed(pixels * stride), stride }
    }

    /// A map over the sums, whose first channel is output channel `channel`.
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
        // SAFETY: the caller upholds the contract of this function.
        unsafe {
            let constants = Constants::<S>::new();
            if channels.is_multiple_of(UNROLL * S::LANES) {
                // Whole batches of vectors per pixel: write straight to the map.
                for pixel in first..last {
                    let from = self.values.as_ptr().add((pixel - first) * stride);
                    for at in (0..channels).step_by(UNROLL * S::LANES) {
                        let mut v = [S::splat(0.0); UNROLL];
                        for (i, v) in v.iter_mut().enumerate() {
                            *v = S::load(from.add(at + i * S::LANES));
                        }
                        activate::<S, UNROLL>(activation, &constants, &mut v);
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

/// Applies `activation` to `values`, which are whole vectors.
#[inline(always)]
unsafe fn activate_all<S: Simd>(activation: Activation, constants: &Constants<S>, values: &mut [f32]) {
    let mut batches = values.chunks_exact_mut(UNROLL * S::LANES);
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        for batch in &mut batches {
            let at = batch.as_mut_ptr();
            let mut v = [S::splat(0.0); UNROLL];
            for (i, v) in v.iter_mut().enumerate() {
                *v = S::load(at.add(i * S::LANES));
            }
            activate::<S, UNROLL>(activation, constants, &mut v);
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
