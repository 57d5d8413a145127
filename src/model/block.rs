//! What modules are made of: a tree of primitives that every part of the program visits.
//!
//! `model::profile` counts it, [`engine::lower`](crate::engine) turns it into the operations of the fused
//! executors, `ghostdet-burn` into Burn tensors, and the check of a checkpoint lists its [parameters](Block::parameters).
//! None of them knows a module by its name.

use super::activation::Activation;
pub use ghostdet_kernels::ConvShape;

/// A part of a network. Every variant takes one map and gives one, except [`Join`](Block::Join) and
/// [`Detect`](Block::Detect), which take all sources of their row.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Gives its input.
    Pass,
    /// A convolution with what follows it.
    Conv(Conv),
    /// A transposed convolution.
    ConvTranspose(ConvTranspose),
    /// A batch norm that no convolution can take in, and what follows it.
    BatchNorm {
        /// Where its parameters are.
        key: String,
        /// Channels of the map.
        channels: usize,
        /// What follows.
        activation: Act,
    },
    /// A matrix applied to the channels of every pixel: weight `(outputs, inputs)`.
    Linear(Linear),
    /// Multi-head self-attention over all pixels of the map.
    Attention(Attention),
    /// An activation by itself.
    Activation {
        /// Where its parameter is, if it has one.
        key: String,
        /// The function.
        act: Act,
    },
    /// Maximum over a window; what lies outside the map does not count.
    MaxPool(Pool),
    /// Mean over a window; what lies outside the map counts as 0.
    AvgPool(Pool),
    /// Zeros around the map: left, right, top, bottom.
    ZeroPad([usize; 4]),
    /// A larger map.
    Upsample {
        /// How many times larger its sides become.
        scale: usize,
        /// What stands between the pixels.
        mode: UpsampleMode,
    },
    /// Squares of `gain * gain` pixels become channels.
    SpaceToDepth {
        /// The side of a square.
        gain: usize,
        /// Focus's order of the pixels; else Contract's.
        columns_first: bool,
    },
    /// Channels become squares of `gain * gain` pixels.
    DepthToSpace {
        /// The side of a square.
        gain: usize,
    },
    /// One after the other.
    Chain(Vec<Block>),
    /// `body(x) + shortcut(x)`.
    Sum {
        /// Ends with a [`Conv`](Block::Conv), [`Linear`](Block::Linear), [`Ghost`](Block::Ghost) or
        /// [`Attention`](Block::Attention).
        body: Box<Block>,
        /// What is added.
        shortcut: Box<Block>,
    },
    /// All blocks on the same input, their outputs joined along the channels.
    Concat(Vec<Block>),
    /// `x, step(x), step(step(x)) …` joined along the channels: `times` steps.
    Cascade {
        /// What is repeated, always with the same parameters.
        step: Box<Block>,
        /// How often.
        times: usize,
    },
    /// GhostNet's module: `primary(x)`, and `cheap(primary(x))` behind it.
    Ghost {
        /// The ordinary convolution.
        primary: Conv,
        /// The depthwise one.
        cheap: Conv,
    },
    /// A PyTorch module around a block: only the count of layers needs it.
    Module {
        /// Module objects besides those of the primitives inside: itself, containers, identities.
        objects: u64,
        /// What it does.
        body: Box<Block>,
    },
    /// All sources of the row, joined along the channels.
    Join,
    /// The detection head: one bare 1x1 convolution for each source.
    Detect(Vec<Conv>),
}

/// A convolution: bare (`Conv2d`), or with batch norm and activation (YOLOv5's `Conv`).
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Key of the module: `model.0`.
    pub key: String,
    /// Its geometry.
    pub shape: ConvShape,
    /// Whether batch norm follows: then the weights are at `{key}.conv` and `{key}.bn`, else at `{key}`.
    pub norm: bool,
    /// Whether it has a bias of its own. With batch norm it has one only after folding.
    pub bias: bool,
    /// What follows.
    pub act: Act,
}

impl Conv {
    /// YOLOv5's `Conv`: convolution, batch norm, activation.
    pub fn with_norm(key: impl Into<String>, shape: ConvShape, act: Act) -> Self {
        Self { key: key.into(), shape, norm: true, bias: false, act }
    }

    /// PyTorch's `Conv2d`.
    pub fn bare(key: impl Into<String>, shape: ConvShape, bias: bool) -> Self {
        Self { key: key.into(), shape, norm: false, bias, act: Act::ABSENT }
    }

    /// Where `weight` and `bias` are.
    pub fn conv_key(&self) -> String {
        if self.norm { format!("{}.conv", self.key) } else { self.key.clone() }
    }

    /// Where the batch norm's parameters are.
    pub fn norm_key(&self) -> String {
        format!("{}.bn", self.key)
    }

    /// Where a trained activation's parameter is.
    pub fn act_key(&self) -> String {
        format!("{}.act", self.key)
    }
}

/// A transposed convolution with a square kernel; weight `(c1, c2 / groups, k, k)`.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvTranspose {
    /// Where `weight` and `bias` are.
    pub key: String,
    /// Its geometry.
    pub shape: ConvShape,
    /// Rows and columns added at the bottom and right.
    pub output_padding: usize,
    /// Whether it has a bias.
    pub bias: bool,
    /// Whether the reference's count of operations knows it (it misses `DWConvTranspose2d`).
    pub counted: bool,
}

impl ConvTranspose {
    /// `[c1, c2 / groups, kernel height, kernel width]`.
    pub fn weight_shape(&self) -> [usize; 4] {
        let ConvShape { channels: [c1, c2], kernel: [kh, kw], groups, .. } = self.shape;
        [c1, c2 / groups.max(1), kh, kw]
    }
}

/// PyTorch's `Linear`.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// Where `weight` and `bias` are.
    pub key: String,
    /// Values in and out.
    pub channels: [usize; 2],
    /// Whether it has a bias.
    pub bias: bool,
}

/// The attention of a `TransformerLayer`: queries, keys and values are each made by two matrices, one of their own
/// (`q`, `k`, `v`) and one of PyTorch's `MultiheadAttention` (`ma`). Head `h` takes the channels `h * c / heads ..`;
/// the softmax of `q · k / sqrt(c / heads)` goes over the pixels of `k`.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// Key of the layer; parameters at `{key}.q`, `.k`, `.v` and `.ma`.
    pub key: String,
    /// Channels in and out.
    pub channels: usize,
    /// Heads, which divide the channels.
    pub heads: usize,
}

/// A pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its side.
    pub kernel: usize,
    /// Its step.
    pub stride: usize,
    /// Pixels around the map; at most half the side.
    pub padding: usize,
}

/// How a map is made larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpsampleMode {
    /// Each pixel repeated.
    Nearest,
    /// Between pixel centres, as PyTorch with `align_corners=False`.
    Bilinear,
}

/// An activation, and whose object it is: the count of layers depends on that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Act {
    /// The function.
    pub function: Activation,
    /// The PyTorch object.
    pub object: ActObject,
}

/// Whose activation object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActObject {
    /// None.
    Absent,
    /// The one that all convolutions share.
    Default,
    /// An `Identity` of its own (`act=False`).
    Identity,
    /// One named in the row's arguments, shared by the row.
    Row,
    /// One of its own.
    Own,
}

impl Act {
    /// Nothing follows.
    pub const ABSENT: Self = Self { function: Activation::Identity, object: ActObject::Absent };
    /// `act=False`.
    pub const OFF: Self = Self { function: Activation::Identity, object: ActObject::Identity };
    /// The SiLU that BottleneckCSP and MixConv2d always have.
    pub const OWN_SILU: Self = Self { function: Activation::Silu, object: ActObject::Own };

    /// The network's default.
    pub fn default_of(function: Activation) -> Self {
        Self { function, object: ActObject::Default }
    }
}

impl Block {
    /// `body` as the PyTorch module that it is.
    pub fn module(objects: u64, body: Self) -> Self {
        Self::Module { objects, body: Box::new(body) }
    }

    /// `body` plus its input.
    pub fn residual(body: Self) -> Self {
        Self::Sum { body: Box::new(body), shortcut: Box::new(Self::Pass) }
    }

    /// Shows every parameter in PyTorch's order: key and shape. With `folded`, batch norms that follow a convolution are
    /// part of it: the convolution has a bias instead.
    pub fn parameters(&self, folded: bool, visit: &mut dyn FnMut(String, Vec<usize>)) {
        let norm = |key: &str, channels: usize, visit: &mut dyn FnMut(String, Vec<usize>)| {
            for part in ["weight", "bias", "running_mean", "running_var"] {
                visit(format!("{key}.{part}"), vec![channels]);
            }
        };
        let conv = |conv: &Conv, visit: &mut dyn FnMut(String, Vec<usize>)| {
            let key = conv.conv_key();
            let outputs = conv.shape.channels[1];
            visit(format!("{key}.weight"), conv.shape.weight_shape().to_vec());
            if conv.bias || conv.norm && folded {
                visit(format!("{key}.bias"), vec![outputs]);
            }
            if conv.norm && !folded {
                for part in ["weight", "bias", "running_mean", "running_var"] {
                    visit(format!("{}.{part}", conv.norm_key()), vec![outputs]);
                }
            }
            if conv.act.function == Activation::Prelu {
                visit(format!("{}.weight", conv.act_key()), vec![1]);
            }
        };
        match self {
            Self::Conv(one) => conv(one, visit),
            Self::Ghost { primary, cheap } => {
                conv(primary, visit);
                conv(cheap, visit);
            }
            Self::Detect(levels) => levels.iter().for_each(|level| conv(level, visit)),
            Self::ConvTranspose(transposed) => {
                visit(format!("{}.weight", transposed.key), transposed.weight_shape().to_vec());
                if transposed.bias {
                    visit(format!("{}.bias", transposed.key), vec![transposed.shape.channels[1]]);
                }
            }
            Self::BatchNorm { key, channels, .. } => norm(key, *channels, visit),
            Self::Linear(Linear { key, channels: [inputs, outputs], bias }) => {
                visit(format!("{key}.weight"), vec![*outputs, *inputs]);
                if *bias {
                    visit(format!("{key}.bias"), vec![*outputs]);
                }
            }
            Self::Attention(Attention { key, channels: c, .. }) => {
                for part in ["q", "k", "v"] {
                    visit(format!("{key}.{part}.weight"), vec![*c, *c]);
                }
                visit(format!("{key}.ma.in_proj_weight"), vec![3 * c, *c]);
                visit(format!("{key}.ma.in_proj_bias"), vec![3 * c]);
                visit(format!("{key}.ma.out_proj.weight"), vec![*c, *c]);
                visit(format!("{key}.ma.out_proj.bias"), vec![*c]);
            }
            Self::Activation { key, act } if act.function == Activation::Prelu => {
                visit(format!("{key}.weight"), vec![1]);
            }
            Self::Chain(blocks) | Self::Concat(blocks) => {
                blocks.iter().for_each(|block| block.parameters(folded, visit));
            }
            Self::Sum { body, shortcut } => {
                body.parameters(folded, visit);
                shortcut.parameters(folded, visit);
            }
            Self::Cascade { step: body, .. } | Self::Module { body, .. } => body.parameters(folded, visit),
            Self::Pass
            | Self::Activation { .. }
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::ZeroPad(_)
            | Self::Upsample { .. }
            | Self::SpaceToDepth { .. }
            | Self::DepthToSpace { .. }
            | Self::Join => {}
        }
    }
}
