//! A block's layers with their parameters, and how they are run.

use burn::tensor::Tensor;
use burn::tensor::module::{avg_pool2d, conv_transpose2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, ConvTransposeOptions, MaxPoolOptions, PadMode};

use crate::convolution::{Activated, BatchNorm, Convolution, ParameterMut};
use crate::pass::Pass;
use crate::product::{product, softmax, upsample_bilinear};
use ghostdet::model::block::UpsampleMode;
use ghostdet::{Error, ErrorKind, Result};

/// One tensor in, one out: `(batch, channels, height, width)`.
pub(crate) enum Layer {
    Pass,
    Conv(Box<Convolution>),
    Transposed(Box<Transposed>),
    Norm {
        norm: Box<BatchNorm>,
        activated: Activated,
    },
    Linear(Box<Linear>),
    Attention(Box<Attention>),
    Activation(Activated),
    MaxPool(MaxPoolOptions<2>),
    AvgPool(AvgPoolOptions<2>),
    /// Left, right, top, bottom.
    ZeroPad([usize; 4]),
    Upsample {
        scale: usize,
        mode: UpsampleMode,
    },
    /// `gain x gain` pixels become channels; Focus's order of them has the columns outermost.
    SpaceToDepth {
        gain: usize,
        columns_first: bool,
    },
    /// Channels become `gain x gain` pixels.
    DepthToSpace(usize),
    /// One after the other.
    Chain(Vec<Layer>),
    /// `body(x) + shortcut(x)`.
    Sum {
        body: Box<Layer>,
        shortcut: Box<Layer>,
    },
    /// All on the same input, joined along the channels.
    Concat(Vec<Layer>),
    /// `x, step(x), step(step(x)) …`, joined along the channels.
    Cascade {
        step: Box<Layer>,
        times: usize,
    },
    /// `cat(a, b(a))` with `a = primary(x)`.
    Ghost {
        primary: Box<Convolution>,
        cheap: Box<Convolution>,
    },
}

/// A transposed convolution.
pub(crate) struct Transposed {
    pub(crate) key: String,
    pub(crate) weight: Tensor<4>,
    pub(crate) bias: Option<Tensor<1>>,
    pub(crate) options: ConvTransposeOptions<2>,
}

/// A matrix for the channels of every pixel.
pub(crate) struct Linear {
    pub(crate) key: String,
    /// `(outputs, inputs)`.
    pub(crate) weight: Tensor<2>,
    pub(crate) bias: Option<Tensor<1>>,
}

/// Multi-head attention over all pixels.
pub(crate) struct Attention {
    pub(crate) heads: usize,
    /// Queries, keys, values.
    pub(crate) inner: [Linear; 3],
    /// Their second matrices, one below the other, and biases.
    pub(crate) projection: Linear,
    pub(crate) output: Linear,
}

/// What stands in a row of the graph.
pub(crate) enum RowLayer {
    Single(Box<Layer>),
    /// All sources, joined along the channels.
    Join,
    Detect(Vec<Convolution>),
}

impl RowLayer {
    pub(crate) fn run(&self, mut inputs: Vec<Tensor<4>>, pass: Pass<'_>) -> Result<Vec<Tensor<4>>> {
        match self {
            Self::Single(layer) => match (inputs.pop(), inputs.is_empty()) {
                (Some(x), true) => Ok(vec![layer.run(x, pass)?]),
                (last, _) => Err(count_error(1, inputs.len() + usize::from(last.is_some()))),
            },
            Self::Join => concat(inputs).map(|x| vec![x]),
            Self::Detect(heads) if heads.len() != inputs.len() => Err(count_error(heads.len(), inputs.len())),
            Self::Detect(heads) => heads.iter().zip(inputs).map(|(head, x)| head.run(x, pass)).collect(),
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        match self {
            Self::Single(layer) => layer.visit(visitor),
            Self::Join => {}
            Self::Detect(heads) => heads.iter_mut().for_each(|head| head.visit(visitor)),
        }
    }
}

impl Layer {
    pub(crate) fn run(&self, x: Tensor<4>, pass: Pass<'_>) -> Result<Tensor<4>> {
        match self {
            Self::Pass => Ok(x),
            Self::Conv(convolution) => convolution.run(x, pass),
            Self::Transposed(transposed) => transposed.run(x),
            Self::Norm { norm, .. } if norm.weight.dims() != [x.dims()[1]] => {
                Err(shape_error(format!("{} channels don't fit the batch norm", x.dims()[1])).at(&norm.key))
            }
            Self::Norm { norm, activated } => Ok(norm.activated(x, activated, pass)),
            Self::Linear(linear) => linear.run(x),
            Self::Attention(attention) => attention.run(x),
            Self::Activation(activated) => Ok(activated.run(x)),
            Self::MaxPool(options) => {
                check_window(&x, options.kernel_size, options.padding)?;
                Ok(max_pool2d(x, options.clone()))
            }
            Self::AvgPool(options) => {
                check_window(&x, options.kernel_size, options.padding)?;
                Ok(avg_pool2d(x, options.clone()))
            }
            &Self::ZeroPad([left, right, top, bottom]) => {
                Ok(x.pad([(top, bottom), (left, right)], PadMode::Constant(0.0)))
            }
            // Views and one copy: Burn's kernel for it needs the compiler of its matrix products.
            &Self::Upsample { scale, mode: UpsampleMode::Nearest } => {
                let [batch, channels, height, width] = x.dims();
                let spread = x.reshape([batch, channels, height, 1, width, 1]);
                let repeated = spread.expand([batch, channels, height, scale, width, scale]);
                Ok(repeated.reshape([batch, channels, height * scale, width * scale]))
            }
            &Self::Upsample { scale, mode: UpsampleMode::Bilinear } => Ok(upsample_bilinear(x, scale)),
            Self::SpaceToDepth { gain, columns_first: true } => space_to_depth(x, *gain, [0, 5, 3, 1, 2, 4]),
            Self::SpaceToDepth { gain, columns_first: false } => space_to_depth(x, *gain, [0, 3, 5, 1, 2, 4]),
            Self::DepthToSpace(gain) => depth_to_space(x, *gain),
            Self::Chain(layers) => layers.iter().try_fold(x, |x, layer| layer.run(x, pass)),
            Self::Sum { body, shortcut } => {
                let shortcut = shortcut.run(x.clone(), pass)?;
                let body = body.run(x, pass)?;
                if body.dims() != shortcut.dims() {
                    let (body, shortcut) = (body.dims(), shortcut.dims());
                    return Err(shape_error(format!("a sum of {body:?} and {shortcut:?} is not defined")));
                }
                Ok(body + shortcut)
            }
            Self::Concat(layers) => {
                concat(layers.iter().map(|layer| layer.run(x.clone(), pass)).collect::<Result<Vec<_>>>()?)
            }
            Self::Cascade { step, times } => {
                let mut parts = vec![x];
                for at in 0..*times {
                    parts.push(step.run(parts[at].clone(), pass)?);
                }
                concat(parts)
            }
            Self::Ghost { primary, cheap } => {
                let primary = primary.run(x, pass)?;
                let cheap = cheap.run(primary.clone(), pass)?;
                concat(vec![primary, cheap])
            }
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        match self {
            Self::Conv(convolution) => convolution.visit(visitor),
            Self::Transposed(transposed) => transposed.visit(visitor),
            Self::Norm { norm, activated } => {
                norm.visit(visitor);
                activated.visit(visitor);
            }
            Self::Linear(linear) => linear.visit(visitor),
            Self::Attention(attention) => {
                attention.inner.iter_mut().for_each(|linear| linear.visit(visitor));
                attention.projection.visit_as(["in_proj_weight", "in_proj_bias"], visitor);
                attention.output.visit(visitor);
            }
            Self::Activation(activated) => activated.visit(visitor),
            Self::Chain(layers) | Self::Concat(layers) => layers.iter_mut().for_each(|layer| layer.visit(visitor)),
            Self::Sum { body, shortcut } => {
                body.visit(visitor);
                shortcut.visit(visitor);
            }
            Self::Cascade { step, .. } => step.visit(visitor),
            Self::Ghost { primary, cheap } => {
                primary.visit(visitor);
                cheap.visit(visitor);
            }
            Self::Pass
            | Self::MaxPool(_)
            | Self::AvgPool(_)
            | Self::ZeroPad(_)
            | Self::Upsample { .. }
            | Self::SpaceToDepth { .. }
            | Self::DepthToSpace(_) => {}
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

impl Linear {
    fn run(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        let [batch, channels, height, width] = x.dims();
        let [outputs, inputs] = self.weight.dims();
        if channels != inputs {
            return Err(shape_error(format!("it takes {inputs} channels, its input has {channels}")).at(&self.key));
        }
        // A product that leaves the batch where it is: its pixels are columns.
        let x = x.reshape([batch, channels, height * width]);
        let weight = self.weight.clone().unsqueeze::<3>().expand([batch, outputs, inputs]);
        let mut y = product(weight, x);
        if let Some(bias) = &self.bias {
            y = y + bias.clone().reshape([1, outputs, 1]);
        }
        Ok(y.reshape([batch, outputs, height, width]))
    }

    fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        self.visit_as(["weight", "bias"], visitor);
    }

    fn visit_as(&mut self, [weight, bias]: [&str; 2], visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        visitor(&format!("{}.{weight}", self.key), ParameterMut::Matrix(&mut self.weight));
        if let Some(value) = &mut self.bias {
            visitor(&format!("{}.{bias}", self.key), ParameterMut::Vector(value));
        }
    }
}

impl Attention {
    fn run(&self, x: Tensor<4>) -> Result<Tensor<4>> {
        let [batch, channels, height, width] = x.dims();
        let (pixels, each) = (height * width, channels / self.heads.max(1));
        let parts = self.inner.iter().map(|linear| linear.run(x.clone())).collect::<Result<Vec<_>>>()?;
        let part = |which: usize, x: &Tensor<4>| {
            let rows = which * channels..(which + 1) * channels;
            let weight = self.projection.weight.clone().slice([rows.clone(), 0..channels]);
            let bias = self.projection.bias.clone().map(|bias| bias.slice([rows]));
            let linear = Linear { key: self.projection.key.clone(), weight, bias };
            linear.run(x.clone()).map(|y| y.reshape([batch * self.heads, each, pixels]))
        };
        let [queries, keys, values] = [part(0, &parts[0])?, part(1, &parts[1])?, part(2, &parts[2])?];
        let scores = product(queries.swap_dims(1, 2), keys) / (each as f64).sqrt();
        let mixed = product(values, softmax(scores).swap_dims(1, 2));
        self.output.run(mixed.reshape([batch, channels, height, width]))
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

fn check_window(x: &Tensor<4>, kernel: [usize; 2], padding: [(usize, usize); 2]) -> Result<()> {
    let [_, _, height, width] = x.dims();
    for (axis, side) in [height, width].into_iter().enumerate() {
        let (begin, end) = padding[axis];
        if side + begin + end < kernel[axis] {
            return Err(shape_error(format!("a map of {height}x{width} is smaller than the pool")));
        }
    }
    Ok(())
}

/// Squares of `gain x gain` pixels become channels; `order` says how `(b, c, h, y, w, x)` is permuted.
fn space_to_depth(x: Tensor<4>, gain: usize, order: [usize; 6]) -> Result<Tensor<4>> {
    let [batch, channels, height, width] = x.dims();
    if !height.is_multiple_of(gain) || !width.is_multiple_of(gain) {
        return Err(shape_error(format!("a map of {height}x{width} can't be divided by {gain}")));
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

/// Channels become squares of `gain x gain` pixels.
fn depth_to_space(x: Tensor<4>, gain: usize) -> Result<Tensor<4>> {
    let [batch, channels, height, width] = x.dims();
    if !channels.is_multiple_of(gain * gain) {
        return Err(shape_error(format!("{channels} channels can't be divided by {gain}x{gain}")));
    }
    let left = channels / (gain * gain);
    let pixels = x.reshape([batch, gain, gain, left, height, width]).permute([0, 3, 4, 1, 5, 2]);
    Ok(pixels.reshape([batch, left, height * gain, width * gain]))
}

fn shape_error(message: String) -> Error {
    Error::new(ErrorKind::Config, message)
}

fn count_error(expected: usize, found: usize) -> Error {
    Error::new(ErrorKind::Config, format!("the module takes {expected} inputs, it is given {found}"))
}
