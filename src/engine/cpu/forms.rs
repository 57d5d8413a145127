//! The kernels, compiled once for each instruction set, and the form that a processor takes.

use super::isa::{BASE_TILES, Isa};
#[cfg(target_arch = "x86_64")]
use super::simd;
use super::simd::Base;
use super::{Map, MapMut, conv, depthwise, fixed, math, simple};

/// `name(isa, …)`, with the body that each instruction set gets.
macro_rules! forms {
    ($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)?;
     $vnni:expr; $avx512:expr; $avx2:expr; $base:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        /// As for the kernel; the processor has the instruction set.
        pub(super) unsafe fn $name(isa: Isa, $($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
            unsafe fn vnni($($arg: $type),*) $(-> $result)? { unsafe { $vnni } }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            unsafe fn avx512($($arg: $type),*) $(-> $result)? { unsafe { $avx512 } }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2($($arg: $type),*) $(-> $result)? { unsafe { $avx2 } }
            #[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
            unsafe fn base($($arg: $type),*) $(-> $result)? { unsafe { $base } }
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

forms! {
    /// A dense convolution in floats, in tiles that fit the registers.
    convolve(job: conv::Job);
    conv::convolve::<simd::Avx512, 12, 12, 8>(job);
    conv::convolve::<simd::Avx512, 12, 12, 8>(job);
    conv::convolve::<simd::Avx2, 8, 6, 4>(job);
    conv::convolve::<Base, { BASE_TILES[0] }, { BASE_TILES[1] }, { BASE_TILES[2] }>(job)
}

forms! {
    /// A dense convolution in 16 bits.
    convolve_fixed(job: fixed::Job);
    fixed::convolve::<simd::Vnni, 8>(job);
    fixed::convolve::<simd::Avx512, 4>(job);
    fixed::convolve::<simd::Avx2, 4>(job);
    fixed::convolve::<Base, 2>(job)
}

forms! {
    /// A depthwise convolution.
    convolve_depthwise(job: depthwise::Job);
    depthwise::depthwise::<simd::Avx512>(job);
    depthwise::depthwise::<simd::Avx512>(job);
    depthwise::depthwise::<simd::Avx2>(job);
    depthwise::depthwise::<Base>(job)
}

forms! {
    /// The largest magnitude in some rows of a map.
    magnitude(map: Map, channels: usize, rows: [usize; 2]) -> f32;
    fixed::magnitude::<simd::Avx512>(map, channels, rows);
    fixed::magnitude::<simd::Avx512>(map, channels, rows);
    fixed::magnitude::<simd::Avx2>(map, channels, rows);
    fixed::magnitude::<Base>(map, channels, rows)
}

forms! {
    /// Max pooling of the rows `[first, last]`.
    max_pool(input: Map, output: MapMut, window: [usize; 3], rows: [usize; 2]);
    simple::max_pool(input, output, window, rows);
    simple::max_pool(input, output, window, rows);
    simple::max_pool(input, output, window, rows);
    simple::max_pool(input, output, window, rows)
}

forms! {
    /// The sum of the products of two lists of the same length.
    dot(a: &[f32], b: &[f32]) -> f32;
    math::dot::<simd::Avx512>(a, b);
    math::dot::<simd::Avx512>(a, b);
    math::dot::<simd::Avx2>(a, b);
    math::dot::<Base>(a, b)
}
