//! Residual pairs of convolutions: `Bottleneck`, `CrossConv`.

use super::{Channels, Definition};
use crate::Result;
use crate::model::block::{Act, Block, Conv, ConvShape};
use crate::model::geometry::hidden_channels;
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Bottleneck",
        path: "models.common.Bottleneck",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "shortcut", "g", "e"],
        build: bottleneck,
    },
    Definition {
        name: "CrossConv",
        path: "models.common.CrossConv",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "s", "g", "e", "shortcut"],
        build: cross_conv,
    },
];

/// Two convolutions, and the input added to what they give if `shortcut` and the channels allow it.
pub(super) struct Pair {
    pub channels: [usize; 2],
    pub hidden: usize,
    pub groups: usize,
    pub shortcut: bool,
    pub act: Act,
}

fn bottleneck(arguments: &Arguments) -> Result<Block> {
    let (shortcut, groups) = (arguments.truth(1, true)?, arguments.groups(2)?);
    let hidden = hidden_channels(arguments.outputs, arguments.expansion(3, 0.5)?);
    let channels = [arguments.input(), arguments.outputs];
    Ok(Pair { channels, hidden, groups, shortcut, act: arguments.default_act() }.bottleneck(&arguments.key))
}

fn cross_conv(arguments: &Arguments) -> Result<Block> {
    let (kernel, stride) = (arguments.kernel(1, Some(3))?, arguments.stride(2)?);
    let (groups, shortcut) = (arguments.groups(3)?, arguments.truth(5, false)?);
    let hidden = hidden_channels(arguments.outputs, arguments.expansion(4, 1.0)?);
    let channels = [arguments.input(), arguments.outputs];
    Ok(Pair { channels, hidden, groups, shortcut, act: arguments.default_act() }.cross(&arguments.key, kernel, stride))
}

impl Pair {
    /// A 1x1 and a 3x3 convolution.
    pub fn bottleneck(&self, key: &str) -> Block {
        let Self { channels: [c1, c2], hidden, groups, .. } = *self;
        self.block(key, [ConvShape::pointwise(c1, hidden), ConvShape::square(hidden, c2, 3, 1).grouped(groups)])
    }

    /// A 1xk and a kx1 convolution.
    pub fn cross(&self, key: &str, kernel: usize, stride: usize) -> Block {
        let Self { channels: [c1, c2], hidden, groups, .. } = *self;
        let across = ConvShape::rectangular(c1, hidden, [1, kernel], [1, stride]);
        self.block(key, [across, ConvShape::rectangular(hidden, c2, [kernel, 1], [stride, 1]).grouped(groups)])
    }

    fn block(&self, key: &str, [first, second]: [ConvShape; 2]) -> Block {
        let conv = |name: &str, shape| Block::Conv(Conv::with_norm(format!("{key}.{name}"), shape, self.act));
        let body = Block::Chain(vec![conv("cv1", first), conv("cv2", second)]);
        let added = self.shortcut && self.channels[0] == self.channels[1];
        Block::module(1, if added { Block::residual(body) } else { body })
    }
}
