//! Matrix products, softmax and bilinear resizing: with Burn's own kernels for them natively, and as convolutions and poolings in
//! the module for browsers. There Burn's kernels would bring a compiler of their own for matrix products and reductions, which
//! every visitor would have to fetch (`crates/xtask/src/snip.rs` takes it out).

use burn::tensor::module::{conv2d, interpolate, max_pool2d};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions};
use burn::tensor::{Tensor, activation};

/// Whether Burn's kernels for products, reductions and resizing are there.
const COMPLETE: bool = cfg!(not(target_arch = "wasm32"));

/// Matrices `(stack, rows, inner)` times matrices `(stack, inner, columns)`.
pub(crate) fn product(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    if COMPLETE { a.matmul(b) } else { product_by_convolution(a, b) }
}

/// Softmax over the columns of matrices `(stack, rows, columns)`.
pub(crate) fn softmax(x: Tensor<3>) -> Tensor<3> {
    if COMPLETE { activation::softmax(x, 2) } else { softmax_by_pooling(x) }
}

/// A map `(batch, channels, height, width)`, `scale` times as large; what lies outside is as the border.
pub(crate) fn upsample_bilinear(x: Tensor<4>, scale: usize) -> Tensor<4> {
    if !COMPLETE {
        return upsample_by_convolution(x, scale);
    }
    let [_, _, height, width] = x.dims();
    let options = InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false);
    interpolate(x, options.with_output_size([height * scale, width * scale]))
}

/// `b`'s columns are pixels of `inner` channels, `a` the kernels; each matrix of the stack is a group.
fn product_by_convolution(a: Tensor<3>, b: Tensor<3>) -> Tensor<3> {
    let ([stack, rows, inner], [_, _, columns]) = (a.dims(), b.dims());
    let options = ConvOptions::new([1, 1], [0, 0], [1, 1], stack);
    let x = b.reshape([1, stack * inner, columns, 1]);
    conv2d(x, a.reshape([stack * rows, inner, 1, 1]), None, options).reshape([stack, rows, columns])
}

fn softmax_by_pooling(x: Tensor<3>) -> Tensor<3> {
    let [stack, rows, columns] = x.dims();
    let most = max_pool2d(x.clone().unsqueeze::<4>(), MaxPoolOptions::new([1, columns])).reshape([stack, rows, 1]);
    let powers = (x - most).exp();
    let ones = Tensor::ones([stack, columns, 1], &powers.device());
    powers.clone() / product_by_convolution(powers, ones)
}

fn upsample_by_convolution(x: Tensor<4>, scale: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    // The side that grows stands where a convolution has its channels.
    let grow = |x: Tensor<4>, side: usize| {
        let weights = Tensor::<1>::from_floats(bilinear(side, scale).as_slice(), &x.device());
        let options = ConvOptions::new([1, 1], [0, 0], [1, 1], 1);
        conv2d(x, weights.reshape([side * scale, side, 1, 1]), None, options)
    };
    let rows = grow(x.permute([0, 2, 1, 3]), height);
    grow(rows.permute([0, 3, 2, 1]), width).permute([0, 2, 3, 1])
}

/// The matrix `(side * scale, side)` that resizes a column of `side` pixels.
fn bilinear(side: usize, scale: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; side * scale * side];
    for (out, row) in matrix.chunks_exact_mut(side).enumerate() {
        let at = ((out as f32 + 0.5) / scale as f32 - 0.5).max(0.0);
        let first = at as usize;
        let part = at - first as f32;
        row[first] += 1.0 - part;
        row[(first + 1).min(side - 1)] += part;
    }
    matrix
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
        Tensor::random(shape, burn::tensor::Distribution::Uniform(-3.0, 3.0), &crate::cpu())
    }

    fn difference<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
        assert_eq!(a.dims(), b.dims());
        (a - b).abs().max().into_scalar::<f32>()
    }

    #[test]
    fn products_are_burns_own() {
        for [stack, rows, inner, columns] in [[1, 1, 1, 1], [1, 7, 5, 3], [6, 4, 9, 12]] {
            let (a, b) = (random([stack, rows, inner]), random([stack, inner, columns]));
            assert!(difference(product_by_convolution(a.clone(), b.clone()), a.matmul(b)) < 1e-4);
        }
    }

    #[test]
    fn softmax_is_burns_own() {
        for shape in [[1, 1, 1], [3, 5, 17]] {
            let x = random(shape) * 40.0;
            assert!(difference(softmax_by_pooling(x.clone()), activation::softmax(x, 2)) < 1e-6);
        }
    }

    #[test]
    fn resizing_is_burns_own() {
        for ([batch, channels, height, width], scale) in
            [([1, 1, 1, 1], 2), ([2, 3, 5, 4], 2), ([1, 4, 3, 7], 3), ([1, 2, 6, 1], 4)]
        {
            let x = random([batch, channels, height, width]);
            assert!(difference(upsample_by_convolution(x.clone(), scale), upsample_bilinear(x, scale)) < 1e-5);
        }
    }
}
