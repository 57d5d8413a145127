//! Activations on vectors.

use crate::Activation;
use crate::simd::Simd;

/// Vectors that an activation processes together: as many as the registers hold, with one left for a constant. Browsers
/// process one after the other anyway; two keep batches whole for narrow maps.
pub const UNROLL: usize = if cfg!(target_arch = "aarch64") {
    6
} else if cfg!(target_arch = "wasm32") {
    2
} else {
    4
};

/// The constants of SiLU, each as a vector: scale, bounds, rounding, polynomial.
pub struct Constants<S: Simd>([S::V; 10]);

impl<S: Simd> Constants<S> {
    /// Loads the constants. Browsers would rebuild each from immediates at every use, in three instructions; `black_box`
    /// hides the values from them, which saves 2 % of a network's time.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn new() -> Self {
        let values = if cfg!(target_arch = "wasm32") { std::hint::black_box(CONSTANTS) } else { CONSTANTS };
        // SAFETY: the caller upholds the contract of this function.
        unsafe {
            let mut vectors = [S::splat(0.0); 10];
            for (vector, value) in vectors.iter_mut().zip(values) {
                *vector = S::splat(value);
            }
            Self(vectors)
        }
    }
}

/// 1.5 * 2^23: adding it rounds a float to an integer in its low bits.
const MAGIC: f32 = 12_582_912.0;
const MOST: f32 = 80.0;
const CONSTANTS: [f32; 10] = [
    -std::f32::consts::LOG2_E,
    -MOST,
    MOST,
    MAGIC,
    // Minimax polynomial of 2^f for f between -1/2 and 1/2; the largest relative error is 7.5e-8.
    1.327_647_1e-3,
    9.675_541e-3,
    5.550_713e-2,
    2.402_212e-1,
    6.931_469_4e-1,
    1.0,
];

/// `v / (1 + e^-v)` of several vectors side by side, so that their latencies overlap.
///
/// e^-v is 2^n times a polynomial of the rest. The relative error is below 1e-6 for |v| up to 10. |v| is clamped to 80, which
/// avoids slow subnormal numbers: SiLU(-80) is about -1e-33.
#[inline(always)]
unsafe fn silu<S: Simd, const N: usize>(constants: &Constants<S>, v: &mut [S::V; N]) {
    let &Constants([scale, least, most, magic, highest, ref polynomial @ ..]) = constants;
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let (mut shifted, mut rest, mut p) = ([magic; N], [magic; N], [highest; N]);
        // Loops, not closures: a closure may not be inlined with the instruction set of the function around it.
        for i in 0..N {
            // `min` and `max` replace a NaN in the first argument by the second. The division below restores the NaN.
            rest[i] = S::max(S::min(v[i], most), least);
        }
        for i in 0..N {
            shifted[i] = S::mul_add(rest[i], scale, magic);
            rest[i] = S::mul_add(rest[i], scale, S::sub(magic, shifted[i]));
        }
        for &c in polynomial {
            for i in 0..N {
                p[i] = S::mul_add(p[i], rest[i], c);
            }
        }
        for i in 0..N {
            v[i] = S::div(v[i], S::add(polynomial[4], S::scale(p[i], shifted[i])));
        }
    }
}

/// Applies `activation` to all vectors.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub unsafe fn activate<S: Simd, const N: usize>(activation: Activation, constants: &Constants<S>, v: &mut [S::V; N]) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        match activation {
            Activation::Identity => {}
            Activation::Silu => silu::<S, N>(constants, v),
            Activation::Relu => leaky_relu::<S, N>(0.0, v),
            Activation::LeakyRelu(slope @ 0.0..=1.0) => leaky_relu::<S, N>(slope, v),
            _ => {
                for v in v {
                    *v = rare::<S>(activation, *v);
                }
            }
        }
    }
}

/// `max(v, slope * v)` for slopes from 0 to 1. A NaN in the first place gives the second, which is NaN, too.
#[inline(always)]
unsafe fn leaky_relu<S: Simd, const N: usize>(slope: f32, v: &mut [S::V; N]) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let slope = S::splat(slope);
        for v in v {
            *v = S::max(*v, S::mul(*v, slope));
        }
    }
}

/// Activations without vector code of their own.
#[inline(never)]
unsafe fn rare<S: Simd>(activation: Activation, v: S::V) -> S::V {
    let mut values = [0.0_f32; 16];
    // SAFETY: the caller upholds the contract of this function.
    unsafe { S::store(values.as_mut_ptr(), v) };
    for v in &mut values[..S::LANES] {
        *v = scalar(activation, *v);
    }
    // SAFETY: the caller upholds the contract of this function.
    unsafe { S::load(values.as_ptr()) }
}

/// `activation(v)` for one value.
pub fn scalar(activation: Activation, v: f32) -> f32 {
    match activation {
        Activation::Identity => v,
        Activation::Silu => v / (1.0 + (-v).exp()),
        Activation::Relu => {
            if v < 0.0 {
                0.0
            } else {
                v
            }
        }
        Activation::Relu6 => v.clamp(0.0, 6.0),
        Activation::LeakyRelu(slope) => {
            if v < 0.0 {
                v * slope
            } else {
                v
            }
        }
        Activation::Prelu => scalar(Activation::LeakyRelu(0.25), v),
        Activation::Hardswish => v * (v + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Hardsigmoid => (v + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        Activation::Tanh => v.tanh(),
        Activation::Mish => v * v.exp().ln_1p().min(f32::MAX).tanh(),
        Activation::Elu if v < 0.0 => v.exp_m1(),
        Activation::Elu => v,
        Activation::Selu => SELU[0] * if v < 0.0 { SELU[1] * v.exp_m1() } else { v },
        Activation::Gelu => 0.5 * v * (1.0 + erf(v * std::f32::consts::FRAC_1_SQRT_2)),
        Activation::Softplus => v.max(0.0) + (-v.abs()).exp().ln_1p(),
    }
}

/// Scale and alpha of SELU (Klambauer et al. 2017).
const SELU: [f32; 2] = [1.050_701, 1.673_263_2];

/// The error function by formula 7.1.26 of Abramowitz and Stegun; its error is below 1.5e-7.
fn erf(v: f32) -> f32 {
    let x = f64::from(v.abs());
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial =
        t * (0.254_829_592 + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let magnitude = 1.0 - polynomial * (-x * x).exp();
    (magnitude as f32).copysign(v)
}

/// The dot products of `weights` with some pixels, which begin every `stride` values.
///
/// # Panics
/// If there are fewer pixels than sums, or if the last one is shorter than `weights`.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub unsafe fn dots<S: Simd>(values: &[f32], stride: usize, weights: &[f32], sums: &mut [f32]) {
    assert!(values.len().div_ceil(stride) >= sums.len(), "a pixel for each sum");
    for (pixel, sum) in values.chunks(stride).zip(sums) {
        // SAFETY: the processor has the instruction set; both slices have one length.
        *sum = unsafe { dot::<S>(&pixel[..weights.len()], weights) };
    }
}

/// The sum of the products of two lists.
///
/// # Safety
/// The processor has the instruction set; `b` is as long as `a`.
#[inline(always)]
unsafe fn dot<S: Simd>(a: &[f32], b: &[f32]) -> f32 {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let mut sums = [S::splat(0.0); 2];
        let wide = 2 * S::LANES;
        let whole = a.len() / wide * wide;
        for at in (0..whole).step_by(wide) {
            for (i, sum) in sums.iter_mut().enumerate() {
                let at = at + i * S::LANES;
                *sum = S::mul_add(S::load(a.as_ptr().add(at)), S::load(b.as_ptr().add(at)), *sum);
            }
        }
        let mut values = [0.0_f32; 16];
        S::store(values.as_mut_ptr(), S::add(sums[0], sums[1]));
        let mut sum: f32 = values[..S::LANES].iter().sum();
        for (a, b) in a[whole..].iter().zip(&b[whole..]) {
            sum += a * b;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::{Base, Scalar};

    unsafe fn one<S: Simd>(x: f32) -> S::V {
        // SAFETY: the caller upholds the contract of this function.
        unsafe {
            let mut v = [S::splat(x)];
            activate::<S, 1>(Activation::Silu, &Constants::new(), &mut v);
            v[0]
        }
    }

    fn check<S: Simd>() {
        for i in -4000..4000 {
            let x = i as f32 * 0.05;
            let mut y = [0.0; 16];
            // SAFETY: the caller upholds the contract of this function.
            unsafe { S::store(y.as_mut_ptr(), one::<S>(x)) };
            let exact = f64::from(x) / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(y[S::LANES - 1]) - exact).abs() < 2e-6 * (1.0 + exact.abs()), "{x}: {} {exact}", y[0]);
        }
        let mut y = [0.0; 16];
        // SAFETY: the caller upholds the contract of this function.
        unsafe { S::store(y.as_mut_ptr(), one::<S>(f32::NAN)) };
        assert!(y[..S::LANES].iter().all(|v| v.is_nan()));
    }

    #[test]
    fn silu_is_close_to_the_exact_one_and_keeps_nan() {
        check::<Base>();
        check::<Scalar>();
    }
}
