//! GhostNet's modules: `GhostConv`, `GhostBottleneck`.

use super::{Channels, Definition};
use crate::Result;
use crate::model::block::{Act, Block, Conv, ConvShape};
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "GhostConv",
        path: "models.common.GhostConv",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "s", "g", "act"],
        build: ghost_conv,
    },
    Definition {
        name: "GhostBottleneck",
        path: "models.common.GhostBottleneck",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "s"],
        build: ghost_bottleneck,
    },
];

fn ghost_conv(arguments: &Arguments) -> Result<Block> {
    let (kernel, stride) = (arguments.kernel(1, Some(1))?, arguments.stride(2)?);
    let shape = ConvShape::square(arguments.input(), arguments.outputs, kernel, stride).grouped(arguments.groups(3)?);
    arguments.check_multiple(arguments.outputs, 2)?;
    Ok(conv_block(&arguments.key, shape, arguments.act(4)?))
}

/// Half of the output channels by a convolution, the other half from those by a depthwise 5x5 one.
pub(super) fn conv_block(key: &str, shape: ConvShape, act: Act) -> Block {
    let [c1, c2] = shape.channels;
    let half = c2 / 2;
    let primary = Conv::with_norm(format!("{key}.cv1"), ConvShape { channels: [c1, half], ..shape }, act);
    let cheap = Conv::with_norm(format!("{key}.cv2"), ConvShape::square(half, half, 5, 1).grouped(half), act);
    Block::module(1, Block::Ghost { primary, cheap })
}

fn ghost_bottleneck(arguments: &Arguments) -> Result<Block> {
    let (kernel, stride) = (arguments.kernel(1, Some(3))?, arguments.whole(2, "the stride", Some(1), 1, 2)?);
    // Half of them come from a Ghost module of their own.
    arguments.check_multiple(arguments.outputs, 4)?;
    let (c1, c2) = (arguments.input(), arguments.outputs);
    if stride == 1 && c1 != c2 {
        let message = format!("a GhostBottleneck with stride 1 adds its input: {c1} channels come in, {c2} go out");
        return Err(arguments.error(message));
    }
    Ok(bottleneck_block(&arguments.key, [c1, c2], kernel, stride, arguments.default_act()))
}

/// Two Ghost modules, with a depthwise convolution between them where the map is halved, and a shortcut.
pub(super) fn bottleneck_block(key: &str, [c1, c2]: [usize; 2], kernel: usize, stride: usize, act: Act) -> Block {
    let half = c2 / 2;
    let first = conv_block(&format!("{key}.conv.0"), ConvShape::pointwise(c1, half), act);
    let last = conv_block(&format!("{key}.conv.2"), ConvShape::pointwise(half, c2), Act::OFF);
    // Itself, the Sequential, and an Identity in place of what a stride of 1 does not need, or the second Sequential.
    let (objects, body, shortcut) = match stride {
        2 => {
            let depthwise = |name: &str, channels: usize| {
                let shape = ConvShape::square(channels, channels, kernel, 2).grouped(channels);
                Block::Conv(Conv::with_norm(format!("{key}.{name}"), shape, Act::OFF))
            };
            let widen = Conv::with_norm(format!("{key}.shortcut.1"), ConvShape::pointwise(c1, c2), Act::OFF);
            let shortcut = Block::Chain(vec![depthwise("shortcut.0", c1), Block::Conv(widen)]);
            (3, vec![first, depthwise("conv.1", half), last], shortcut)
        }
        _ => (4, vec![first, last], Block::Pass),
    };
    Block::module(objects, Block::Sum { body: Box::new(Block::Chain(body)), shortcut: Box::new(shortcut) })
}
