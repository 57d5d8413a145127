//! What joins maps and moves pixels: `Concat`, `Contract`, `Expand`; and the head, `Detect`.

use super::{Channels, Definition};
use crate::Result;
use crate::model::block::{Block, Conv, ConvShape};
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[
    Definition {
        name: "Concat",
        path: "models.common.Concat",
        channels: Channels::Joined,
        arguments: &["dimension"],
        build: concat,
    },
    Definition {
        name: "Contract",
        path: "models.common.Contract",
        channels: Channels::Contracted,
        arguments: &["gain"],
        build: contract,
    },
    Definition {
        name: "Expand",
        path: "models.common.Expand",
        channels: Channels::Expanded,
        arguments: &["gain"],
        build: expand,
    },
    Definition {
        name: "Detect",
        path: "models.yolo.Detect",
        channels: Channels::Detect,
        arguments: &["nc", "anchors"],
        build: detect,
    },
];

fn concat(arguments: &Arguments) -> Result<Block> {
    arguments.whole(0, "the dimension (1, channels)", Some(1), 1, 1)?;
    Ok(Block::module(1, Block::Join))
}

fn contract(arguments: &Arguments) -> Result<Block> {
    Ok(Block::module(1, Block::SpaceToDepth { gain: arguments.gain()?, columns_first: false }))
}

fn expand(arguments: &Arguments) -> Result<Block> {
    Ok(Block::module(1, Block::DepthToSpace { gain: arguments.gain()? }))
}

/// `outputs` values for every cell of every source: `anchors * (nc + 5)`.
fn detect(arguments: &Arguments) -> Result<Block> {
    let level = |(level, &c1): (usize, &usize)| {
        Conv::bare(format!("{}.m.{level}", arguments.key), ConvShape::pointwise(c1, arguments.outputs), true)
    };
    let levels = arguments.inputs.iter().enumerate().map(level).collect();
    // Itself and the ModuleList.
    Ok(Block::module(2, Block::Detect(levels)))
}
