//! Modules of `torch.nn` as rows, and `DWConvTranspose2d`.

use super::{Channels, Definition};
use crate::Result;
use crate::model::activation::{self, Activation};
use crate::model::block::{Act, ActObject, Block, Conv, ConvShape, ConvTranspose, Pool, UpsampleMode};
use crate::model::geometry::gcd;
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "nn.ConvTranspose2d",
        path: "torch.nn.modules.conv.ConvTranspose2d",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "kernel", "stride", "padding", "output_padding", "groups", "bias", "dilation"],
        build: conv_transpose,
    },
    Definition {
        name: "DWConvTranspose2d",
        path: "models.common.DWConvTranspose2d",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "s", "p1", "p2"],
        build: depthwise_transpose,
    },
    row("nn.Conv2d", "torch.nn.modules.conv.Conv2d", &["c1", "c2", "k", "s", "p", "d", "g", "bias"], conv2d),
    Definition {
        name: "nn.BatchNorm2d",
        path: "torch.nn.modules.batchnorm.BatchNorm2d",
        channels: Channels::RowBefore,
        arguments: &["channels"],
        build: batch_norm,
    },
    row("nn.MaxPool2d", "torch.nn.modules.pooling.MaxPool2d", &["k", "s", "p"], max_pool),
    row("nn.AvgPool2d", "torch.nn.modules.pooling.AvgPool2d", &["k", "s", "p"], avg_pool),
    row("nn.ZeroPad2d", "torch.nn.modules.padding.ZeroPad2d", &["padding"], zero_pad),
    row("nn.Upsample", "torch.nn.modules.upsampling.Upsample", &["size", "scale", "mode"], upsample),
    row(
        "nn.UpsamplingNearest2d",
        "torch.nn.modules.upsampling.UpsamplingNearest2d",
        &["size", "scale"],
        upsample_nearest,
    ),
    row("nn.Identity", "torch.nn.modules.linear.Identity", &[], identity),
    row("nn.Dropout", "torch.nn.modules.dropout.Dropout", &["p", "inplace"], dropout),
];

/// Every activation may stand alone in a row.
pub(super) const ACTIVATIONS: &[Definition] = &[
    row("nn.SiLU", "torch.nn.modules.activation.SiLU", &["inplace"], activation),
    row("nn.ReLU", "torch.nn.modules.activation.ReLU", &["inplace"], activation),
    row("nn.ReLU6", "torch.nn.modules.activation.ReLU6", &["inplace"], activation),
    row("nn.LeakyReLU", "torch.nn.modules.activation.LeakyReLU", &["negative_slope", "inplace"], leaky_relu),
    row("nn.PReLU", "torch.nn.modules.activation.PReLU", &[], activation),
    row("nn.Hardswish", "torch.nn.modules.activation.Hardswish", &["inplace"], activation),
    row("nn.Hardsigmoid", "torch.nn.modules.activation.Hardsigmoid", &["inplace"], activation),
    row("nn.Sigmoid", "torch.nn.modules.activation.Sigmoid", &[], activation),
    row("nn.Tanh", "torch.nn.modules.activation.Tanh", &[], activation),
    row("nn.Mish", "torch.nn.modules.activation.Mish", &["inplace"], activation),
    row("nn.ELU", "torch.nn.modules.activation.ELU", &[], activation),
    row("nn.CELU", "torch.nn.modules.activation.CELU", &[], activation),
    row("nn.SELU", "torch.nn.modules.activation.SELU", &["inplace"], activation),
    row("nn.GELU", "torch.nn.modules.activation.GELU", &[], activation),
    row("nn.Softplus", "torch.nn.modules.activation.Softplus", &[], activation),
];

const fn row(
    name: &'static str,
    path: &'static str,
    arguments: &'static [&'static str],
    build: fn(&Arguments) -> Result<Block>,
) -> Definition {
    Definition { name, path, channels: Channels::Same, arguments, build }
}

fn conv_transpose(arguments: &Arguments) -> Result<Block> {
    let (kernel, stride) = (arguments.kernel(1, None)?, arguments.stride(2)?);
    let padding = arguments.whole(3, "the padding", Some(0), 0, 255)?;
    let output_padding = arguments.whole(4, "the output padding", Some(0), 0, 63)?;
    let (groups, bias, dilation) = (arguments.groups(5)?, arguments.truth(6, true)?, arguments.dilation(7)?);
    transposed(arguments, [kernel, stride, padding, dilation, groups], output_padding, bias, true)
}

fn depthwise_transpose(arguments: &Arguments) -> Result<Block> {
    let (kernel, stride) = (arguments.kernel(1, Some(1))?, arguments.stride(2)?);
    let padding = arguments.whole(3, "the padding", Some(0), 0, 255)?;
    let output_padding = arguments.whole(4, "the output padding", Some(0), 0, 63)?;
    let groups = gcd(arguments.input(), arguments.outputs);
    transposed(arguments, [kernel, stride, padding, 1, groups], output_padding, true, false)
}

fn transposed(
    arguments: &Arguments,
    [kernel, stride, padding, dilation, groups]: [usize; 5],
    output_padding: usize,
    bias: bool,
    counted: bool,
) -> Result<Block> {
    if output_padding >= stride.max(dilation) {
        let message = format!("the output padding {output_padding} must be smaller than the stride {stride}");
        return Err(arguments.error_in(4, message));
    }
    let shape = ConvShape {
        padding: [padding; 2],
        dilation,
        groups,
        ..ConvShape::square(arguments.input(), arguments.outputs, kernel, stride)
    };
    Ok(Block::ConvTranspose(ConvTranspose { key: arguments.key.clone(), shape, output_padding, bias, counted }))
}

/// All arguments literally: padding is 0 if none is given.
fn conv2d(arguments: &Arguments) -> Result<Block> {
    let (c1, c2) = (arguments.channels(0, "the input channels")?, arguments.channels(1, "the output channels")?);
    let (kernel, stride) = (arguments.kernel(2, None)?, arguments.stride(3)?);
    let padding = arguments.whole(4, "the padding", Some(0), 0, 255)?;
    let (dilation, groups, bias) = (arguments.dilation(5)?, arguments.groups(6)?, arguments.truth(7, true)?);
    let shape = ConvShape { padding: [padding; 2], dilation, groups, ..ConvShape::square(c1, c2, kernel, stride) };
    Ok(Block::Conv(Conv::bare(&arguments.key, shape, bias)))
}

fn batch_norm(arguments: &Arguments) -> Result<Block> {
    Ok(Block::BatchNorm { key: arguments.key.clone(), channels: arguments.input(), activation: Act::ABSENT })
}

fn pool(arguments: &Arguments) -> Result<Pool> {
    let kernel = arguments.kernel(0, None)?;
    let stride = match arguments.given(1) {
        true => arguments.stride(1)?,
        false => kernel,
    };
    let padding = arguments.whole(2, "the padding (at most half the kernel)", Some(0), 0, kernel / 2)?;
    Ok(Pool { kernel, stride, padding })
}

fn max_pool(arguments: &Arguments) -> Result<Block> {
    pool(arguments).map(Block::MaxPool)
}

fn avg_pool(arguments: &Arguments) -> Result<Block> {
    pool(arguments).map(Block::AvgPool)
}

fn zero_pad(arguments: &Arguments) -> Result<Block> {
    arguments.sides(0).map(Block::ZeroPad)
}

fn upsample(arguments: &Arguments) -> Result<Block> {
    let mode = match arguments.word(2, &["nearest", "bilinear"])? {
        Some("bilinear") => UpsampleMode::Bilinear,
        _ => UpsampleMode::Nearest,
    };
    upsampled(arguments, mode)
}

fn upsample_nearest(arguments: &Arguments) -> Result<Block> {
    upsampled(arguments, UpsampleMode::Nearest)
}

fn upsampled(arguments: &Arguments, mode: UpsampleMode) -> Result<Block> {
    arguments.none(0, "None (a fixed size is not supported)")?;
    Ok(Block::Upsample { scale: arguments.whole(1, "the scale", None, 1, 16)?, mode })
}

fn identity(_: &Arguments) -> Result<Block> {
    Ok(Block::module(1, Block::Pass))
}

/// Passes everything on, as it does once a network is trained.
fn dropout(arguments: &Arguments) -> Result<Block> {
    arguments.expansion(0, 0.5)?;
    Ok(Block::module(1, Block::Pass))
}

fn activation(arguments: &Arguments) -> Result<Block> {
    arguments.truth(0, false)?;
    let class = arguments.module.trim_start_matches("nn.");
    let function = activation::of_class(class).ok_or_else(|| arguments.error(format!("nn.{class} is not known")))?;
    Ok(alone(arguments, function))
}

fn leaky_relu(arguments: &Arguments) -> Result<Block> {
    arguments.truth(1, false)?;
    Ok(alone(arguments, Activation::LeakyRelu(arguments.number(0, "the slope", 0.01)? as f32)))
}

fn alone(arguments: &Arguments, function: Activation) -> Block {
    Block::Activation { key: arguments.key.clone(), act: Act { function, object: ActObject::Own } }
}
