//! The geometry and the weights of a convolution.

/// Geometry of a convolution; pairs are `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels in and out.
    pub channels: [usize; 2],
    /// Kernel size.
    pub kernel: [usize; 2],
    /// Step.
    pub stride: [usize; 2],
    /// Zeros around the map.
    pub padding: [usize; 2],
    /// Distance between taps.
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
}

impl ConvShape {
    /// A square kernel, padded so that stride 1 keeps the size (for odd kernels).
    pub fn square(c1: usize, c2: usize, kernel: usize, stride: usize) -> Self {
        Self::rectangular(c1, c2, [kernel; 2], [stride; 2])
    }

    /// As [`ConvShape::square`] with two sides.
    pub fn rectangular(c1: usize, c2: usize, kernel: [usize; 2], stride: [usize; 2]) -> Self {
        let padding = kernel.map(|side| side / 2);
        Self { channels: [c1, c2], kernel, stride, padding, dilation: 1, groups: 1 }
    }

    /// A 1x1 kernel.
    pub fn pointwise(c1: usize, c2: usize) -> Self {
        Self::square(c1, c2, 1, 1)
    }

    /// The same in groups.
    pub fn grouped(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// Whether every output pixel reads the one input pixel at its own place.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1] && self.padding == [0, 0]
    }

    /// Whether every channel is convolved alone.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.channels == [self.groups; 2]
    }

    /// `[c2, c1 / groups, kernel height, kernel width]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        [self.channels[1], self.channels[0] / self.groups.max(1), self.kernel[0], self.kernel[1]]
    }
}

/// Weights as the reference stores them: `(c2, c1 / groups, kh, kw)`, with a bias of `c2` values.
#[derive(Clone, Debug)]
pub struct ConvWeights {
    /// Row-major weights.
    pub weight: Vec<f32>,
    /// One per output channel.
    pub bias: Vec<f32>,
}
