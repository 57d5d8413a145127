//! The program: the network as a list of simple operations on values, before any image size is known.
//!
//! A part of a concatenation is a *view* of the concatenated value: its producer writes straight to that channel offset, so
//! concatenation costs nothing. Only values that are views already, and the network's input, are copied.

use crate::model::Activation;
pub use crate::model::block::{Pool, UpsampleMode};
pub use ghostdet_kernels::{ConvShape, ConvWeights};

/// Number of a value in [`Program::values`].
pub type ValueId = usize;

/// Something that operations write and read: a map of `channels` channels.
#[derive(Clone, Debug)]
pub struct Value {
    /// Channels of the map.
    pub channels: usize,
    /// The value it is a part of, and at which channel.
    pub parent: Option<(ValueId, usize)>,
}

/// What an operation does; fields are named as in the reference.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum OpKind {
    /// Convolution, bias, activation, then the residual.
    Conv { shape: ConvShape, weights: ConvWeights, activation: Activation },
    /// The second half of a GhostConv that has a residual: the input, and `activation(depthwise(input))` behind it, the
    /// residual added to both.
    FusedGhostDepthwise { shape: ConvShape, weights: ConvWeights, activation: Activation },
    /// Transposed convolution; weight `(c1, c2 / groups, k, k)`.
    ConvTranspose { shape: ConvShape, output_padding: usize, weights: ConvWeights },
    /// Maximum over a window, borders don't count.
    MaxPool { kernel: usize, stride: usize, padding: usize },
    /// Mean over a window, borders count as 0.
    AvgPool { kernel: usize, stride: usize, padding: usize },
    /// Zeros around the map: left, right, top, bottom.
    ZeroPad { sides: [usize; 4] },
    /// A map `scale` times as large in both directions.
    Upsample { scale: usize, mode: UpsampleMode },
    /// Attention over all pixels: the input holds queries, keys and values, a third of the channels each; head `h` takes the
    /// `h`-th part of every third. Queries are scaled already.
    Attention { heads: usize },
    /// Blocks of `gain * gain` pixels become channels; `columns_first` is Focus's order, else Contract's.
    SpaceToDepth { gain: usize, columns_first: bool },
    /// Channels become blocks of `gain * gain` pixels.
    DepthToSpace { gain: usize },
    /// `activation(x * scale + bias)` per channel.
    Affine { scale: Vec<f32>, bias: Vec<f32>, activation: Activation },
    /// Copies into a place inside a concatenation.
    Copy,
}

impl OpKind {
    /// A short name for listings.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv { shape, .. } if shape.groups > 1 && shape.groups == shape.channels[0] => "depthwise",
            Self::Conv { shape, .. } if shape.kernel == [1, 1] => "pointwise",
            Self::Conv { .. } => "conv",
            Self::FusedGhostDepthwise { .. } => "fused_ghost",
            Self::ConvTranspose { .. } => "conv_transpose",
            Self::MaxPool { .. } => "max_pool",
            Self::AvgPool { .. } => "avg_pool",
            Self::ZeroPad { .. } => "zero_pad",
            Self::Attention { .. } => "attention",
            Self::Upsample { .. } => "upsample",
            Self::SpaceToDepth { .. } => "space_to_depth",
            Self::DepthToSpace { .. } => "depth_to_space",
            Self::Affine { .. } => "affine",
            Self::Copy => "copy",
        }
    }
}

impl OpKind {
    /// Kernel, stride, groups and what is fused, for listings: `3x3/2 silu +`.
    pub fn details(&self, residual: bool, upsampled: bool) -> String {
        let plus = [if upsampled { " +upsampled" } else { "" }, if residual { " +residual" } else { "" }];
        match self {
            Self::Conv { shape, activation, .. } | Self::FusedGhostDepthwise { shape, activation, .. } => {
                let [kh, kw] = shape.kernel;
                let act = match activation {
                    Activation::Identity => String::new(),
                    other => format!(" {}", format!("{other:?}").to_lowercase()),
                };
                format!("{kh}x{kw}/{}{}{act}{}", shape.stride[0], plus[0], plus[1])
            }
            Self::ConvTranspose { shape, .. } => format!("{0}x{0}/{1}", shape.kernel[0], shape.stride[0]),
            Self::MaxPool { kernel, stride, .. } | Self::AvgPool { kernel, stride, .. } => {
                format!("{kernel}x{kernel}/{stride}")
            }
            Self::ZeroPad { sides: [left, right, top, bottom] } => format!("{left},{right},{top},{bottom}"),
            Self::Upsample { scale, mode } => format!("x{scale} {}", format!("{mode:?}").to_lowercase()),
            Self::Attention { heads } => format!("{heads} heads"),
            Self::SpaceToDepth { gain, .. } | Self::DepthToSpace { gain } => format!("{gain}"),
            Self::Affine { .. } | Self::Copy => String::new(),
        }
    }
}

/// A map of which each pixel counts for `scale * scale` pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpsampledAddend {
    /// The map.
    pub value: ValueId,
    /// How many times smaller its sides are.
    pub scale: usize,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Op {
    /// The configuration row it comes from.
    pub row: usize,
    /// What it does.
    pub kind: OpKind,
    /// What it reads.
    pub input: ValueId,
    /// What is added after the activation.
    pub residual: Option<ValueId>,
    /// What is added before it; only a convolution has this.
    pub upsampled_addend: Option<UpsampledAddend>,
    /// What it writes.
    pub output: ValueId,
}

/// The whole network as operations.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// All values; number 0 is the network's input.
    pub values: Vec<Value>,
    /// The operations in order.
    pub ops: Vec<Op>,
    /// The value that leaves each row (none for Detect).
    pub rows: Vec<Option<ValueId>>,
    /// The raw maps of the detect levels.
    pub outputs: Vec<ValueId>,
    /// Anchors of each level (0 without Detect).
    pub anchors: usize,
}

/// The network's input.
pub const INPUT: ValueId = 0;

impl Op {
    /// Empties the weights of an operation that executors pack, unless it gives one of the `outputs`: cells are picked
    /// with the weights of the last convolutions.
    pub(super) fn forget_packed_weights(&mut self, outputs: &[ValueId]) {
        if let OpKind::Conv { weights, .. } | OpKind::FusedGhostDepthwise { weights, .. } = &mut self.kind
            && !outputs.contains(&self.output)
        {
            *weights = ConvWeights { weight: Vec::new(), bias: Vec::new() };
        }
    }
}

impl Program {
    /// Whether weights were given back: only the executor that packed them can run it.
    pub fn has_forgotten_weights(&self) -> bool {
        let empty = |op: &Op| match &op.kind {
            OpKind::Conv { weights, .. } | OpKind::FusedGhostDepthwise { weights, .. } => weights.weight.is_empty(),
            _ => false,
        };
        self.ops.iter().any(empty)
    }

    /// A new value.
    pub fn value(&mut self, channels: usize) -> ValueId {
        self.values.push(Value { channels, parent: None });
        self.values.len() - 1
    }

    /// Appends an operation that writes a new value of `channels` channels.
    pub fn push(&mut self, row: usize, kind: OpKind, input: ValueId, channels: usize) -> ValueId {
        let output = self.value(channels);
        self.ops.push(Op { row, kind, input, residual: None, upsampled_addend: None, output });
        output
    }

    /// `channels` of `whole` from channel `offset` on, as a value of its own. Several views may share memory. Then the earlier
    /// one must not be read any more when the later one is written, except as an element-wise residual.
    pub fn view(&mut self, whole: ValueId, offset: usize, channels: usize) -> ValueId {
        self.values.push(Value { channels, parent: Some((whole, offset)) });
        self.values.len() - 1
    }

    /// Concatenates on channels: parts are placed inside the new value where possible, copied otherwise.
    pub fn concat(&mut self, row: usize, parts: &[ValueId]) -> ValueId {
        let whole = self.value(parts.iter().map(|&p| self.values[p].channels).sum());
        let mut offset = 0;
        for &part in parts {
            let channels = self.values[part].channels;
            let placed = if part == INPUT || self.values[part].parent.is_some() {
                self.push(row, OpKind::Copy, part, channels)
            } else {
                part
            };
            self.values[placed].parent = Some((whole, offset));
            offset += channels;
        }
        whole
    }

    /// The outermost value that holds `value`, and the channel at which it begins there.
    pub fn root(&self, mut value: ValueId) -> (ValueId, usize) {
        let mut offset = 0;
        while let Some((parent, at)) = self.values[value].parent {
            offset += at;
            value = parent;
        }
        (value, offset)
    }
}
