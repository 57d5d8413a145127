//! Spatial pyramid pooling: `SPP`, `SPPF`.

use super::{Channels, Definition};
use crate::Result;
use crate::model::block::{Act, Block, Conv, ConvShape, Pool};
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "SPP",
        path: "models.common.SPP",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k"],
        build: spp,
    },
    Definition {
        name: "SPPF",
        path: "models.common.SPPF",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k"],
        build: sppf,
    },
];

fn spp(arguments: &Arguments) -> Result<Block> {
    let kernels = arguments.kernels(1, &[5, 9, 13])?;
    Ok(spp_block(&arguments.key, [arguments.input(), arguments.outputs], &kernels, arguments.default_act()))
}

/// Pools of several sizes side by side.
pub(super) fn spp_block(key: &str, [c1, c2]: [usize; 2], kernels: &[usize], act: Act) -> Block {
    let pools = kernels.iter().map(|&kernel| same_pool(kernel));
    let pools = Block::Concat(std::iter::once(Block::Pass).chain(pools).collect());
    // Itself and the ModuleList.
    Block::module(2, between(key, [c1, c2], kernels.len() + 1, pools, act))
}

/// One pool three times in a chain, which gives the same as pools of three sizes.
fn sppf(arguments: &Arguments) -> Result<Block> {
    let kernel = arguments.odd_kernel(1, 5)?;
    let pools = Block::Cascade { step: Box::new(same_pool(kernel)), times: 3 };
    let channels = [arguments.input(), arguments.outputs];
    Ok(Block::module(1, between(&arguments.key, channels, 4, pools, arguments.default_act())))
}

/// `pools`, which give `parts` times as many channels, between two 1x1 convolutions.
fn between(key: &str, [c1, c2]: [usize; 2], parts: usize, pools: Block, act: Act) -> Block {
    let hidden = c1 / 2;
    let conv =
        |name: &str, c1, c2| Block::Conv(Conv::with_norm(format!("{key}.{name}"), ConvShape::pointwise(c1, c2), act));
    Block::Chain(vec![conv("cv1", c1, hidden), pools, conv("cv2", hidden * parts, c2)])
}

fn same_pool(kernel: usize) -> Block {
    Block::MaxPool(Pool { kernel, stride: 1, padding: kernel / 2 })
}
