//! Activations on small arrays, written so that the compiler turns them into vector instructions.

use crate::model::Activation;

/// `a * b + c`, fused where the instruction set fuses (a library call elsewhere, so never there).
#[inline(always)]
pub fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// e^x with a relative error below 1e-6: 2^n times a polynomial. NaN is not kept; callers multiply by x.
#[inline(always)]
fn exp<const FMA: bool>(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer in the low bits
    let t = x.clamp(-87.0, 88.0) * std::f32::consts::LOG2_E;
    let shifted = t + MAGIC;
    let f = t - (shifted - MAGIC);
    let mut p = 1.535_336_2e-4;
    p = madd::<FMA>(p, f, 1.339_887_4e-3);
    p = madd::<FMA>(p, f, 9.618_437e-3);
    p = madd::<FMA>(p, f, 5.550_332_5e-2);
    p = madd::<FMA>(p, f, 2.402_264_8e-1);
    p = madd::<FMA>(p, f, std::f32::consts::LN_2);
    p = madd::<FMA>(p, f, 1.0);
    f32::from_bits(p.to_bits().wrapping_add((shifted.to_bits().wrapping_sub(MAGIC.to_bits())) << 23))
}

/// Applies `activation` to all values of `x`.
#[inline(always)]
pub fn activate<const N: usize, const FMA: bool>(activation: Activation, x: &mut [f32; N]) {
    match activation {
        Activation::Identity => {}
        Activation::Silu => {
            for v in x {
                *v /= 1.0 + exp::<FMA>(-*v);
            }
        }
        Activation::Relu => x.iter_mut().for_each(|v| *v = if *v < 0.0 { 0.0 } else { *v }),
        Activation::Relu6 => x.iter_mut().for_each(|v| *v = v.clamp(0.0, 6.0)),
        Activation::LeakyRelu(slope) => x.iter_mut().for_each(|v| *v = if *v < 0.0 { *v * slope } else { *v }),
        Activation::Hardswish => x.iter_mut().for_each(|v| *v = *v * (*v + 3.0).clamp(0.0, 6.0) / 6.0),
        Activation::Sigmoid => x.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp())),
        Activation::Mish => x.iter_mut().for_each(|v| *v *= v.exp().ln_1p().min(f32::MAX).tanh()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silu_is_close_to_the_exact_one_and_keeps_nan() {
        for i in -2000..2000 {
            let x = i as f32 * 0.05;
            let mut y = [x; 8];
            activate::<8, false>(Activation::Silu, &mut y);
            let exact = f64::from(x) / (1.0 + (-f64::from(x)).exp());
            assert!((f64::from(y[3]) - exact).abs() < 2e-6 * (1.0 + exact.abs()), "{x}: {} {exact}", y[3]);
        }
        let mut y = [f32::NAN; 8];
        activate::<8, false>(Activation::Silu, &mut y);
        assert!(y[0].is_nan());
    }
}
