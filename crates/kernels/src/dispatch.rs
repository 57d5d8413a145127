//! Runtime dispatch: every kernel compiled once for each instruction set.

use crate::isa::{BASE_TILES, Isa};
use crate::job::Job;
#[cfg(target_arch = "x86_64")]
use crate::simd;
use crate::simd::Base;
use crate::{Map, MapMut, attention, conv, depthwise, elementwise, int16, math};

/// Defines `name(isa, …)`, which calls the version of the kernel for `isa`. The four expressions are the versions. It is never
/// inlined: in the module for browsers its callers are compiled for size, and so would the kernel be inside of them.
macro_rules! simd_dispatch {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;
     $vnni:expr; $avx512:expr; $avx2:expr; $base:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As for the kernel; the processor has the instruction set.
        #[inline(never)]
        pub unsafe fn $name(isa: Isa, $($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
            // SAFETY: the caller upholds the contract of this function.
            unsafe fn vnni($($arg: $type),*) $(-> $result)? { unsafe { $vnni } }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            // SAFETY: the caller upholds the contract of this function.
            unsafe fn avx512($($arg: $type),*) $(-> $result)? { unsafe { $avx512 } }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            // SAFETY: the caller upholds the contract of this function.
            unsafe fn avx2($($arg: $type),*) $(-> $result)? { unsafe { $avx2 } }
            #[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
            // SAFETY: the caller upholds the contract of this function.
            unsafe fn base($($arg: $type),*) $(-> $result)? { unsafe { $base } }
            // SAFETY: the caller upholds the contract of this function.
            unsafe {
                match isa {
                    #[cfg(target_arch = "x86_64")]
                    Isa::Vnni => vnni($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => avx512($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => avx2($($arg),*),
                    _ => base($($arg),*),
                }
            }
        }
    };
}

simd_dispatch! {
    /// A dense convolution in floats.
    convolve(job: Job<'_, conv::PackedConv>);
    conv::convolve::<simd::Avx512, 12, 12, 8>(job);
    conv::convolve::<simd::Avx512, 12, 12, 8>(job);
    conv::convolve::<simd::Avx2, 8, 6, 4>(job);
    conv::convolve::<Base, { BASE_TILES[0] }, { BASE_TILES[1] }, { BASE_TILES[2] }>(job)
}

simd_dispatch! {
    /// A dense convolution in int16.
    convolve_int16(job: int16::Job);
    int16::convolve::<simd::Vnni, 8>(job);
    int16::convolve::<simd::Avx512, 4>(job);
    int16::convolve::<simd::Avx2, 4>(job);
    int16::convolve::<Base, 2>(job)
}

simd_dispatch! {
    /// A depthwise convolution.
    convolve_depthwise(job: depthwise::Job);
    depthwise::depthwise::<simd::Avx512>(job);
    depthwise::depthwise::<simd::Avx512>(job);
    depthwise::depthwise::<simd::Avx2>(job);
    depthwise::depthwise::<Base>(job)
}

simd_dispatch! {
    /// The largest magnitude in some rows of a map.
    magnitude(map: Map, channels: usize, rows: [usize; 2]) -> f32;
    int16::magnitude::<simd::Avx512>(map, channels, rows);
    int16::magnitude::<simd::Avx512>(map, channels, rows);
    int16::magnitude::<simd::Avx2>(map, channels, rows);
    int16::magnitude::<Base>(map, channels, rows)
}

simd_dispatch! {
    /// Max pooling of the rows `[first, last]`.
    max_pool(input: Map, output: MapMut, window: [usize; 3], rows: [usize; 2]);
    elementwise::max_pool(input, output, window, rows);
    elementwise::max_pool(input, output, window, rows);
    elementwise::max_pool(input, output, window, rows);
    elementwise::max_pool(input, output, window, rows)
}

simd_dispatch! {
    /// Attention for the queries of the rows `[first, last]`.
    attend(input: Map, output: MapMut, heads: usize, rows: [usize; 2]);
    attention::attention(input, output, heads, rows);
    attention::attention(input, output, heads, rows);
    attention::attention(input, output, heads, rows);
    attention::attention(input, output, heads, rows)
}

simd_dispatch! {
    /// The dot products of `weights` with some pixels, which begin every `stride` values.
    dots(values: &[f32], stride: usize, weights: &[f32], sums: &mut [f32]);
    math::dots::<simd::Avx512>(values, stride, weights, sums);
    math::dots::<simd::Avx512>(values, stride, weights, sums);
    math::dots::<simd::Avx2>(values, stride, weights, sums);
    math::dots::<Base>(values, stride, weights, sums)
}
