//! A convolution with what follows it: batch norm or bias, and the activation.

use burn::tensor::module::{batch_norm, conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, activation};

use super::pass::Pass;
use ghostdet::model::{Activation, BATCH_NORM_EPSILON};
use ghostdet::{Error, ErrorKind, Result};

/// A batch norm that isn't folded.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// PyTorch key without the last part: `model.0.bn`.
    pub key: String,
    /// Scale.
    pub weight: Tensor<1>,
    /// Offset.
    pub bias: Tensor<1>,
    /// Mean over the training pictures.
    pub running_mean: Tensor<1>,
    /// Variance over the training pictures.
    pub running_var: Tensor<1>,
}

impl BatchNorm {
    /// Normalises with the running statistics.
    pub fn run(&self, x: Tensor<4>) -> Tensor<4> {
        batch_norm(
            x,
            self.weight.clone(),
            self.bias.clone(),
            self.running_mean.clone(),
            self.running_var.clone(),
            BATCH_NORM_EPSILON,
        )
    }

    /// Normalises as `pass` says, then applies the activation.
    pub(super) fn activated(&self, x: Tensor<4>, activated: &Activated, pass: Pass<'_>) -> Tensor<4> {
        match pass {
            Pass::Inference => activated.run(self.run(x)),
            #[cfg(feature = "train")]
            Pass::Watching(moments) => {
                super::training::watch(self, x.clone(), moments);
                activated.run(self.run(x))
            }
            #[cfg(feature = "train")]
            Pass::Training(moments) => {
                let silu = activated.function == Activation::Silu;
                let y = super::training::normalise(self, x, silu, moments);
                if silu { y } else { activated.run(y) }
            }
            #[cfg(feature = "train")]
            Pass::FrozenNorms => {
                let silu = activated.function == Activation::Silu;
                let y = super::training::normalise_frozen(self, x, silu);
                if silu { y } else { activated.run(y) }
            }
        }
    }

    pub(super) fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        let key = &self.key;
        visitor(&format!("{key}.weight"), ParameterMut::Vector(&mut self.weight));
        visitor(&format!("{key}.bias"), ParameterMut::Vector(&mut self.bias));
        visitor(&format!("{key}.running_mean"), ParameterMut::Statistic(&mut self.running_mean));
        visitor(&format!("{key}.running_var"), ParameterMut::Statistic(&mut self.running_var));
    }
}

/// A parameter of the network, to look at or to replace by one of the same shape.
pub enum ParameterMut<'a> {
    /// A convolution's kernel.
    Kernel(&'a mut Tensor<4>),
    /// A matrix `(outputs, inputs)`.
    Matrix(&'a mut Tensor<2>),
    /// A bias, a batch norm's weight, or the slope of an activation.
    Vector(&'a mut Tensor<1>),
    /// Running statistics: no gradient.
    Statistic(&'a mut Tensor<1>),
}

/// A convolution, then batch norm if there is one, then the activation.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// PyTorch key without the last part: `model.0.conv`.
    pub key: String,
    /// `(c2, c1 / groups, height, width)`.
    pub weight: Tensor<4>,
    /// Its own bias, or what remains of a folded batch norm.
    pub bias: Option<Tensor<1>>,
    /// The batch norm, if it isn't folded.
    pub norm: Option<BatchNorm>,
    /// Stride, padding, dilation and groups.
    pub options: ConvOptions<2>,
    /// What is applied last.
    pub activated: Activated,
}

impl Convolution {
    /// Runs it. The channels must be right, and the padded input at least as large as the kernel.
    pub(super) fn run(&self, x: Tensor<4>, pass: Pass<'_>) -> Result<Tensor<4>> {
        let [_, channels, height, width] = x.dims();
        let [_, per_group, kernel_height, kernel_width] = self.weight.dims();
        if channels != per_group * self.options.groups {
            let expected = per_group * self.options.groups;
            return Err(Error::new(
                ErrorKind::Config,
                format!("the convolution takes {expected} channels, its input has {channels}"),
            )
            .at(&self.key));
        }
        for (axis, (side, kernel)) in [(height, kernel_height), (width, kernel_width)].into_iter().enumerate() {
            let (begin, end) = self.options.padding[axis];
            if side + begin + end < self.options.dilation[axis] * (kernel - 1) + 1 {
                return Err(Error::new(
                    ErrorKind::Argument,
                    format!("the input of {height}x{width} is smaller than the kernel"),
                )
                .at(&self.key)
                .hint("take a larger picture size"));
            }
        }
        let x = match (pass, &self.bias) {
            #[cfg(feature = "train")]
            (Pass::Training(_) | Pass::FrozenNorms, None) => {
                super::training::convolve(x, self.weight.clone(), &self.options)
            }
            #[cfg(feature = "train")]
            (Pass::Training(_) | Pass::FrozenNorms, Some(bias)) => {
                let filters = bias.dims()[0];
                let x = super::training::convolve(x, self.weight.clone(), &self.options);
                x + bias.clone().reshape([1, filters, 1, 1])
            }
            _ => conv2d(x, self.weight.clone(), self.bias.clone(), self.options.clone()),
        };
        Ok(match &self.norm {
            Some(norm) => norm.activated(x, &self.activated, pass),
            None => self.activated.run(x),
        })
    }

    pub(super) fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        visitor(&format!("{}.weight", self.key), ParameterMut::Kernel(&mut self.weight));
        if let Some(bias) = &mut self.bias {
            visitor(&format!("{}.bias", self.key), ParameterMut::Vector(bias));
        }
        if let Some(norm) = &mut self.norm {
            norm.visit(visitor);
        }
        self.activated.visit(visitor);
    }
}

/// An activation with its parameter, if it has one.
#[derive(Clone, Debug)]
pub struct Activated {
    /// The function.
    pub function: Activation,
    /// PyTorch key without the last part.
    pub key: String,
    /// PReLU's trained slope.
    pub slope: Option<Tensor<1>>,
}

impl Activated {
    /// Applies it.
    pub(super) fn run(&self, x: Tensor<4>) -> Tensor<4> {
        match self.function {
            Activation::Identity => x,
            Activation::Silu => activation::silu(x),
            Activation::Relu => activation::relu(x),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::LeakyRelu(slope) => activation::leaky_relu(x, f64::from(slope)),
            Activation::Prelu => match &self.slope {
                Some(slope) => activation::prelu(x, slope.clone()),
                None => activation::leaky_relu(x, 0.25),
            },
            Activation::Hardswish => activation::hard_swish(x),
            Activation::Hardsigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
            Activation::Sigmoid => activation::sigmoid(x),
            Activation::Tanh => activation::tanh(x),
            Activation::Mish => activation::mish(x),
            Activation::Elu => activation::elu(x, 1.0),
            Activation::Selu => activation::selu(x),
            Activation::Gelu => activation::gelu(x),
            Activation::Softplus => activation::softplus(x, 1.0),
        }
    }

    pub(super) fn visit(&mut self, visitor: &mut dyn FnMut(&str, ParameterMut<'_>)) {
        if let Some(slope) = &mut self.slope {
            visitor(&format!("{}.weight", self.key), ParameterMut::Vector(slope));
        }
    }
}
