//! WebAssembly's SIMD128.

use super::Simd;
use std::arch::wasm32::*;

/// WebAssembly's vectors; fused multiply-add in a build with relaxed SIMD.
#[derive(Clone, Copy)]
pub struct Wasm;

impl Simd for Wasm {
    type V = v128;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        f32x4_splat(x)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { v128_store(to.cast(), v) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Inlined into functions that enable the feature.
        #[cfg(feature = "relaxed-simd")]
        return f32x4_relaxed_madd(a, b, c);
        #[cfg(not(feature = "relaxed-simd"))]
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        f32x4_add(a, b)
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        f32x4_sub(a, b)
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        f32x4_div(a, b)
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        f32x4_pmin(a, b)
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        f32x4_pmax(a, b)
    }

    #[inline(always)]
    unsafe fn scale(v: Self::V, shifted: Self::V) -> Self::V {
        i32x4_add(v, i32x4_shl(shifted, 23))
    }

    #[inline(always)]
    unsafe fn max_magnitude(most: Self::V, v: Self::V) -> Self::V {
        i32x4_max(most, v128_and(v, i32x4_splat(i32::MAX)))
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, low: Self::V, high: Self::V) {
        // 1.5 * 2^23: adding it leaves the nearest whole number in the low bits.
        let (magic, bits) = (f32x4_splat(12_582_912.0), i32x4_splat(0x4b40_0000));
        let low = i32x4_sub(f32x4_add(low, magic), bits);
        let high = i32x4_sub(f32x4_add(high, magic), bits);
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { v128_store(to.cast(), i16x8_narrow_i32x4(low, high)) }
    }

    #[inline(always)]
    unsafe fn pair(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { v128_load32_splat(from.cast()) }
    }

    #[inline(always)]
    unsafe fn pairs(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, sum: Self::V) -> Self::V {
        i32x4_add(sum, i32x4_dot_i16x8(a, b))
    }

    #[inline(always)]
    unsafe fn floats(v: Self::V) -> Self::V {
        f32x4_convert_i32x4(v)
    }
}
