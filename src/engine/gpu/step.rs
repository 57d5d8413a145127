//! Operations of the program as dispatches of shaders.

use super::wgsl::{self, GROUP, Spread, Tile, Unit};
use super::{Tuning, pack};
use crate::engine::plan::{Place, Plan};
use crate::engine::program::{ConvShape, Op, OpKind, Program, ValueId};
use crate::model::Activation;

/// A dispatch.
#[derive(Clone, Debug)]
pub struct Step {
    /// The operation it belongs to.
    pub op: usize,
    /// The shader's text.
    pub shader: String,
    /// Values of [`wgsl::PARAMETERS`].
    pub parameters: [u32; 16],
    /// Workgroups.
    pub groups: [u32; 2],
}

/// The parameters that most shaders need.
struct Call {
    threads: usize,
    input: Place,
    output: Place,
    residual: Option<Place>,
    coarse: Option<(Place, usize)>,
    /// Channels added to the output's offset.
    behind: usize,
}

impl Call {
    fn step(&self, op: usize, unit: Unit, shader: String) -> Step {
        let width = unit.channels();
        // Blocks begin at `at + off * hw`; for scalars `at` is the map's first value.
        let begin = |place: &Place, extra: usize| {
            let (start, offset) = (place.start / width, (place.offset + extra) / width);
            match unit {
                Unit::Block | Unit::Half | Unit::Native => [start + offset * place.height * place.width, 0],
                Unit::Scalar => [start, offset],
            }
        };
        let [in_at, in_off] = begin(&self.input, 0);
        let [out_at, out_off] = begin(&self.output, self.behind);
        let [res_at, res_off] = self.residual.as_ref().map_or([0, 0], |place| begin(place, self.behind));
        let coarse_at = self.coarse.as_ref().map_or(0, |(place, _)| begin(place, 0)[0]);
        let units = |place: &Place| place.channels.div_ceil(width);
        let (i, o) = (&self.input, &self.output);
        let values = [
            self.threads,
            in_at,
            in_off,
            i.height,
            i.width,
            units(i),
            out_at,
            out_off,
            o.height,
            o.width,
            units(o),
            res_at,
            res_off,
            coarse_at,
            self.coarse.as_ref().map_or(0, |(place, _)| place.width),
            self.coarse.as_ref().map_or(0, |(place, _)| place.height * place.width),
        ];
        Step { op, shader, parameters: values.map(|v| v as u32), groups: groups(self.threads) }
    }
}

impl Call {
    /// `tiles` threads for each of `rows` groups of outputs, dealt out as `spread` says.
    fn tiled(self, op: usize, unit: Unit, shader: String, [tiles, rows]: [usize; 2], spread: Spread) -> Step {
        match spread {
            Spread::Packed => Self { threads: tiles * rows, ..self }.step(op, unit, shader),
            Spread::Rows { group, .. } => {
                let step = Self { threads: tiles, ..self }.step(op, unit, shader);
                Step { groups: [(tiles as u32).div_ceil(group), rows as u32], ..step }
            }
        }
    }
}

/// Workgroups for `threads`, within WebGPU's 65535 a dimension.
pub fn groups(threads: usize) -> [u32; 2] {
    let groups = (threads as u32).div_ceil(GROUP).max(1);
    let x = groups.min(65535);
    [x, groups.div_ceil(x)]
}

/// Whether `value` begins at a block and shares no block with a neighbour.
pub fn aligned(program: &Program, value: ValueId) -> bool {
    let (root, offset) = program.root(value);
    offset.is_multiple_of(4) && (root == value || program.values[value].channels.is_multiple_of(4))
}

/// What an operation's map is handled in.
pub fn unit_of(program: &Program, op: &Op) -> Unit {
    let values = [op.input, op.output].into_iter().chain(op.residual).chain(op.coarse.map(|c| c.value));
    let whole = match &op.kind {
        OpKind::SpaceToDepth { .. } => program.values[op.input].channels.is_multiple_of(4),
        OpKind::DepthToSpace { .. } => program.values[op.output].channels.is_multiple_of(4),
        OpKind::GhostTail { shape, .. } => shape.channels[0].is_multiple_of(4),
        _ => true,
    };
    if whole && values.into_iter().all(|v| aligned(program, v)) { Unit::Block } else { Unit::Scalar }
}

/// Whether operation `index` runs value by value.
pub fn needs_values(program: &Program, index: usize) -> bool {
    let op = &program.ops[index];
    match &op.kind {
        OpKind::Conv { shape, .. } => matches!(path(shape, unit_of(program, op)), Path::Plain),
        OpKind::GhostTail { shape, .. } => !matches!(path(shape, unit_of(program, op)), Path::Depthwise),
        OpKind::ConvTranspose { .. } => true,
        _ => false,
    }
}

/// Whether the fast shaders know this convolution.
enum Path {
    Dense,
    Depthwise,
    Plain,
}

fn path(shape: &ConvShape, unit: Unit) -> Path {
    match unit {
        Unit::Block if shape.groups == 1 => Path::Dense,
        Unit::Block if shape.channels == [shape.groups; 2] => Path::Depthwise,
        _ => Path::Plain,
    }
}

fn tile(shape: &ConvShape, tuning: Tuning, output: &Place) -> Tile {
    let blocks = tuning.blocks_of(shape.channels[1]);
    let groups = shape.channels[1].div_ceil(4 * blocks);
    let (width, others) =
        if shape.is_flat() { (output.height * output.width, groups) } else { (output.width, output.height * groups) };
    Tile { pixels: tuning.pixels(width, others), blocks }
}

/// Weights of operation `index` as its shader reads them.
pub fn weights(program: &Program, index: usize, tuning: Tuning) -> Vec<f32> {
    let op = &program.ops[index];
    let unit = unit_of(program, op);
    match &op.kind {
        OpKind::Conv { shape, weights, .. } | OpKind::GhostTail { shape, weights, .. } => match path(shape, unit) {
            Path::Dense => pack::dense(shape, weights, Tile { pixels: 1, blocks: tuning.blocks_of(shape.channels[1]) }),
            Path::Depthwise => pack::depthwise(shape, weights),
            Path::Plain => pack::plain(weights),
        },
        OpKind::ConvTranspose { weights, .. } => pack::plain(weights),
        OpKind::Affine { scale, bias, .. } => pack::affine(unit, scale, bias),
        _ => Vec::new(),
    }
}

/// Whether the cells of this detect level can be picked on the GPU.
pub fn pickable(program: &Program, index: usize) -> bool {
    let op = &program.ops[index];
    matches!(&op.kind, OpKind::Conv { shape, .. } if shape.groups == 1 && shape.kernel == [1, 1])
        && aligned(program, op.input)
}

/// The dispatches of operation `index`.
pub fn steps(program: &Program, plan: &Plan, index: usize, tuning: Tuning) -> Vec<Step> {
    let op = &program.ops[index];
    let unit = unit_of(program, op);
    let (input, output) = (plan.places[op.input], plan.places[op.output]);
    let residual = op.residual.map(|r| plan.places[r]);
    let pixels = output.height * output.width;
    let each = |unit: Unit| output.channels.div_ceil(unit.channels()) * pixels;
    let stored = tuning.stored(unit);
    let coarse = op.coarse.map(|c| (plan.places[c.value], c.scale));
    let call = Call { threads: each(unit), input, output, residual, coarse, behind: 0 };
    let one = |shader: String| vec![call.step(index, stored, shader)];
    match &op.kind {
        OpKind::Conv { shape, activation, .. } => match path(shape, unit) {
            Path::Dense => {
                let tile = tile(shape, tuning, &output);
                let tiles = match shape.is_flat() {
                    true => pixels.div_ceil(tile.pixels),
                    false => output.height * output.width.div_ceil(tile.pixels),
                };
                let scale = op.coarse.map(|c| c.scale);
                let spread = tuning.spread(tiles);
                let shader = wgsl::dense(stored, shape, *activation, residual.is_some(), scale, tile, spread);
                vec![call.tiled(index, stored, shader, [tiles, shape.channels[1].div_ceil(4 * tile.blocks)], spread)]
            }
            Path::Depthwise => vec![depthwise(shape, *activation, false, call, index, tuning)],
            Path::Plain => {
                let shader = wgsl::general(shape, *activation, residual.is_some(), op.coarse.map(|c| c.scale));
                vec![Call { threads: each(Unit::Scalar), ..call }.step(index, Unit::Scalar, shader)]
            }
        },
        OpKind::GhostTail { shape, activation, .. } => match path(shape, unit) {
            Path::Depthwise => vec![depthwise(shape, *activation, true, call, index, tuning)],
            _ => {
                let threads = shape.channels[0] * pixels;
                let half = Place { channels: shape.channels[0], ..output };
                let first = Call { threads, input, output: half, residual, coarse: None, behind: 0 };
                let second = Call { threads, input, output: half, residual, coarse: None, behind: shape.channels[0] };
                vec![
                    first.step(index, Unit::Scalar, wgsl::copy(Unit::Scalar, residual.is_some())),
                    second.step(index, Unit::Scalar, wgsl::general(shape, *activation, residual.is_some(), None)),
                ]
            }
        },
        OpKind::ConvTranspose { shape, .. } => {
            vec![Call { threads: each(Unit::Scalar), ..call }.step(index, Unit::Scalar, wgsl::transpose(shape))]
        }
        &OpKind::MaxPool { kernel, stride, padding } => one(wgsl::max_pool(stored, kernel, stride, padding)),
        &OpKind::Upsample { scale } => one(wgsl::upsample(stored, scale)),
        &OpKind::SpaceToDepth { gain, columns_first } => one(wgsl::space_to_depth(stored, gain, columns_first)),
        &OpKind::DepthToSpace { gain } => one(wgsl::depth_to_space(stored, gain)),
        OpKind::Affine { activation, .. } => one(wgsl::affine(stored, *activation)),
        OpKind::Copy => one(wgsl::copy(stored, false)),
    }
}

fn depthwise(shape: &ConvShape, act: Activation, tail: bool, call: Call, index: usize, tuning: Tuning) -> Step {
    let blocks = shape.channels[0].div_ceil(4);
    let pixels = tuning.pixels(call.output.width, call.output.height * blocks);
    let tiles = call.output.height * call.output.width.div_ceil(pixels);
    let spread = tuning.spread(tiles);
    let shader = wgsl::depthwise(tuning.block(), shape, act, call.residual.is_some(), tail, pixels, spread);
    call.tiled(index, tuning.block(), shader, [tiles, blocks], spread)
}
