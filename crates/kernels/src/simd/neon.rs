//! NEON.

use super::Simd;
use std::arch::aarch64::*;

/// What every AArch64 processor has.
#[derive(Clone, Copy)]
pub struct Neon;

impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vst1q_f32(to, v) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vminq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vmaxq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn scale(v: Self::V, shifted: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let n = vshlq_n_s32::<23>(vreinterpretq_s32_f32(shifted));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(v), n))
        }
    }

    #[inline(always)]
    unsafe fn max_magnitude(most: Self::V, v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let bits = vandq_s32(vreinterpretq_s32_f32(v), vdupq_n_s32(i32::MAX));
            vreinterpretq_f32_s32(vmaxq_s32(vreinterpretq_s32_f32(most), bits))
        }
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, low: Self::V, high: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let (low, high) = (vqmovn_s32(vcvtnq_s32_f32(low)), vqmovn_s32(vcvtnq_s32_f32(high)));
            vst1q_s16(to, vcombine_s16(low, high));
        }
    }

    #[inline(always)]
    unsafe fn pair(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vreinterpretq_f32_s32(vdupq_n_s32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn pairs(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vreinterpretq_f32_s16(vld1q_s16(from)) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, sum: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let (a, b) = (vreinterpretq_s16_f32(a), vreinterpretq_s16_f32(b));
            let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
            let products = vpaddq_s32(low, vmull_high_s16(a, b));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(sum), products))
        }
    }

    #[inline(always)]
    unsafe fn floats(v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { vcvtq_f32_s32(vreinterpretq_s32_f32(v)) }
    }
}
