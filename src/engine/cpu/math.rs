//! Activations on vectors.

use super::simd::Simd;
use crate::model::Activation;

/// e^x for x up to 80, with a relative error below 1e-6: 2^n times a polynomial. Beyond 80 it stays: a SiLU of -100 is
/// 0 for every purpose, and as -2e-33 it makes no subnormal numbers, which are slow. NaN is not kept; callers divide
/// a NaN by it.
#[inline(always)]
unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer in the low bits
    unsafe {
        // A NaN in the first place of min and max gives the second, a number.
        let x = S::max(S::min(x, S::splat(80.0)), S::splat(-80.0));
        let shifted = S::mul_add(x, S::splat(std::f32::consts::LOG2_E), S::splat(MAGIC));
        let n = S::sub(shifted, S::splat(MAGIC));
        // x * log2(e) - n, with log2(e) in two parts so that the difference keeps its bits.
        let f = S::mul_add(
            x,
            S::splat(1.925_963e-8),
            S::mul_add(x, S::splat(std::f32::consts::LOG2_E), S::sub(S::splat(0.0), n)),
        );
        let mut p = S::splat(1.535_336_2e-4);
        for c in [1.339_887_4e-3, 9.618_437e-3, 5.550_332_5e-2, 2.402_264_8e-1, std::f32::consts::LN_2, 1.0] {
            p = S::mul_add(p, f, S::splat(c));
        }
        S::scale(p, shifted)
    }
}

/// `activation(v)`.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub unsafe fn activate<S: Simd>(activation: Activation, v: S::V) -> S::V {
    unsafe {
        let (zero, one) = (S::splat(0.0), S::splat(1.0));
        match activation {
            Activation::Identity => v,
            Activation::Silu => S::div(v, S::add(one, exp::<S>(S::sub(zero, v)))),
            _ => rare::<S>(activation, v),
        }
    }
}

/// Activations that are not worth vector code.
#[inline(never)]
unsafe fn rare<S: Simd>(activation: Activation, v: S::V) -> S::V {
    let mut values = [0.0_f32; 16];
    unsafe { S::store(values.as_mut_ptr(), v) };
    for v in &mut values[..S::LANES] {
        *v = scalar(activation, *v);
    }
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
        Activation::Hardswish => v * (v + 3.0).clamp(0.0, 6.0) / 6.0,
        Activation::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        Activation::Mish => v * v.exp().ln_1p().min(f32::MAX).tanh(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd::{Base, Plain};
    use super::*;

    fn check<S: Simd>() {
        for i in -4000..4000 {
            let x = i as f32 * 0.05;
            let mut y = [0.0; 16];
            unsafe { S::store(y.as_mut_ptr(), activate::<S>(Activation::Silu, S::splat(x))) };
            let exact = f64::from(x) / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(y[S::LANES - 1]) - exact).abs() < 2e-6 * (1.0 + exact.abs()), "{x}: {} {exact}", y[0]);
        }
        let mut y = [0.0; 16];
        unsafe { S::store(y.as_mut_ptr(), activate::<S>(Activation::Silu, S::splat(f32::NAN))) };
        assert!(y[..S::LANES].iter().all(|v| v.is_nan()));
    }

    #[test]
    fn silu_is_close_to_the_exact_one_and_keeps_nan() {
        check::<Base>();
        check::<Plain>();
    }
}
