//! Counts what blocks are made of, and follows a map's size and channels through them.

use super::activation::Activation;
use super::block::{Act, ActObject, Attention, Block, Conv, ConvShape, ConvTranspose, Linear, Pool, UpsampleMode};
use super::geometry::{Size, transposed_output, window_output};
use super::graph::{Graph, Row, Source};

/// What was counted. Operations are the reference's (thop 0.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpCount {
    /// PyTorch modules.
    pub layers: u64,
    /// Trained values.
    pub parameters: u64,
    /// One per multiply-add of a convolution.
    pub convolution: u64,
    /// One per multiply-add of a matrix, attention's own not counted.
    pub linear: u64,
    /// Four per element of a batch norm.
    pub norm: u64,
    /// One per element of an upsampled map (11 where it is interpolated), of a mean, or of a trained activation.
    pub resize: u64,
    /// Whether the shared activation is used.
    pub meets_default: bool,
}

impl OpCount {
    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        let sum = |a: &mut u64, b: u64| *a = a.saturating_add(b);
        sum(&mut self.layers, other.layers);
        sum(&mut self.parameters, other.parameters);
        sum(&mut self.convolution, other.convolution);
        sum(&mut self.linear, other.linear);
        sum(&mut self.norm, other.norm);
        sum(&mut self.resize, other.resize);
    }
}

/// A map: its channels, height and width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    pub channels: usize,
    pub size: Size,
}

impl Map {
    fn elements(&self) -> u64 {
        product(&[self.channels, self.size[0], self.size[1]])
    }
}

/// Largest side a map may have.
const MAX_SIDE: usize = 1 << 16;

pub(crate) struct Profiler {
    fused: bool,
    /// Whether the row met an activation that its arguments name.
    meets_own: bool,
    /// Convolutions followed by the shared activation, and the elements of their outputs.
    pub default_uses: [u64; 2],
    pub count: OpCount,
    /// The first thing that does not fit together.
    pub problem: Option<String>,
}

impl Profiler {
    pub fn new(fused: bool) -> Self {
        let count = OpCount::default();
        Self { fused, meets_own: false, default_uses: [0; 2], count, problem: None }
    }

    /// Whether any convolution so far uses the shared activation.
    pub fn uses_default(&self) -> bool {
        self.default_uses[0] > 0
    }

    /// Counts a row; returns what leaves it. `count` is that row's afterwards.
    pub fn row(&mut self, row: &Row, default: Activation, inputs: &[Map]) -> Map {
        self.count = OpCount::default();
        self.meets_own = false;
        // The Sequential.
        self.count.layers += u64::from(row.copies.len() > 1);
        let mut out = inputs.first().copied().unwrap_or(Map { channels: 0, size: [1, 1] });
        for (copy, block) in row.copies.iter().enumerate() {
            out = if copy == 0 { self.several(block, inputs) } else { self.block(block, out) };
        }
        self.count.layers += u64::from(self.meets_own);
        // A trained slope is shared by all rows, and counted in each.
        self.count.parameters += u64::from(self.count.meets_default && default == Activation::Prelu);
        out
    }

    /// A block that may take several inputs.
    fn several(&mut self, block: &Block, inputs: &[Map]) -> Map {
        let first = inputs.first().copied().unwrap_or(Map { channels: 0, size: [1, 1] });
        match block {
            Block::Module { objects, body } => {
                self.count.layers += objects;
                self.several(body, inputs)
            }
            Block::Join => {
                if let Some(other) = inputs.iter().find(|other| other.size != first.size) {
                    let ([h, w], [oh, ow]) = (first.size, other.size);
                    self.fail(|| format!("Concat needs maps of one size, these are {w}x{h} and {ow}x{oh}"));
                }
                Map { channels: inputs.iter().map(|map| map.channels).sum(), ..first }
            }
            Block::Detect(levels) => {
                for (level, input) in levels.iter().zip(inputs) {
                    self.conv(level, *input);
                }
                first
            }
            other => self.block(other, first),
        }
    }

    fn block(&mut self, block: &Block, input: Map) -> Map {
        match block {
            Block::Pass => input,
            Block::Conv(conv) => self.conv(conv, input),
            Block::Ghost { primary, cheap } => {
                let half = self.conv(primary, input);
                let other = self.conv(cheap, half);
                Map { channels: half.channels + other.channels, ..half }
            }
            Block::ConvTranspose(transposed) => self.transposed(transposed, input),
            Block::BatchNorm { channels, activation, .. } => {
                self.expect(*channels, input.channels);
                self.count.layers += 1;
                self.norm(input);
                self.act(*activation, input);
                input
            }
            Block::Linear(linear) => self.linear(linear, input),
            Block::Attention(attention) => self.attention(attention, input),
            Block::Activation { act, .. } => self.activation(*act, input),
            Block::MaxPool(pool) => self.pool(pool, input),
            Block::AvgPool(pool) => {
                let out = self.pool(pool, input);
                self.add(|count| &mut count.resize, out.elements());
                out
            }
            &Block::ZeroPad([left, right, top, bottom]) => {
                self.count.layers += 1;
                let [height, width] = input.size;
                Map { size: self.bounded([height + top + bottom, width + left + right]), ..input }
            }
            Block::Upsample { scale, mode } => self.upsample(*scale, mode, input),
            Block::SpaceToDepth { gain, .. } => self.space_to_depth(*gain, input),
            Block::DepthToSpace { gain } => self.depth_to_space(*gain, input),
            Block::Chain(blocks) => blocks.iter().fold(input, |map, block| self.block(block, map)),
            Block::Sum { body, shortcut } => self.sum(body, shortcut, input),
            Block::Concat(blocks) => self.concat(blocks, input),
            Block::Cascade { step, times } => {
                if self.block(step, input) != input {
                    self.fail(|| "what is repeated must keep the size of its map".into());
                }
                Map { channels: input.channels * (times + 1), ..input }
            }
            Block::Module { objects, body } => {
                self.count.layers += objects;
                self.block(body, input)
            }
            Block::Join | Block::Detect(_) => self.several(block, &[input]),
        }
    }

    fn linear(&mut self, linear: &Linear, input: Map) -> Map {
        let [c1, c2] = linear.channels;
        self.expect(c1, input.channels);
        self.count.layers += 1;
        self.parameters(product(&[c1, c2]) + if linear.bias { c2 as u64 } else { 0 });
        let out = Map { channels: c2, ..input };
        self.add(|count| &mut count.linear, out.elements().saturating_mul(c1 as u64));
        out
    }

    fn attention(&mut self, attention: &Attention, input: Map) -> Map {
        let c = attention.channels;
        self.expect(c, input.channels);
        // Three matrices, the attention and its last matrix.
        self.count.layers += 5;
        self.parameters(product(&[7 * c, c]) + 4 * c as u64);
        let [height, width] = input.size;
        self.add(|count| &mut count.linear, product(&[3 * c, c, height, width]));
        input
    }

    /// An activation that is a block of its own.
    fn activation(&mut self, act: Act, input: Map) -> Map {
        self.act(act, input);
        if act.function == Activation::Prelu {
            self.parameters(1);
            self.add(|count| &mut count.resize, input.elements());
        }
        input
    }

    fn pool(&mut self, pool: &Pool, input: Map) -> Map {
        self.count.layers += 1;
        let size = self.windows(input.size, [pool.kernel; 2], [pool.stride; 2], [pool.padding; 2], 1);
        Map { size, ..input }
    }

    fn upsample(&mut self, scale: usize, mode: &UpsampleMode, input: Map) -> Map {
        self.count.layers += 1;
        let out = Map { size: self.bounded(input.size.map(|side| side.saturating_mul(scale))), ..input };
        let each = if *mode == UpsampleMode::Bilinear { 11 } else { 1 };
        self.add(|count| &mut count.resize, out.elements().saturating_mul(each));
        out
    }

    fn space_to_depth(&mut self, gain: usize, Map { channels, size }: Map) -> Map {
        if size.iter().any(|side| !side.is_multiple_of(gain)) {
            self.fail(|| format!("a map of {}x{} can't be divided by {gain}", size[1], size[0]));
        }
        Map { channels: channels * gain * gain, size: size.map(|side| (side / gain).max(1)) }
    }

    fn depth_to_space(&mut self, gain: usize, Map { channels, size }: Map) -> Map {
        if !channels.is_multiple_of(gain * gain) {
            self.fail(|| format!("{channels} channels can't be divided by {gain}x{gain}"));
        }
        let size = self.bounded(size.map(|side| side.saturating_mul(gain)));
        Map { channels: channels / (gain * gain), size }
    }

    fn sum(&mut self, body: &Block, shortcut: &Block, input: Map) -> Map {
        let (body, shortcut) = (self.block(body, input), self.block(shortcut, input));
        if body != shortcut {
            let text = |map: Map| format!("{}x{}x{}", map.channels, map.size[0], map.size[1]);
            self.fail(|| format!("maps of {} and {} can't be added", text(body), text(shortcut)));
        }
        body
    }

    fn concat(&mut self, blocks: &[Block], input: Map) -> Map {
        let parts: Vec<Map> = blocks.iter().map(|block| self.block(block, input)).collect();
        let size = parts.first().map_or(input.size, |part| part.size);
        if parts.iter().any(|part| part.size != size) {
            self.fail(|| "the parts that are joined have different sizes".into());
        }
        Map { channels: parts.iter().map(|part| part.channels).sum(), size }
    }

    fn transposed(&mut self, transposed: &ConvTranspose, Map { channels, size }: Map) -> Map {
        let shape = &transposed.shape;
        self.count.layers += 1;
        self.check_channels(shape, channels);
        let mut out = [1, 1];
        for axis in 0..2 {
            let [k, s, p] = [shape.kernel[axis], shape.stride[axis], shape.padding[axis]];
            match transposed_output(size[axis], k, s, p, shape.dilation, transposed.output_padding) {
                Some(side) => out[axis] = side,
                None => self.fail(|| format!("nothing is left of a map of {} pixels", size[axis])),
            }
        }
        let out = self.bounded(out);
        let [c1, per_group, kh, kw] = transposed.weight_shape();
        let c2 = shape.channels[1];
        self.parameters(product(&[c1, per_group, kh, kw]) + if transposed.bias { c2 as u64 } else { 0 });
        if transposed.counted {
            // thop takes the input channels of a group.
            let each = product(&[c1 / shape.groups.max(1), kh, kw]);
            self.add(|count| &mut count.convolution, product(&[c2, out[0], out[1]]).saturating_mul(each));
        }
        Map { channels: c2, size: out }
    }

    fn conv(&mut self, conv: &Conv, input: Map) -> Map {
        let shape = &conv.shape;
        self.check_channels(shape, input.channels);
        let size = self.windows(input.size, shape.kernel, shape.stride, shape.padding, shape.dilation);
        let out = Map { channels: shape.channels[1], size };
        let [c2, per_group, kh, kw] = shape.weight_shape();
        let each = product(&[per_group, kh, kw]);
        let bias = conv.bias || conv.norm && self.fused;
        self.count.layers += 1;
        self.parameters(each.saturating_mul(c2 as u64).saturating_add(if bias { c2 as u64 } else { 0 }));
        self.add(|count| &mut count.convolution, product(&[c2, size[0], size[1]]).saturating_mul(each));
        if conv.norm {
            // The module around it.
            self.count.layers += 1;
            if !self.fused {
                self.count.layers += 1;
                self.norm(out);
            }
        }
        self.act(conv.act, out);
        out
    }

    fn norm(&mut self, map: Map) {
        self.parameters(2 * map.channels as u64);
        self.add(|count| &mut count.norm, product(&[4, map.channels, map.size[0], map.size[1]]));
    }

    fn act(&mut self, act: Act, map: Map) {
        match act.object {
            ActObject::Absent => {}
            ActObject::Default => {
                self.count.meets_default = true;
                let [uses, elements] = &mut self.default_uses;
                *uses += 1;
                *elements = elements.saturating_add(map.elements());
            }
            ActObject::Identity | ActObject::Own => self.count.layers += 1,
            ActObject::Row => {
                let first = !std::mem::replace(&mut self.meets_own, true);
                self.parameters(u64::from(first && act.function == Activation::Prelu));
            }
        }
    }

    fn check_channels(&mut self, shape: &ConvShape, channels: usize) {
        let ConvShape { channels: [c1, c2], groups, .. } = *shape;
        self.expect(c1, channels);
        if c1 == 0 || c2 == 0 {
            self.fail(|| format!("a convolution from {c1} to {c2} channels: nothing is left"));
        } else if groups == 0 || !c1.is_multiple_of(groups) || !c2.is_multiple_of(groups) {
            self.fail(|| format!("{groups} groups don't divide {c1} and {c2} channels"));
        }
    }

    fn expect(&mut self, expected: usize, channels: usize) {
        if expected != channels {
            self.fail(|| format!("it is made for {expected} channels, its source gives {channels}"));
        }
    }

    /// The size after sliding a window.
    fn windows(&mut self, size: Size, kernel: Size, stride: Size, padding: Size, dilation: usize) -> Size {
        let mut out = [1, 1];
        for axis in 0..2 {
            match window_output(size[axis], kernel[axis], stride[axis], padding[axis], dilation) {
                Some(side) => out[axis] = side,
                None => self.fail(|| {
                    format!("a window of {} doesn't fit in a map of {} pixels", kernel[axis] * dilation, size[axis])
                }),
            }
        }
        self.bounded(out)
    }

    fn bounded(&mut self, size: Size) -> Size {
        if size.iter().any(|side| !(1..=MAX_SIDE).contains(side)) {
            self.fail(|| format!("a map of {}x{} (sides from 1 to {MAX_SIDE} are supported)", size[1], size[0]));
        }
        size.map(|side| side.clamp(1, MAX_SIDE))
    }

    fn parameters(&mut self, count: u64) {
        self.add(|sum| &mut sum.parameters, count);
    }

    fn add(&mut self, which: impl FnOnce(&mut OpCount) -> &mut u64, value: u64) {
        let sum = which(&mut self.count);
        *sum = sum.saturating_add(value);
    }

    fn fail(&mut self, problem: impl FnOnce() -> String) {
        self.problem.get_or_insert_with(problem);
    }
}

/// What leaves each row so far; the inputs of `row` among them.
pub(crate) fn inputs_of(row: &Row, image: Map, maps: &[Map]) -> Vec<Map> {
    let nothing = Map { channels: 0, size: [1, 1] };
    let map = |source: &Source| match source {
        Source::Input => image,
        Source::Row(row) => maps.get(*row).copied().unwrap_or(nothing),
    };
    row.sources.iter().map(map).collect()
}

/// Counts all rows for square images of `side` pixels: one count a row, and the profiler for what goes beyond rows.
pub(crate) fn profile(graph: &Graph, side: usize, fused: bool) -> (Vec<OpCount>, Profiler) {
    let image = Map { channels: graph.input_channels, size: [side; 2] };
    let mut profiler = Profiler::new(fused);
    let mut maps: Vec<Map> = Vec::with_capacity(graph.rows.len());
    let mut counts = Vec::with_capacity(graph.rows.len());
    for row in &graph.rows {
        let inputs = inputs_of(row, image, &maps);
        maps.push(profiler.row(row, graph.activation, &inputs));
        counts.push(profiler.count);
    }
    (counts, profiler)
}

fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product: u64, factor| product.saturating_mul(*factor as u64))
}
