//! The fallback without SIMD.

use super::Simd;

/// Arrays of four floats, for targets without SIMD.
#[cfg_attr(not(test), allow(dead_code))]
#[derive(Clone, Copy)]
pub struct Scalar;

impl Simd for Scalar {
    type V = [f32; 4];
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { *from.cast() }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { *to.cast() = v }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| a[i] / b[i])
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if b[i] < a[i] { b[i] } else { a[i] })
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        std::array::from_fn(|i| if a[i] < b[i] { b[i] } else { a[i] })
    }

    #[inline(always)]
    unsafe fn scale(v: Self::V, shifted: Self::V) -> Self::V {
        std::array::from_fn(|i| f32::from_bits(v[i].to_bits().wrapping_add(shifted[i].to_bits() << 23)))
    }

    #[inline(always)]
    unsafe fn max_magnitude(most: Self::V, v: Self::V) -> Self::V {
        std::array::from_fn(|i| f32::from_bits(most[i].to_bits().max(v[i].to_bits() & 0x7fff_ffff)))
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, low: Self::V, high: Self::V) {
        for (i, v) in low.into_iter().chain(high).enumerate() {
            // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
            unsafe { to.add(i).write(v.round_ties_even() as i16) };
        }
    }

    #[inline(always)]
    unsafe fn pair(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        [f32::from_bits(unsafe { from.cast::<u32>().read_unaligned() }); 4]
    }

    #[inline(always)]
    unsafe fn pairs(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, sum: Self::V) -> Self::V {
        let halves = |v: f32| [v.to_bits() as i16, (v.to_bits() >> 16) as i16].map(i32::from);
        std::array::from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (halves(a[i]), halves(b[i]));
            f32::from_bits((sum[i].to_bits() as i32 + a0 * b0 + a1 * b1) as u32)
        })
    }

    #[inline(always)]
    unsafe fn floats(v: Self::V) -> Self::V {
        v.map(|v| v.to_bits() as i32 as f32)
    }
}
