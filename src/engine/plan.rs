//! The program for one picture size: sizes of all maps, and where each lies in one arena.

use super::program::{INPUT, OpKind, Program, ValueId};
use crate::model::geometry::{Size, transposed_output, window_output};
use crate::{Error, ErrorKind, Result};
use ghostdet_kernels::READ_PADDING;

/// No map may have more values than this (1 GiB in fp32).
const MAX_VALUES: usize = 1 << 28;

/// The memory layout of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `[y][x][channel]`: the CPU's.
    ChannelsLast,
    /// `[channel / 4][y][x][channel % 4]`, the last block padded: the GPU's, whose neighbouring threads differ in `x`.
    Blocks,
}

/// What stays readable after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retain {
    /// The inputs of the detect heads. Raw output maps get no buffer; candidates are computed from the head inputs on
    /// demand.
    Candidates,
    /// The raw maps of the detect levels.
    Maps,
    /// The output of every row.
    Rows,
}

/// Where the map of a value is in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferView {
    /// The first float in the arena. With [`Layout::Blocks`] it is that of the outermost value.
    pub start: usize,
    /// The first channel within the outermost value.
    pub offset: usize,
    /// Height of the map.
    pub height: usize,
    /// Width of the map.
    pub width: usize,
    /// Channels of the value.
    pub channels: usize,
    /// Floats from one pixel to the next: the channels of the outermost value.
    pub stride: usize,
}

/// The memory plan of a program for one input size.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Height and width of the input.
    pub size: [usize; 2],
    /// What stays readable after a run.
    pub retain: Retain,
    /// One view per value.
    pub views: Vec<BufferView>,
    /// Floats of the arena.
    pub arena: usize,
    /// Floats that all buffers would take if none shared memory.
    pub without_reuse: usize,
    /// The first two operations run fused, some rows at a time: the input and the map between them have no buffer.
    pub fuses_stem: bool,
}

impl Plan {
    /// Plans `program` for inputs of `[height, width]`: buffers share memory unless [`Retain::Rows`] keeps all of them.
    ///
    /// # Errors
    /// Sides that don't fit the network, maps that a concatenation can't join, maps beyond 2^28 values.
    pub fn new(program: &Program, size: [usize; 2], layout: Layout, retain: Retain) -> Result<Self> {
        let sizes = map_sizes(program, size)?;
        let mut lives = lifetimes(program, retain);
        let fuses_stem =
            layout == Layout::ChannelsLast && retain != Retain::Rows && begins_with_two_convolutions(program);
        if fuses_stem {
            lives[INPUT] = None;
            lives[program.ops[0].output] = None;
        }
        let mut starts = vec![0; program.values.len()];
        let mut order: Vec<ValueId> = (0..program.values.len()).filter(|&v| lives[v].is_some()).collect();
        let floats = |v: ValueId| {
            let channels = program.values[v].channels;
            match layout {
                Layout::ChannelsLast => sizes[v][0] * sizes[v][1] * channels + READ_PADDING,
                Layout::Blocks => sizes[v][0] * sizes[v][1] * channels.next_multiple_of(4),
            }
        };
        order.sort_by_key(|&v| (std::cmp::Reverse(floats(v)), v));
        let mut placed: Vec<(usize, usize, [usize; 2])> = Vec::new();
        let mut arena = 0;
        for &v in &order {
            let (need, life) = (floats(v), lives[v].unwrap_or_default());
            let mut taken: Vec<(usize, usize)> = placed
                .iter()
                .filter(|(_, _, other)| other[0] <= life[1] && life[0] <= other[1])
                .map(|&(start, end, _)| (start, end))
                .collect();
            taken.sort_unstable();
            let mut start = 0;
            for (from, to) in taken {
                if start + need <= from {
                    break;
                }
                start = start.max(to);
            }
            starts[v] = start;
            placed.push((start, start + need, life));
            arena = arena.max(start + need);
        }
        let views = (0..program.values.len())
            .map(|v| {
                let (root, offset) = program.root(v);
                let [height, width] = sizes[root];
                let stride = program.values[root].channels;
                let start = starts[root] + if layout == Layout::ChannelsLast { offset } else { 0 };
                BufferView { start, offset, height, width, channels: program.values[v].channels, stride }
            })
            .collect();
        let without_reuse = order.iter().map(|&v| floats(v)).sum();
        Ok(Self { size, retain, views, arena, without_reuse, fuses_stem })
    }
}

impl Plan {
    /// `[height, width]` of each detect map.
    pub fn map_sizes(&self, program: &Program) -> Vec<[usize; 2]> {
        program.outputs.iter().map(|&v| [self.views[v].height, self.views[v].width]).collect()
    }
}

/// Whether the program begins with two chained dense convolutions, and nothing else reads the input or the map between them.
fn begins_with_two_convolutions(program: &Program) -> bool {
    let [first, second, rest @ ..] = &program.ops[..] else { return false };
    let dense = |op: &super::program::Op| match &op.kind {
        OpKind::Conv { shape, .. } => {
            (shape.groups == 1 || shape.channels != [shape.groups; 2])
                && op.residual.is_none()
                && op.upsampled_addend.is_none()
        }
        _ => false,
    };
    let between = first.output;
    let touches = |v: ValueId| v == INPUT || program.root(v).0 == between;
    let reads = |op: &super::program::Op| {
        touches(op.input)
            || op.residual.is_some_and(touches)
            || op.upsampled_addend.is_some_and(|addend| touches(addend.value))
    };
    dense(first)
        && dense(second)
        && first.input == INPUT
        && second.input == between
        && program.values[between].parent.is_none()
        && program.root(second.output).0 != between
        && !program.outputs.iter().any(|&v| touches(v))
        && !rest.iter().any(|op| reads(op) || touches(op.output))
}

fn map_sizes(program: &Program, size: [usize; 2]) -> Result<Vec<[usize; 2]>> {
    let mut sizes: Vec<Option<[usize; 2]>> = vec![None; program.values.len()];
    sizes[program.root(super::program::INPUT).0] = Some(size);
    for op in &program.ops {
        let root = program.root(op.input).0;
        let input = sizes[root]
            .ok_or_else(|| Error::new(ErrorKind::Config, format!("row {} reads a map that nothing wrote", op.row)))?;
        let output = output_size(&op.kind, input)
            .filter(|[h, w]| *h > 0 && *w > 0)
            .ok_or_else(|| misfit(op.row, op.kind.name(), input))?;
        let target = program.root(op.output).0;
        match sizes[target] {
            Some(known) if known != output => {
                return Err(joins(op.row, Some(known), output));
            }
            _ => sizes[target] = Some(output),
        }
        let values = output[0].checked_mul(output[1]).and_then(|n| n.checked_mul(program.values[target].channels));
        if values.is_none_or(|n| n > MAX_VALUES) {
            return Err(Error::new(ErrorKind::Argument, format!("row {} would need a map of over 1 GiB", op.row))
                .hint("use a smaller picture size"));
        }
        if let Some(addend) = op.upsampled_addend
            && sizes[program.root(addend.value).0].map(|side| side.map(|n| n * addend.scale)) != Some(output)
        {
            return Err(joins(
                op.row,
                sizes[program.root(addend.value).0].map(|side| side.map(|n| n * addend.scale)),
                output,
            ));
        }
        if let Some(residual) = op.residual
            && sizes[program.root(residual).0] != Some(output)
        {
            return Err(misfit(op.row, "residual addition", output));
        }
    }
    Ok(sizes.into_iter().map(|s| s.unwrap_or([0, 0])).collect())
}

fn joins(row: usize, one: Option<[usize; 2]>, [h, w]: [usize; 2]) -> Error {
    let [oh, ow] = one.unwrap_or_default();
    Error::new(ErrorKind::Config, format!("row {row} joins maps of {ow}x{oh} and {w}x{h} pixels"))
        .hint("picture sides must be multiples of the largest stride")
}

fn misfit(row: usize, what: &str, [h, w]: [usize; 2]) -> Error {
    Error::new(ErrorKind::Argument, format!("row {row}: {what} does not fit a map of {w}x{h} pixels"))
        .hint("picture sides must be multiples of the largest stride")
}

fn output_size(kind: &OpKind, [h, w]: Size) -> Option<Size> {
    let square = |kernel, stride, padding| {
        Some([window_output(h, kernel, stride, padding, 1)?, window_output(w, kernel, stride, padding, 1)?])
    };
    match kind {
        OpKind::Conv { shape: c, .. } | OpKind::FusedGhostDepthwise { shape: c, .. } => Some([
            window_output(h, c.kernel[0], c.stride[0], c.padding[0], c.dilation)?,
            window_output(w, c.kernel[1], c.stride[1], c.padding[1], c.dilation)?,
        ]),
        OpKind::ConvTranspose { shape: c, output_padding, .. } => {
            let side =
                |n: usize| transposed_output(n, c.kernel[0], c.stride[0], c.padding[0], c.dilation, *output_padding);
            Some([side(h)?, side(w)?])
        }
        &OpKind::MaxPool { kernel, stride, padding } | &OpKind::AvgPool { kernel, stride, padding } => {
            square(kernel, stride, padding)
        }
        &OpKind::ZeroPad { sides: [left, right, top, bottom] } => Some([h + top + bottom, w + left + right]),
        &OpKind::Upsample { scale, .. } => Some([h * scale, w * scale]),
        &OpKind::SpaceToDepth { gain, .. } => (h % gain == 0 && w % gain == 0).then_some([h / gain, w / gain]),
        &OpKind::DepthToSpace { gain } => Some([h * gain, w * gain]),
        OpKind::Attention { .. } | OpKind::Affine { .. } | OpKind::Copy => Some([h, w]),
    }
}

/// The first and the last operation that uses each outermost value.
fn lifetimes(program: &Program, retain: Retain) -> Vec<Option<[usize; 2]>> {
    let mut lives: Vec<Option<[usize; 2]>> = vec![None; program.values.len()];
    let mut touch = |value: ValueId, at: usize| {
        let life = lives[program.root(value).0].get_or_insert([at, at]);
        *life = [life[0].min(at), life[1].max(at)];
    };
    touch(super::program::INPUT, 0);
    for (at, op) in program.ops.iter().enumerate() {
        touch(op.input, at);
        touch(op.output, at);
        op.residual.into_iter().for_each(|r| touch(r, at));
        op.upsampled_addend.into_iter().for_each(|c| touch(c.value, at));
    }
    let last = program.ops.len();
    match retain {
        Retain::Candidates => {
            let heads: Vec<ValueId> =
                program.ops.iter().filter(|op| program.outputs.contains(&op.output)).map(|op| op.input).collect();
            heads.into_iter().for_each(|v| touch(v, last));
        }
        Retain::Maps | Retain::Rows => program.outputs.iter().for_each(|&v| touch(v, last)),
    }
    if retain == Retain::Candidates {
        program.outputs.iter().for_each(|&v| lives[program.root(v).0] = None);
    }
    if retain == Retain::Rows {
        lives.iter_mut().flatten().for_each(|life| *life = [0, last]);
    }
    lives
}
