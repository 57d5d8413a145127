//! Training's hot loops on the CPU: convolution, depthwise convolution and batch norm, forward and backward, on
//! contiguous NCHW values.
//!
//! Burn's own backward pass of a depthwise convolution runs one small convolution a channel; these are plain loops
//! over planes. Dense convolutions are matrix products over unfolded pictures (im2col), one picture a task.

mod dense;
mod depthwise;
mod norm;
mod unfold;

pub(super) use norm::{Statistics, frozen_norm_backward, frozen_norm_forward, norm_backward, norm_forward};

/// A convolution's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) filters: usize,
    pub(super) kernel: [usize; 2],
    pub(super) stride: [usize; 2],
    pub(super) padding: [usize; 2],
    pub(super) dilation: [usize; 2],
    pub(super) groups: usize,
}

impl Sizes {
    /// Height and width of the output.
    pub(super) fn output(&self) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let side = [self.height, self.width][axis] + 2 * self.padding[axis];
            (side - self.dilation[axis] * (self.kernel[axis] - 1) - 1) / self.stride[axis] + 1
        })
    }

    /// Values of one input picture.
    fn input_len(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Values of one output picture.
    fn output_len(&self) -> usize {
        let [height, width] = self.output();
        self.filters * height * width
    }

    /// Rows of the unfolded picture: what one filter sees in one group.
    fn depth(&self) -> usize {
        self.channels / self.groups * self.kernel[0] * self.kernel[1]
    }

    /// Whether unfolding changes nothing.
    fn pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// Whether the depthwise loops apply: a filter a channel, 3x3 or 5x5, the output as large as the input.
    fn depthwise(&self) -> bool {
        let [side, other] = self.kernel;
        self.groups == self.channels
            && self.filters == self.channels
            && side == other
            && matches!(side, 3 | 5)
            && self.stride == [1, 1]
            && self.dilation == [1, 1]
            && self.padding == [side / 2; 2]
    }
}

/// `y = w * x`: `x` is `(batch, channels, height, width)`, `w` is `(filters, channels / groups, kernel)`.
pub(super) fn convolution(sizes: &Sizes, x: &[f32], w: &[f32]) -> Vec<f32> {
    match sizes.depthwise() {
        true => depthwise::forward(sizes, x, w),
        false => dense::forward(sizes, x, w),
    }
}

/// From the gradient on `y` those on `x` (if wanted) and on `w`.
pub(super) fn convolution_backward(
    sizes: &Sizes,
    x: &[f32],
    w: &[f32],
    dy: &[f32],
    wants_dx: bool,
) -> (Option<Vec<f32>>, Vec<f32>) {
    match sizes.depthwise() {
        true => depthwise::backward(sizes, x, w, dy, wants_dx),
        false => dense::backward(sizes, x, w, dy, wants_dx),
    }
}

/// Compiles a function twice, plainly and for AVX2, and runs what the processor has.
macro_rules! vectorized {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$doc])*
        fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn plain($($arg: $type),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $type),*) $(-> $ret)? {
                    plain($($arg),*)
                }
                if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                    // SAFETY: the line above makes sure that the processor has the features.
                    return unsafe { wide($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    };
}
use vectorized;
