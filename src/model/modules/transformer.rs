//! Attention: `TransformerLayer`, `TransformerBlock` (Vaswani et al. 2017, without layer norms).

use super::{Channels, Definition};
use crate::Result;
use crate::model::block::{Attention, Block, Conv, ConvShape, Linear};
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: "TransformerBlock",
    path: "models.common.TransformerBlock",
    channels: Channels::Same,
    arguments: &["c1", "c2", "num_heads", "num_layers"],
    build: transformer_block,
}];

/// Takes a sequence, here the pixels of a map: no row can be one.
pub(super) const PARTS: &[Definition] = &[Definition {
    name: "TransformerLayer",
    path: "models.common.TransformerLayer",
    channels: Channels::Same,
    arguments: &["c", "num_heads"],
    build: transformer_layer,
}];

/// Most layers of one block.
const MAX_LAYERS: usize = 64;

fn transformer_block(arguments: &Arguments) -> Result<Block> {
    let channels = [arguments.channels(0, "the input channels")?, arguments.channels(1, "the output channels")?];
    let heads = arguments.whole(2, "the number of heads", None, 1, 4096)?;
    let layers = arguments.whole(3, "the number of layers", None, 1, MAX_LAYERS)?;
    block(arguments, &arguments.key, channels, heads, layers)
}

fn transformer_layer(arguments: &Arguments) -> Result<Block> {
    let channels = arguments.channels(0, "the channels")?;
    let heads = arguments.whole(1, "the number of heads", None, 1, 4096)?;
    check_heads(arguments, channels, heads)?;
    Ok(layer(&arguments.key, channels, heads))
}

/// A 1x1 convolution where the channels change, `p + linear(p)` as the embedding of positions, then `layers` layers.
pub(super) fn block(
    arguments: &Arguments,
    key: &str,
    [c1, c2]: [usize; 2],
    heads: usize,
    layers: usize,
) -> Result<Block> {
    check_heads(arguments, c2, heads)?;
    let mut parts = Vec::with_capacity(layers + 2);
    if c1 != c2 {
        let conv = Conv::with_norm(format!("{key}.conv"), ConvShape::pointwise(c1, c2), arguments.default_act());
        parts.push(Block::Conv(conv));
    }
    parts.push(Block::residual(linear(format!("{key}.linear"), c2, true)));
    parts.extend((0..layers).map(|l| layer(&format!("{key}.tr.{l}"), c2, heads)));
    // Itself and the Sequential.
    Ok(Block::module(2, Block::Chain(parts)))
}

/// `x + attention(x)`, then `x + fc2(fc1(x))`.
fn layer(key: &str, channels: usize, heads: usize) -> Block {
    let attention = Block::Attention(Attention { key: key.to_owned(), channels, heads });
    let forward = Block::Chain(["fc1", "fc2"].map(|name| linear(format!("{key}.{name}"), channels, false)).into());
    Block::module(1, Block::Chain(vec![Block::residual(attention), Block::residual(forward)]))
}

fn linear(key: String, channels: usize, bias: bool) -> Block {
    Block::Linear(Linear { key, channels: [channels; 2], bias })
}

fn check_heads(arguments: &Arguments, channels: usize, heads: usize) -> Result<()> {
    if channels > 0 && channels.is_multiple_of(heads) {
        return Ok(());
    }
    let message = format!("{}: {heads} attention heads do not divide {channels} channels", arguments.module);
    Err(arguments
        .error(message)
        .hint(format!("choose output channels so that the attention gets a multiple of {heads}")))
}
