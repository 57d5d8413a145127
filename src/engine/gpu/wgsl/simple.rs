//! Shaders that move or compare values, and the plain convolutions for what the fast ones can't do.

use super::{ElementLayout, activation, constants, entry_of_run, flag, header, weights};
use crate::engine::program::{ConvShape, UpsampleMode};
use crate::model::Activation;

/// A shader whose threads compute one element of one output pixel each: `text` has a function `run(i)`.
fn each(element: ElementLayout, constants: &str, text: &str) -> String {
    header(element) + constants + include_str!("each.wgsl") + text + &entry_of_run()
}

/// Maximum over a window; what lies outside doesn't count.
pub fn max_pool(element: ElementLayout, kernel: usize, stride: usize, padding: usize) -> String {
    each(element, &window(kernel, stride, padding), include_str!("max_pool.wgsl"))
}

/// Mean over a window; what lies outside counts as 0.
pub fn avg_pool(element: ElementLayout, kernel: usize, stride: usize, padding: usize) -> String {
    each(element, &window(kernel, stride, padding), include_str!("avg_pool.wgsl"))
}

fn window(kernel: usize, stride: usize, padding: usize) -> String {
    constants(&[("KERNEL", kernel), ("STRIDE", stride), ("PADDING", padding)])
}

/// Zeros around a map.
pub fn zero_pad(element: ElementLayout, left: usize, top: usize) -> String {
    each(element, &constants(&[("LEFT", left), ("TOP", top)]), include_str!("zero_pad.wgsl"))
}

/// A larger map: each pixel repeated, or values between pixel centres.
pub fn upsample(element: ElementLayout, scale: usize, mode: UpsampleMode) -> String {
    let text = match mode {
        UpsampleMode::Nearest => include_str!("upsample_nearest.wgsl"),
        UpsampleMode::Bilinear => include_str!("upsample_bilinear.wgsl"),
    };
    each(element, &constants(&[("SCALE", scale)]), text)
}

/// A copy; with `residual` it is added.
pub fn copy(element: ElementLayout, residual: bool) -> String {
    each(element, &flag("RESIDUAL", residual), include_str!("copy.wgsl"))
}

/// Scale and bias per channel, then the activation. Weights: pairs of scale and bias elements.
pub fn affine(element: ElementLayout, act: Activation) -> String {
    each(element, &(weights(element) + &activation(act)), include_str!("affine.wgsl"))
}

/// Blocks of `gain * gain` pixels become channels.
pub fn space_to_depth(element: ElementLayout, gain: usize, columns_first: bool) -> String {
    let given = constants(&[("GAIN", gain)]) + &flag("COLUMNS_FIRST", columns_first);
    each(element, &given, include_str!("space_to_depth.wgsl"))
}

/// Channels become blocks of `gain * gain` pixels.
pub fn depth_to_space(element: ElementLayout, gain: usize) -> String {
    each(element, &constants(&[("GAIN", gain)]), include_str!("depth_to_space.wgsl"))
}

/// Any convolution, one output value a thread, weights as the reference stores them with the biases behind. With
/// `upsampled_addend`, a map that many times smaller is added before the activation.
pub fn general(shape: &ConvShape, act: Activation, residual: bool, upsampled_addend: Option<usize>) -> String {
    let (inputs, outputs) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
    let [kernel_h, kernel_w] = shape.kernel;
    let given = constants(&[
        ("INPUTS", inputs),
        ("OUTPUTS", outputs),
        ("KERNEL_H", kernel_h),
        ("KERNEL_W", kernel_w),
        ("STRIDE_Y", shape.stride[0]),
        ("STRIDE_X", shape.stride[1]),
        ("PADDING_Y", shape.padding[0]),
        ("PADDING_X", shape.padding[1]),
        ("DILATION", shape.dilation),
        ("BIAS", shape.channels[1] * inputs * kernel_h * kernel_w),
        ("ADDEND_SCALE", upsampled_addend.unwrap_or(0)),
    ]);
    let given = given + &flag("RESIDUAL", residual) + &activation(act);
    each(ElementLayout::Scalar, &given, include_str!("general.wgsl"))
}

/// Transposed convolution, one output value a thread; weights `(c1, c2 / groups, k, k)`, the biases behind.
pub fn transpose(shape: &ConvShape) -> String {
    let (inputs, outputs) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
    let kernel = shape.kernel[0];
    let given = constants(&[
        ("INPUTS", inputs),
        ("OUTPUTS", outputs),
        ("KERNEL", kernel),
        ("STRIDE", shape.stride[0]),
        ("PADDING", shape.padding[0]),
        ("DILATION", shape.dilation),
        ("BIAS", shape.channels[0] * outputs * kernel * kernel),
    ]);
    each(ElementLayout::Scalar, &given, include_str!("transpose.wgsl"))
}
