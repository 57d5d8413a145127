//! Cross-stage partial modules: `C3` and its kin, `BottleneckCSP`.

use super::bottleneck::Pair;
use super::{Channels, Definition, ghost, pyramid, transformer};
use crate::Result;
use crate::model::block::{Act, Block, Conv, ConvShape};
use crate::model::geometry::{C3TR_HEADS, hidden_channels};
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[
    csp("C3", "models.common.C3", c3),
    csp("C3Ghost", "models.common.C3Ghost", c3_ghost),
    csp("C3x", "models.common.C3x", c3x),
    csp("C3TR", "models.common.C3TR", c3_transformer),
    csp("BottleneckCSP", "models.common.BottleneckCSP", bottleneck_csp),
    Definition {
        name: "C3SPP",
        path: "models.common.C3SPP",
        channels: Channels::Scaled { repeats: false },
        arguments: &["c2", "k", "n", "shortcut", "g", "e"],
        build: c3_spp,
    },
];

const fn csp(name: &'static str, path: &'static str, build: fn(&Arguments) -> Result<Block>) -> Definition {
    let arguments = &["c2", "shortcut", "g", "e"];
    Definition { name, path, channels: Channels::Scaled { repeats: true }, arguments, build }
}

/// What all of them are given.
struct Stage<'a> {
    key: &'a str,
    channels: [usize; 2],
    hidden: usize,
    act: Act,
}

impl<'a> Stage<'a> {
    fn new(arguments: &'a Arguments, expansion: f64) -> Self {
        let channels = [arguments.input(), arguments.outputs];
        let hidden = hidden_channels(arguments.outputs, expansion);
        Self { key: &arguments.key, channels, hidden, act: arguments.default_act() }
    }

    /// `cv3(cat(inner(cv1(x)), cv2(x)))`; `objects` besides those of the parts.
    fn c3(&self, objects: u64, inner: Vec<Block>) -> Block {
        let Self { key, channels: [c1, c2], hidden, act } = *self;
        let conv = |name: &str, c1, c2| {
            Block::Conv(Conv::with_norm(format!("{key}.{name}"), ConvShape::pointwise(c1, c2), act))
        };
        let left = std::iter::once(conv("cv1", c1, hidden)).chain(inner).collect();
        let both = Block::Concat(vec![Block::Chain(left), conv("cv2", c1, hidden)]);
        Block::module(objects, Block::Chain(vec![both, conv("cv3", 2 * hidden, c2)]))
    }

    /// `n` blocks named `m.0`, `m.1` …
    fn repeated(&self, n: usize, inner: impl Fn(&str) -> Block) -> Vec<Block> {
        (0..n).map(|j| inner(&format!("{}.m.{j}", self.key))).collect()
    }

    fn pair(&self, shortcut: bool, groups: usize) -> Pair {
        Pair { channels: [self.hidden; 2], hidden: self.hidden, groups, shortcut, act: self.act }
    }
}

/// Itself and the Sequential.
const C3_OBJECTS: u64 = 2;

fn c3(arguments: &Arguments) -> Result<Block> {
    let (shortcut, groups) = (arguments.truth(1, true)?, arguments.groups(2)?);
    let stage = Stage::new(arguments, arguments.expansion(3, 0.5)?);
    let pair = stage.pair(shortcut, groups);
    Ok(stage.c3(C3_OBJECTS, stage.repeated(arguments.repeats, |key| pair.bottleneck(key))))
}

/// `shortcut` and groups have no effect: a GhostBottleneck always adds its input.
fn c3_ghost(arguments: &Arguments) -> Result<Block> {
    arguments.truth(1, true)?;
    arguments.groups(2)?;
    let stage = Stage::new(arguments, arguments.expansion(3, 0.5)?);
    if arguments.repeats > 0 {
        arguments.check_multiple(stage.hidden, 4)?;
    }
    let inner = |key: &str| ghost::bottleneck_block(key, [stage.hidden; 2], 3, 1, stage.act);
    Ok(stage.c3(C3_OBJECTS, stage.repeated(arguments.repeats, inner)))
}

fn c3x(arguments: &Arguments) -> Result<Block> {
    let (shortcut, groups) = (arguments.truth(1, true)?, arguments.groups(2)?);
    let stage = Stage::new(arguments, arguments.expansion(3, 0.5)?);
    let pair = stage.pair(shortcut, groups);
    Ok(stage.c3(C3_OBJECTS, stage.repeated(arguments.repeats, |key| pair.cross(key, 3, 1))))
}

/// One TransformerBlock of `n` layers, always with four heads. `shortcut` and groups have no effect.
fn c3_transformer(arguments: &Arguments) -> Result<Block> {
    arguments.truth(1, true)?;
    arguments.groups(2)?;
    let stage = Stage::new(arguments, arguments.expansion(3, 0.5)?);
    let key = format!("{}.m", stage.key);
    let channels = [stage.hidden; 2];
    let inner = transformer::block(arguments, &key, channels, C3TR_HEADS, arguments.repeats)?;
    Ok(stage.c3(1, vec![inner]))
}

/// The third argument is the pools' kernels; what follows it (n, shortcut, groups) has no effect, but for the expansion.
fn c3_spp(arguments: &Arguments) -> Result<Block> {
    let kernels = arguments.kernels(1, &[5, 9, 13])?;
    let stage = Stage::new(arguments, arguments.expansion(5, 0.5)?);
    let inner = pyramid::spp_block(&format!("{}.m", stage.key), [stage.hidden; 2], &kernels, stage.act);
    Ok(stage.c3(1, vec![inner]))
}

/// `cv4(silu(bn(cat(cv3(m(cv1(x))), cv2(x)))))`. Its own SiLU stays, whatever the network's default is.
fn bottleneck_csp(arguments: &Arguments) -> Result<Block> {
    let (shortcut, groups) = (arguments.truth(1, true)?, arguments.groups(2)?);
    let stage = Stage::new(arguments, arguments.expansion(3, 0.5)?);
    let Stage { key, channels: [c1, c2], hidden, act } = stage;
    let pair = stage.pair(shortcut, groups);
    let conv =
        |name: &str, c1, c2| Block::Conv(Conv::with_norm(format!("{key}.{name}"), ConvShape::pointwise(c1, c2), act));
    let bare =
        |name: &str, c1| Block::Conv(Conv::bare(format!("{key}.{name}"), ConvShape::pointwise(c1, hidden), false));
    let mut left = vec![conv("cv1", c1, hidden)];
    left.extend(stage.repeated(arguments.repeats, |key| pair.bottleneck(key)));
    left.push(bare("cv3", hidden));
    let norm = Block::BatchNorm { key: format!("{key}.bn"), channels: 2 * hidden, activation: Act::OWN_SILU };
    let both = Block::Concat(vec![Block::Chain(left), bare("cv2", c1)]);
    // Itself and the Sequential.
    Ok(Block::module(2, Block::Chain(vec![both, norm, conv("cv4", 2 * hidden, c2)])))
}
