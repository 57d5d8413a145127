//! Quantization of the input.

use crate::Map;
use crate::simd::Simd;

/// The input of a convolution.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A map, and the largest magnitude in the rows that are read. A 1x1 convolution finds that per pixel itself.
    Map(Map, f32),
    /// The bytes of an image (0 to 255 stand for 0.0 to 1.0), and its `[height, width]`.
    Bytes(&'a [u8], [usize; 2]),
}

impl Source<'_> {
    pub(super) fn size(&self) -> [usize; 2] {
        match self {
            Self::Map(map, _) => [map.height, map.width],
            Self::Bytes(_, size) => *size,
        }
    }

    /// The factor that quantizes to integers up to `most`, and the factor that dequantizes.
    pub(super) fn factors(&self, most: f32) -> [f32; 2] {
        match self {
            Self::Map(_, magnitude) => factors(most, *magnitude),
            // A whole factor keeps bytes exact.
            Self::Bytes(..) => [(most / 255.0).floor(), 1.0 / (255.0 * (most / 255.0).floor())],
        }
    }

    /// Quantizes row `y` of `channels` channels with `factor`.
    ///
    /// # Safety
    /// The processor has the instruction set; the map has these channels.
    #[inline(always)]
    pub(super) unsafe fn row<S: Simd>(&self, y: usize, channels: usize, factor: f32, to: &mut [i16]) {
        match self {
            Self::Bytes(bytes, [_, width]) => {
                let row = &bytes[y * width * channels..][..width * channels];
                to.iter_mut().zip(row).for_each(|(to, &byte)| *to = i16::from(byte) * factor as i16);
            }
            Self::Map(map, _) => {
                // Without gaps between pixels, a row is one run.
                let [runs, values] =
                    if map.stride == channels { [1, map.width * channels] } else { [map.width, channels] };
                for (x, to) in to.chunks_exact_mut(values).enumerate().take(runs) {
                    let from = map.data.wrapping_add((y * map.width + x) * map.stride);
                    // SAFETY: the caller upholds the contract of this function.
                    unsafe { round::<S>(from, to.as_mut_ptr(), values, factor) };
                }
            }
        }
    }
}

/// The largest magnitude in the rows `first..last` of a map. Infinite or NaN values win.
///
/// # Safety
/// The processor has the instruction set; the map has these channels.
#[inline(always)]
pub unsafe fn magnitude<S: Simd>(map: Map, channels: usize, [first, last]: [usize; 2]) -> f32 {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let mut most = S::splat(0.0);
        for pixel in first * map.width..last * map.width {
            most = magnitude_of::<S>(most, map.data.wrapping_add(pixel * map.stride), channels);
        }
        largest::<S>(most)
    }
}

#[inline(always)]
pub(super) unsafe fn magnitude_of<S: Simd>(mut most: S::V, from: *const f32, channels: usize) -> S::V {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let whole = channels / S::LANES * S::LANES;
        for c in (0..whole).step_by(S::LANES) {
            most = S::max_magnitude(most, S::load(from.add(c)));
        }
        for c in whole..channels {
            most = S::max_magnitude(most, S::splat(*from.add(c)));
        }
        most
    }
}

#[inline(always)]
pub(super) unsafe fn largest<S: Simd>(most: S::V) -> f32 {
    let mut values = [0.0_f32; 16];
    // SAFETY: the caller upholds the contract of this function.
    unsafe { S::store(values.as_mut_ptr(), most) };
    f32::from_bits(values[..S::LANES].iter().fold(0, |most, v| most.max(v.to_bits())))
}

/// Quantizes `channels` values with `factor`.
///
/// # Safety
/// The processor has the instruction set; `from` and `to` hold `channels` values.
#[inline(always)]
pub(super) unsafe fn round<S: Simd>(from: *const f32, to: *mut i16, channels: usize, factor: f32) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let (wide, by) = (2 * S::LANES, S::splat(factor));
        let whole = channels / wide * wide;
        for c in (0..whole).step_by(wide) {
            let low = S::mul(S::load(from.add(c)), by);
            let high = S::mul(S::load(from.add(c + S::LANES)), by);
            S::store_rounded(to.add(c), low, high);
        }
        for c in whole..channels {
            to.add(c).write((*from.add(c) * factor).round_ties_even() as i16);
        }
    }
}

/// The factor that maps `magnitude` to `most`, and its inverse. If the magnitude is not finite, all results become NaN.
pub(super) fn factors(most: f32, magnitude: f32) -> [f32; 2] {
    match magnitude {
        m if !m.is_finite() => [0.0, f32::NAN],
        // For smaller magnitudes the factor would overflow.
        m if m < 1e-30 => [0.0, 0.0],
        m => [most / m, m / most],
    }
}
