//! AVX-512, AVX2 and SSE2.

use super::Simd;
use std::arch::x86_64::*;

/// 512 bits; with `VNNI`, the instruction that multiplies pairs of 16-bit numbers and adds them up.
#[derive(Clone, Copy)]
pub struct Wide<const VNNI: bool>;

/// AVX-512F alone.
pub type Avx512 = Wide<false>;
/// AVX-512F, BW and VNNI.
pub type Vnni = Wide<true>;

impl<const VNNI: bool> Simd for Wide<VNNI> {
    type V = __m512;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_storeu_ps(to, v) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn scale(v: Self::V, shifted: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let n = _mm512_slli_epi32::<23>(_mm512_castps_si512(shifted));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(v), n))
        }
    }

    #[inline(always)]
    unsafe fn max_magnitude(most: Self::V, v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let bits = _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(i32::MAX));
            _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(most), bits))
        }
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, low: Self::V, high: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            _mm256_storeu_si256(to.cast(), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(low)));
            _mm256_storeu_si256(to.add(16).cast(), _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(high)));
        }
    }

    #[inline(always)]
    unsafe fn pair(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_castsi512_ps(_mm512_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn pairs(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_loadu_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, sum: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let (a, b) = (_mm512_castps_si512(a), _mm512_castps_si512(b));
            if VNNI {
                return _mm512_castsi512_ps(_mm512_dpwssd_epi32(_mm512_castps_si512(sum), a, b));
            }
            let low = [_mm512_slli_epi32::<16>(a), _mm512_slli_epi32::<16>(b)];
            let first = _mm512_mullo_epi32(_mm512_srai_epi32::<16>(low[0]), _mm512_srai_epi32::<16>(low[1]));
            let second = _mm512_mullo_epi32(_mm512_srai_epi32::<16>(a), _mm512_srai_epi32::<16>(b));
            _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum), _mm512_add_epi32(first, second)))
        }
    }

    #[inline(always)]
    unsafe fn floats(v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm512_cvtepi32_ps(_mm512_castps_si512(v)) }
    }
}

/// 256 bits with fused multiply-add.
#[derive(Clone, Copy)]
pub struct Avx2;

impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_storeu_ps(to, v) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn scale(v: Self::V, shifted: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let n = _mm256_slli_epi32::<23>(_mm256_castps_si256(shifted));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(v), n))
        }
    }

    #[inline(always)]
    unsafe fn max_magnitude(most: Self::V, v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let bits = _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(i32::MAX));
            _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(most), bits))
        }
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, low: Self::V, high: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let mixed = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
            _mm256_storeu_si256(to.cast(), _mm256_permute4x64_epi64::<0b11_01_10_00>(mixed));
        }
    }

    #[inline(always)]
    unsafe fn pair(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_castsi256_ps(_mm256_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn pairs(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_loadu_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, sum: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let products = _mm256_madd_epi16(_mm256_castps_si256(a), _mm256_castps_si256(b));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), products))
        }
    }

    #[inline(always)]
    unsafe fn floats(v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm256_cvtepi32_ps(_mm256_castps_si256(v)) }
    }
}

/// What every x86-64 processor has.
#[derive(Clone, Copy)]
pub struct Sse2;

impl Simd for Sse2 {
    type V = __m128;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, v: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_storeu_ps(to, v) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_add_ps(_mm_mul_ps(a, b), c) }
    }

    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_max_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn scale(v: Self::V, shifted: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let n = _mm_slli_epi32::<23>(_mm_castps_si128(shifted));
            _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(v), n))
        }
    }

    #[inline(always)]
    unsafe fn max_magnitude(most: Self::V, v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let bits = _mm_and_si128(_mm_castps_si128(v), _mm_set1_epi32(i32::MAX));
            let larger = _mm_castsi128_ps(_mm_cmpgt_epi32(bits, _mm_castps_si128(most)));
            _mm_or_ps(_mm_and_ps(larger, _mm_castsi128_ps(bits)), _mm_andnot_ps(larger, most))
        }
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, low: Self::V, high: Self::V) {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let numbers = _mm_packs_epi32(_mm_cvtps_epi32(low), _mm_cvtps_epi32(high));
            _mm_storeu_si128(to.cast(), numbers);
        }
    }

    #[inline(always)]
    unsafe fn pair(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_castsi128_ps(_mm_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn pairs(from: *const i16) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_loadu_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn dot(a: Self::V, b: Self::V, sum: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe {
            let products = _mm_madd_epi16(_mm_castps_si128(a), _mm_castps_si128(b));
            _mm_castsi128_ps(_mm_add_epi32(_mm_castps_si128(sum), products))
        }
    }

    #[inline(always)]
    unsafe fn floats(v: Self::V) -> Self::V {
        // SAFETY: by the contract of `Simd`, the processor has the instruction set and the pointers are valid.
        unsafe { _mm_cvtepi32_ps(_mm_castps_si128(v)) }
    }
}
