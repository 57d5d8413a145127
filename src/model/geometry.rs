//! Sizes of maps and of channels: every formula once.

/// `[height, width]` in pixels.
pub type Size = [usize; 2];

/// What batch norm adds to the variance before its root. YOLOv5 replaces PyTorch's 1e-5.
pub const BATCH_NORM_EPSILON: f64 = 1e-3;

/// Heads of every `C3TR`.
pub const C3TR_HEADS: usize = 4;

/// The greatest common divisor.
pub fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Channels times expansion, truncated as Python's `int` does.
pub fn hidden_channels(channels: usize, expansion: f64) -> usize {
    (channels as f64 * expansion) as usize
}

/// The padding of a convolution that names none: half of what the kernel spans.
pub fn same_padding(kernel: Size, dilation: usize) -> Size {
    kernel.map(|k| span(k, dilation) / 2)
}

/// How many pixels a kernel spans.
fn span(kernel: usize, dilation: usize) -> usize {
    dilation * (kernel.max(1) - 1) + 1
}

/// The side of the map after a window slid over `side` pixels. `None` if the window does not fit.
pub fn window_output(side: usize, kernel: usize, stride: usize, padding: usize, dilation: usize) -> Option<usize> {
    Some((side + 2 * padding).checked_sub(span(kernel, dilation))? / stride.max(1) + 1)
}

/// The side of the map after a transposed convolution. `None` if nothing is left.
pub fn transposed_output(
    side: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    output_padding: usize,
) -> Option<usize> {
    let full = (side.max(1) - 1) * stride + span(kernel, dilation) + output_padding;
    full.checked_sub(2 * padding).filter(|&side| side > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_the_reference() {
        assert_eq!(window_output(640, 6, 2, 2, 1), Some(320));
        assert_eq!(window_output(5, 2, 2, 0, 1), Some(2));
        assert_eq!(window_output(2, 3, 1, 0, 1), None);
        assert_eq!(transposed_output(4, 3, 2, 1, 1, 1), Some(8));
        assert_eq!(same_padding([3, 5], 2), [2, 4]);
        assert_eq!(gcd(12, 18), 6);
        assert_eq!(hidden_channels(17, 0.5), 8);
    }
}
