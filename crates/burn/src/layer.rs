//! The modules as a tree of few kinds of layers.

use burn::tensor::Tensor;
use burn::tensor::module::{conv_transpose2d, interpolate, max_pool2d};
use burn::tensor::ops::{ConvTransposeOptions, InterpolateMode, InterpolateOptions, MaxPoolOptions};

use super::convolution::{BatchNorm, Convolution, ParameterMut};
use super::pass::Pass;
use ghostdet::model::Activation;
use ghostdet::{Error, ErrorKind, Result};

/// One tensor in, one out.
pub(super) enum Layer {
    Identity,
    Conv(Box<Convolution>),
    /// One after the other.
    Chain(Vec<Layer>),
    /// The primary half, then the half made from it: `cat(a, b(a))` with `a = primary(x)`.
    Ghost {
        primary: Box<Convolution>,
        cheap: Box<Convolution>,
    },
    /// `body(x) + shortcut(x)`.
    Sum {
        body: Box<Layer>,
        shortcut: Box<Layer>,
    },
    /// `last(cat(left(x), right(x)))`.
    Split {
        left: Box<Layer>,
        right: Box<Layer>,
        last: Box<Layer>,
    },
    /// Batch norm and SiLU by themselves (BottleneckCSP).
    NormSilu(Box<BatchNorm>),
    /// `cat(x, pool(x) …)`: each pool on `x`, or on the one before if `chained`.
    Pools {
        pools: Vec<MaxPoolOptions<2>>,
        chained: bool,
    },
    MaxPool(MaxPoolOptions<2>),
    Upsample(usize),
    Transposed(Box<Transposed>),
    /// `gain x gain` pixels become channels.
    Contract(usize),
    /// Channels become `gain x gain` pixels.
    Expand(usize),
    /// Contract by 2 with the columns outermost.
    Focus,
}

/// A transposed convolution.
pub(super) struct Transposed {
    pub(super) key: String,
    pub(super) weight: Tensor<4>,
    pub(super) bias: Option<Tensor<1>>,
    pub(super) options: ConvTransposeOptions<2>,
}

/// What stands in a row of the graph.
pub(super) enum Block {
    Single(Layer),
    Concat,
    Detect(Vec<Convolution>),
}

impl Block {
    pub(super) fn run(&self, mut inputs: Vec<Tensor<4>>, pass: Pass<'_>) -> Result<Vec<Tensor<4>>> {
        match self {
            Self::Single(layer) => match (inputs.pop(), inputs.is_empty()) {
                (Some(x), true) => Ok(vec![layer.run(x, pass)?]),
                (last, _) => Err(count_error(1, inputs.len() + usize::from(last.is_some()))),
            },
            Self::Concat => concat(inputs).map(|x| vec![x]),
            Self::Detect(heads) if heads.len() != inputs.len() => Err(count_error(heads.len(), inputs.len())),
            Self::Detect(heads) => heads.iter().zip(inputs).map(|(head, x)| head.run(x, pass)).collect(),
        }
    }

    pub(super) fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        match self {
            Self::Single(layer) => layer.visit(visitor),
            Self::Concat => {}
            Self::Detect(heads) => heads.iter_mut().for_each(|head| head.visit(visitor)),
        }
    }
}

impl Layer {
    pub(super) fn run(&self, x: Tensor<4>, pass: Pass<'_>) -> Result<Tensor<4>> {
        match self {
            Self::Identity => Ok(x),
            Self::Conv(convolution) => convolution.run(x, pass),
            Self::Chain(layers) => layers.iter().try_fold(x, |x, layer| layer.run(x, pass)),
            Self::Ghost { primary, cheap } => {
                let primary = primary.run(x, pass)?;
                let cheap = cheap.run(primary.clone(), pass)?;
                concat(vec![primary, cheap])
            }
            Self::Sum { body, shortcut } => {
                let shortcut = shortcut.run(x.clone(), pass)?;
                let body = body.run(x, pass)?;
                if body.dims() != shortcut.dims() {
                    let (body, shortcut) = (body.dims(), shortcut.dims());
                    return Err(shape_error(format!("a sum of {body:?} and {shortcut:?} is not defined")));
                }
                Ok(body + shortcut)
            }
            Self::Split { left, right, last } => {
                let right = right.run(x.clone(), pass)?;
                last.run(concat(vec![left.run(x, pass)?, right])?, pass)
            }
            Self::NormSilu(norm) if norm.weight.dims() != [x.dims()[1]] => {
                Err(shape_error(format!("{} channels don't fit the batch norm", x.dims()[1])).at(&norm.key))
            }
            Self::NormSilu(norm) => Ok(norm.activated(x, Activation::Silu, pass)),
            Self::Pools { pools, chained } => {
                let mut parts = vec![x];
                for options in pools {
                    let from = if *chained { parts.len() - 1 } else { 0 };
                    parts.push(pool(parts[from].clone(), options)?);
                }
                concat(parts)
            }
            Self::MaxPool(options) => pool(x, options),
            Self::Upsample(scale) => {
                let [_, _, height, width] = x.dims();
                let size = [height * scale, width * scale];
                let options = InterpolateOptions::new(InterpolateMode::Nearest).with_align_corners(false);
                Ok(interpolate(x, options.with_output_size(size)))
            }
            Self::Transposed(transposed) => transposed.run(x),
            Self::Contract(gain) => contract(x, *gain, [0, 3, 5, 1, 2, 4]),
            Self::Focus => contract(x, 2, [0, 5, 3, 1, 2, 4]),
            Self::Expand(gain) => {
                let [batch, channels, height, width] = x.dims();
                if !channels.is_multiple_of(gain * gain) {
                    return Err(shape_error(format!("{channels} channels can't be expanded by {gain}")));
                }
                let left = channels / (gain * gain);
                Ok(x.reshape([batch, *gain, *gain, left, height, width]).permute([0, 3, 4, 1, 5, 2]).reshape([
                    batch,
                    left,
                    height * gain,
                    width * gain,
                ]))
            }
        }
    }

    pub(super) fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        match self {
            Self::Conv(convolution) => convolution.visit(visitor),
            Self::Chain(layers) => layers.iter_mut().for_each(|layer| layer.visit(visitor)),
            Self::Ghost { primary, cheap } => {
                primary.visit(visitor);
                cheap.visit(visitor);
            }
            Self::Sum { body, shortcut } => {
                body.visit(visitor);
                shortcut.visit(visitor);
            }
            Self::Split { left, right, last } => {
                left.visit(visitor);
                right.visit(visitor);
                last.visit(visitor);
            }
            Self::NormSilu(norm) => norm.visit(visitor),
            Self::Transposed(transposed) => transposed.visit(visitor),
            Self::Identity
            | Self::Pools { .. }
            | Self::MaxPool(_)
            | Self::Upsample(_)
            | Self::Contract(_)
            | Self::Expand(_)
            | Self::Focus => {}
        }
    }
}

impl Transposed {
    fn run(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        let ([_, channels, height, width], [expected, _, kernel, _]) = (x.dims(), self.weight.dims());
        let options = &self.options;
        if channels != expected {
            return Err(shape_error(format!("it takes {expected} channels, its input has {channels}")).at(&self.key));
        }
        let fits = |axis: usize, side: usize| {
            let full = (side.max(1) - 1) * options.stride[axis] + options.dilation[axis] * (kernel - 1) + 1;
            side > 0 && full + options.padding_out[axis] > 2 * options.padding[axis]
        };
        if !fits(0, height) || !fits(1, width) {
            return Err(shape_error(format!("nothing is left of {height}x{width}")).at(&self.key));
        }
        Ok(conv_transpose2d(x, self.weight.clone(), self.bias.clone(), options.clone()))
    }

    fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        visitor(&format!("{}.weight", self.key), ParameterMut::Kernel(&mut self.weight));
        if let Some(bias) = &mut self.bias {
            visitor(&format!("{}.bias", self.key), ParameterMut::Vector(bias));
        }
    }
}

/// Joins along the channels.
fn concat(inputs: Vec<Tensor<4>>) -> Result<Tensor<4>> {
    let Some(first) = inputs.first() else { return Err(count_error(1, 0)) };
    let [batch, _, height, width] = first.dims();
    for x in &inputs {
        let [other_batch, _, other_height, other_width] = x.dims();
        if [other_batch, other_height, other_width] != [batch, height, width] {
            return Err(shape_error(format!(
                "maps of {height}x{width} and {other_height}x{other_width} can't be concatenated"
            )));
        }
    }
    Ok(Tensor::cat(inputs, 1))
}

fn pool(x: Tensor<4>, options: &MaxPoolOptions<2>) -> Result<Tensor<4>> {
    let [_, _, height, width] = x.dims();
    for (axis, side) in [height, width].into_iter().enumerate() {
        let (begin, end) = options.padding[axis];
        if side + begin + end < options.kernel_size[axis] {
            return Err(shape_error(format!("a map of {height}x{width} is smaller than the pool")));
        }
    }
    Ok(max_pool2d(x, options.clone()))
}

/// Blocks of `gain x gain` pixels become channels; `order` says how `(b, c, h, y, w, x)` is permuted.
fn contract(x: Tensor<4>, gain: usize, order: [usize; 6]) -> Result<Tensor<4>> {
    let [batch, channels, height, width] = x.dims();
    if !height.is_multiple_of(gain) || !width.is_multiple_of(gain) {
        return Err(shape_error(format!("a map of {height}x{width} can't be contracted by {gain}")));
    }
    let (rows, columns) = (height / gain, width / gain);
    let order = order.map(|axis| axis as isize);
    Ok(x.reshape([batch, channels, rows, gain, columns, gain]).permute(order).reshape([
        batch,
        channels * gain * gain,
        rows,
        columns,
    ]))
}

fn shape_error(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

fn count_error(expected: usize, found: usize) -> Error {
    Error::new(ErrorKind::Config, format!("the module takes {expected} inputs, it is given {found}"))
}
