//! The SIMD abstraction under the kernels: a vector of floats and its operations.
//!
//! Each instruction set is a type. Kernels are generic over it, and [`dispatch`](crate::dispatch) compiles them once for
//! each inside a function that enables the set.
//!
//! # Safety
//! This holds for all methods: the processor has the instruction set, and pointers have `LANES` floats behind them.
#![allow(clippy::missing_safety_doc)]

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
use neon::Neon;
#[cfg(any(
    test,
    not(any(
        target_arch = "x86_64",
        target_arch = "aarch64",
        all(target_arch = "wasm32", target_feature = "simd128")
    ))
))]
pub use scalar::Scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use wasm::Wasm;
#[cfg(target_arch = "x86_64")]
use x86::Sse2;
#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512, Vnni};

/// Vectors of `LANES` floats.
pub trait Simd: Copy {
    /// A vector.
    type V: Copy;
    /// Floats in it.
    const LANES: usize;

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(from: *const f32) -> Self::V;
    unsafe fn store(to: *mut f32, v: Self::V);
    /// `a * b + c`, fused where the set fuses.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn div(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// `v * 2^n` with `n` in the low bits of `shifted`.
    unsafe fn scale(v: Self::V, shifted: Self::V) -> Self::V;

    /// The larger of `most` and the magnitude of `v`, where a NaN is larger than everything; `most` has no signs.
    unsafe fn max_magnitude(most: Self::V, v: Self::V) -> Self::V;
    /// Stores the whole numbers nearest to `low`, then those to `high`, as 16 bits each; all fit.
    unsafe fn store_rounded(to: *mut i16, low: Self::V, high: Self::V);
    /// Two neighbouring 16-bit numbers in each lane.
    unsafe fn pair(from: *const i16) -> Self::V;
    /// The 16-bit numbers of as many pairs as there are lanes.
    unsafe fn pairs(from: *const i16) -> Self::V;
    /// In each lane, as a 32-bit number: `sum` and the products of the two pairs.
    unsafe fn dot(a: Self::V, b: Self::V, sum: Self::V) -> Self::V;
    /// 32-bit numbers as floats.
    unsafe fn floats(v: Self::V) -> Self::V;
}

/// The instruction set that the target always has.
#[cfg(target_arch = "x86_64")]
pub type Base = Sse2;
/// The instruction set that the target always has.
#[cfg(target_arch = "aarch64")]
pub type Base = Neon;
/// The instruction set that the target always has.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub type Base = Wasm;
/// The instruction set that the target always has.
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
)))]
pub type Base = Scalar;
