//! Convolutions: `Conv`, `DWConv`, `Focus`.

use super::{Channels, Definition};
use crate::Result;
use crate::model::block::{Block, Conv, ConvShape};
use crate::model::geometry::{gcd, same_padding};
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Conv",
        path: "models.common.Conv",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "s", "p", "g", "d", "act"],
        build: conv,
    },
    Definition {
        name: "DWConv",
        path: "models.common.DWConv",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "s", "d", "act"],
        build: depthwise,
    },
    Definition {
        name: "Focus",
        path: "models.common.Focus",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "s", "p", "g", "act"],
        build: focus,
    },
];

fn conv(arguments: &Arguments) -> Result<Block> {
    let (kernel, stride) = (arguments.kernel_pair(1)?, arguments.stride_pair(2)?);
    let dilation = arguments.dilation(5)?;
    let padding = arguments.padding(3)?.map_or_else(|| same_padding(kernel, dilation), |padding| [padding; 2]);
    let (channels, groups) = ([arguments.input(), arguments.outputs], arguments.groups(4)?);
    let shape = ConvShape { channels, kernel, stride, padding, dilation, groups };
    Ok(Block::Conv(Conv::with_norm(&arguments.key, shape, arguments.act(6)?)))
}

fn depthwise(arguments: &Arguments) -> Result<Block> {
    let (c1, c2) = (arguments.input(), arguments.outputs);
    let (kernel, stride) = (arguments.kernel(1, Some(1))?, arguments.stride(2)?);
    let dilation = arguments.dilation(3)?;
    let shape = ConvShape {
        padding: same_padding([kernel; 2], dilation),
        dilation,
        groups: gcd(c1, c2),
        ..ConvShape::square(c1, c2, kernel, stride)
    };
    Ok(Block::Conv(Conv::with_norm(&arguments.key, shape, arguments.act(4)?)))
}

/// Every second pixel of every second row, four times, then a convolution.
fn focus(arguments: &Arguments) -> Result<Block> {
    let (kernel, stride) = (arguments.kernel(1, Some(1))?, arguments.stride(2)?);
    let mut shape =
        ConvShape::square(4 * arguments.input(), arguments.outputs, kernel, stride).grouped(arguments.groups(4)?);
    if let Some(padding) = arguments.padding(3)? {
        shape.padding = [padding; 2];
    }
    let conv = Conv::with_norm(format!("{}.conv", arguments.key), shape, arguments.act(5)?);
    let slices = Block::SpaceToDepth { gain: 2, columns_first: true };
    Ok(Block::module(1, Block::Chain(vec![slices, Block::Conv(conv)])))
}
