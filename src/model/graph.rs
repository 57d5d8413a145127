//! The resolved network: every row with its channels, repeats and sources.

/// An activation function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// Nothing (`act=False`).
    Identity,
    /// `x * sigmoid(x)`, the default.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` if positive, else `slope * x`.
    LeakyRelu(f32),
    /// `x * clamp(x + 3, 0, 6) / 6`.
    Hardswish,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x * tanh(ln(1 + exp(x)))`.
    Mish,
}

/// Where a row takes a tensor from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The network's input picture.
    Input,
    /// The output of an earlier row.
    Row(usize),
}

/// A module with its arguments resolved (channels included). Pairs are `[height, width]`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Module {
    Conv {
        c1: usize,
        c2: usize,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: [usize; 2],
        groups: usize,
        dilation: usize,
        activation: Activation,
    },
    /// Groups are gcd(c1, c2).
    DwConv {
        c1: usize,
        c2: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        activation: Activation,
    },
    GhostConv {
        c1: usize,
        c2: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
        activation: Activation,
    },
    GhostBottleneck {
        c1: usize,
        c2: usize,
        kernel: usize,
        stride: usize,
    },
    Bottleneck {
        c1: usize,
        c2: usize,
        shortcut: bool,
        groups: usize,
        expansion: f64,
    },
    C3 {
        c1: usize,
        c2: usize,
        n: usize,
        shortcut: bool,
        groups: usize,
        expansion: f64,
    },
    C3Ghost {
        c1: usize,
        c2: usize,
        n: usize,
        shortcut: bool,
        groups: usize,
        expansion: f64,
    },
    C3x {
        c1: usize,
        c2: usize,
        n: usize,
        shortcut: bool,
        groups: usize,
        expansion: f64,
    },
    CrossConv {
        c1: usize,
        c2: usize,
        kernel: usize,
        stride: usize,
        groups: usize,
        expansion: f64,
        shortcut: bool,
    },
    BottleneckCsp {
        c1: usize,
        c2: usize,
        n: usize,
        shortcut: bool,
        groups: usize,
        expansion: f64,
    },
    Spp {
        c1: usize,
        c2: usize,
        kernels: Vec<usize>,
    },
    Sppf {
        c1: usize,
        c2: usize,
        kernel: usize,
    },
    Focus {
        c1: usize,
        c2: usize,
        kernel: usize,
        stride: usize,
        padding: Option<usize>,
        groups: usize,
        activation: Activation,
    },
    /// Channel concatenation of all sources.
    Concat,
    /// Nearest neighbour.
    Upsample {
        scale: usize,
    },
    /// With bias; weight `(c1, c2 / groups, k, k)`.
    ConvTranspose {
        c1: usize,
        c2: usize,
        kernel: usize,
        stride: usize,
        padding: usize,
        output_padding: usize,
        groups: usize,
        bias: bool,
        dilation: usize,
    },
    MaxPool {
        kernel: usize,
        stride: usize,
        padding: usize,
    },
    Contract {
        gain: usize,
    },
    Expand {
        gain: usize,
    },
    Identity,
    /// One 1x1 convolution with bias per source, `na * (nc + 5)` channels each.
    Detect {
        nc: usize,
        channels: Vec<usize>,
    },
}

/// One row of the configuration, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number, counted through backbone and head.
    pub index: usize,
    /// `from` as written: one or several.
    pub from: Vec<i64>,
    /// `from`, resolved.
    pub sources: Vec<Source>,
    /// The number as printed (after the depth multiple).
    pub repeats: usize,
    /// How many copies stand in a Sequential: 1 means the module itself (keys `model.{i}.…`),
    /// more means keys `model.{i}.{j}.…`; all copies are equal (c1 = c2 where there are several).
    pub copies: Vec<Module>,
    /// Channels that leave the row.
    pub channels: usize,
    /// Module path as the reference prints it, e.g. `models.common.Conv`.
    pub printed_module: String,
    /// Arguments as the reference prints them, e.g. `[3, 32, 6, 2, 2]`.
    pub printed_arguments: String,
}

/// The whole network.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The rows in order; the last is the Detect row.
    pub rows: Vec<Row>,
    /// Channels of the input picture (3).
    pub input_channels: usize,
    /// Classes.
    pub nc: usize,
    /// The activation of every convolution inside a module that doesn't say another.
    pub activation: Activation,
    /// Sources that are not "the row before", sorted, repeats kept.
    pub save: Vec<usize>,
    /// Stride of each detect level.
    pub strides: Vec<f64>,
    /// Anchors per level in pixels of the network input, `[width, height]`, after the order check.
    pub anchors: Vec<Vec<[f32; 2]>>,
}

impl Graph {
    /// Anchors per level (the same on every level).
    pub fn anchors_per_level(&self) -> usize {
        self.anchors.first().map_or(0, Vec::len)
    }

    /// The largest stride: input sides must be multiples of it.
    pub fn max_stride(&self) -> usize {
        self.strides.iter().fold(1.0_f64, |a, &b| a.max(b)) as usize
    }
}
