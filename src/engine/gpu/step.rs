//! The dispatches of each operation.

use super::parameters::Parameters;
use super::wgsl::{self, ElementLayout, GROUP, Tile, WorkgroupMapping};
use super::{Tuning, pack};
use crate::engine::plan::{BufferView, Plan};
use crate::engine::program::{ConvShape, Op, OpKind, Program, ValueId};
use crate::model::Activation;

/// A dispatch.
#[derive(Clone, Debug)]
pub struct Step {
    /// The operation it belongs to.
    pub op: usize,
    /// The shader's WGSL.
    pub shader: String,
    /// What the shader is told.
    pub parameters: Parameters,
    /// Workgroups.
    pub groups: [u32; 2],
}

/// The parameters of most shaders.
struct Call {
    threads: usize,
    input: BufferView,
    output: BufferView,
    residual: Option<BufferView>,
    upsampled_addend: Option<(BufferView, usize)>,
    /// Channels to skip in the output and the residual.
    behind: usize,
}

impl Call {
    fn step(&self, op: usize, element: ElementLayout, shader: String) -> Step {
        let width = element.channels();
        // Blocks begin at `at + off * hw`. For scalars, `at` is the first value of the map.
        let begin = |view: &BufferView, extra: usize| {
            let (start, offset) = (view.start / width, (view.offset + extra) / width);
            match element {
                ElementLayout::Vec4 | ElementLayout::PackedF16 | ElementLayout::NativeF16 => {
                    [start + offset * view.height * view.width, 0]
                }
                ElementLayout::Scalar => [start, offset],
            }
        };
        let [in_at, in_off] = begin(&self.input, 0);
        let [out_at, out_off] = begin(&self.output, self.behind);
        let [res_at, res_off] = self.residual.as_ref().map_or([0, 0], |view| begin(view, self.behind));
        let [addend_at, addend_w, addend_hw] = self
            .upsampled_addend
            .as_ref()
            .map_or([0; 3], |(view, _)| [begin(view, 0)[0], view.width, view.height * view.width]);
        let elements = |view: &BufferView| view.channels.div_ceil(width) as u32;
        let (i, o) = (&self.input, &self.output);
        let parameters = Parameters {
            threads: self.threads as u32,
            in_at: in_at as u32,
            in_off: in_off as u32,
            in_h: i.height as u32,
            in_w: i.width as u32,
            in_c: elements(i),
            out_at: out_at as u32,
            out_off: out_off as u32,
            out_h: o.height as u32,
            out_w: o.width as u32,
            out_c: elements(o),
            res_at: res_at as u32,
            res_off: res_off as u32,
            addend_at: addend_at as u32,
            addend_w: addend_w as u32,
            addend_hw: addend_hw as u32,
            ..Parameters::default()
        };
        Step { op, shader, parameters, groups: groups(self.threads) }
    }
}

impl Call {
    /// A dispatch of `tiles` threads for each of `rows` groups of outputs.
    fn tiled(
        self,
        op: usize,
        element: ElementLayout,
        shader: String,
        [tiles, rows]: [usize; 2],
        mapping: WorkgroupMapping,
    ) -> Step {
        match mapping {
            WorkgroupMapping::Linear => Self { threads: tiles * rows, ..self }.step(op, element, shader),
            WorkgroupMapping::PerRow { group, .. } => {
                let step = Self { threads: tiles, ..self }.step(op, element, shader);
                Step { groups: [(tiles as u32).div_ceil(group), rows as u32], ..step }
            }
        }
    }
}

/// The workgroups for `threads`, within WebGPU's limit of 65535 per dimension.
pub fn groups(threads: usize) -> [u32; 2] {
    let groups = (threads as u32).div_ceil(GROUP).max(1);
    let x = groups.min(65535);
    [x, groups.div_ceil(x)]
}

/// Whether `value` begins at a block of four channels and shares no block with a neighbour.
pub fn aligned(program: &Program, value: ValueId) -> bool {
    let (root, offset) = program.root(value);
    offset.is_multiple_of(4) && (root == value || program.values[value].channels.is_multiple_of(4))
}

/// The elements that an operation works on.
pub fn element_layout(program: &Program, op: &Op) -> ElementLayout {
    let values = [op.input, op.output].into_iter().chain(op.residual).chain(op.upsampled_addend.map(|c| c.value));
    let whole = match &op.kind {
        OpKind::SpaceToDepth { .. } => program.values[op.input].channels.is_multiple_of(4),
        OpKind::DepthToSpace { .. } => program.values[op.output].channels.is_multiple_of(4),
        OpKind::FusedGhostDepthwise { shape, .. } => shape.channels[0].is_multiple_of(4),
        _ => true,
    };
    if whole && values.into_iter().all(|v| aligned(program, v)) { ElementLayout::Vec4 } else { ElementLayout::Scalar }
}

/// Whether operation `index` needs a scalar shader.
pub fn needs_values(program: &Program, index: usize) -> bool {
    let op = &program.ops[index];
    match &op.kind {
        OpKind::Conv { shape, .. } => matches!(path(shape, element_layout(program, op)), Path::General),
        OpKind::FusedGhostDepthwise { shape, .. } => {
            !matches!(path(shape, element_layout(program, op)), Path::Depthwise)
        }
        OpKind::ConvTranspose { .. } | OpKind::Attention { .. } => true,
        _ => false,
    }
}

/// The kind of shader for a convolution.
enum Path {
    Dense,
    Depthwise,
    /// Any convolution, one output value per thread.
    General,
}

fn path(shape: &ConvShape, element: ElementLayout) -> Path {
    match element {
        ElementLayout::Vec4 if shape.groups == 1 => Path::Dense,
        ElementLayout::Vec4 if shape.channels == [shape.groups; 2] => Path::Depthwise,
        _ => Path::General,
    }
}

fn tile(shape: &ConvShape, tuning: Tuning, output: &BufferView) -> Tile {
    let blocks = tuning.blocks_of(shape.channels[1]);
    let groups = shape.channels[1].div_ceil(4 * blocks);
    let (width, others) = if shape.is_pointwise() {
        (output.height * output.width, groups)
    } else {
        (output.width, output.height * groups)
    };
    Tile { pixels: tuning.pixels(width, others), blocks }
}

/// The weights of operation `index` in the order in which its shader reads them.
pub fn weights(program: &Program, index: usize, tuning: Tuning) -> Vec<f32> {
    let op = &program.ops[index];
    let element = element_layout(program, op);
    match &op.kind {
        OpKind::Conv { shape, weights, .. } | OpKind::FusedGhostDepthwise { shape, weights, .. } => {
            match path(shape, element) {
                Path::Dense => {
                    pack::dense(shape, weights, Tile { pixels: 1, blocks: tuning.blocks_of(shape.channels[1]) })
                }
                Path::Depthwise => pack::depthwise(shape, weights),
                Path::General => pack::plain(weights),
            }
        }
        OpKind::ConvTranspose { weights, .. } => pack::plain(weights),
        OpKind::Affine { scale, bias, .. } => pack::affine(element, scale, bias),
        _ => Vec::new(),
    }
}

/// Whether the GPU can compute the candidates of this detect level.
pub fn is_pointwise_head(program: &Program, index: usize) -> bool {
    let op = &program.ops[index];
    matches!(&op.kind, OpKind::Conv { shape, .. } if shape.groups == 1 && shape.kernel == [1, 1])
        && aligned(program, op.input)
}

/// The dispatches of operation `index`.
pub fn steps(program: &Program, plan: &Plan, index: usize, tuning: Tuning) -> Vec<Step> {
    let op = &program.ops[index];
    let element = element_layout(program, op);
    let (input, output) = (plan.views[op.input], plan.views[op.output]);
    let residual = op.residual.map(|r| plan.views[r]);
    let pixels = output.height * output.width;
    let each = |element: ElementLayout| output.channels.div_ceil(element.channels()) * pixels;
    let stored = tuning.stored(element);
    let upsampled_addend = op.upsampled_addend.map(|c| (plan.views[c.value], c.scale));
    let call = Call { threads: each(element), input, output, residual, upsampled_addend, behind: 0 };
    let one = |shader: String| vec![call.step(index, stored, shader)];
    match &op.kind {
        OpKind::Conv { shape, activation, .. } => match path(shape, element) {
            Path::Dense => {
                let tile = tile(shape, tuning, &output);
                let tiles = match shape.is_pointwise() {
                    true => pixels.div_ceil(tile.pixels),
                    false => output.height * output.width.div_ceil(tile.pixels),
                };
                let scale = op.upsampled_addend.map(|c| c.scale);
                let mapping = tuning.workgroup_mapping(tiles);
                let shader = wgsl::dense(stored, shape, *activation, residual.is_some(), scale, tile, mapping);
                vec![call.tiled(index, stored, shader, [tiles, shape.channels[1].div_ceil(4 * tile.blocks)], mapping)]
            }
            Path::Depthwise => vec![depthwise(shape, *activation, false, call, index, tuning)],
            Path::General => {
                let shader =
                    wgsl::general(shape, *activation, residual.is_some(), op.upsampled_addend.map(|c| c.scale));
                vec![Call { threads: each(ElementLayout::Scalar), ..call }.step(index, ElementLayout::Scalar, shader)]
            }
        },
        OpKind::FusedGhostDepthwise { shape, activation, .. } => match path(shape, element) {
            Path::Depthwise => vec![depthwise(shape, *activation, true, call, index, tuning)],
            _ => {
                let threads = shape.channels[0] * pixels;
                let half = BufferView { channels: shape.channels[0], ..output };
                let first = Call { threads, input, output: half, residual, upsampled_addend: None, behind: 0 };
                let second =
                    Call { threads, input, output: half, residual, upsampled_addend: None, behind: shape.channels[0] };
                vec![
                    first.step(index, ElementLayout::Scalar, wgsl::copy(ElementLayout::Scalar, residual.is_some())),
                    second.step(
                        index,
                        ElementLayout::Scalar,
                        wgsl::general(shape, *activation, residual.is_some(), None),
                    ),
                ]
            }
        },
        OpKind::ConvTranspose { shape, .. } => {
            vec![Call { threads: each(ElementLayout::Scalar), ..call }.step(
                index,
                ElementLayout::Scalar,
                wgsl::transpose(shape),
            )]
        }
        &OpKind::MaxPool { kernel, stride, padding } => one(wgsl::max_pool(stored, kernel, stride, padding)),
        &OpKind::AvgPool { kernel, stride, padding } => one(wgsl::avg_pool(stored, kernel, stride, padding)),
        &OpKind::ZeroPad { sides: [left, _, top, _] } => one(wgsl::zero_pad(stored, left, top)),
        &OpKind::Upsample { scale, mode } => one(wgsl::upsample(stored, scale, mode)),
        &OpKind::Attention { heads } => {
            let shader = wgsl::attention(output.channels, heads);
            vec![Call { threads: heads * pixels, ..call }.step(index, ElementLayout::Scalar, shader)]
        }
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
    let mapping = tuning.workgroup_mapping(tiles);
    let shader = wgsl::depthwise(tuning.block(), shape, act, call.residual.is_some(), tail, pixels, mapping);
    call.tiled(index, tuning.block(), shader, [tiles, blocks], mapping)
}
