//! Fusion of operations into one dispatch: fewer launches, and fewer maps that go through memory.

use super::Tuning;
use super::parameters::Parameters;
use super::step::{Step, aligned};
use super::wgsl::{self, GROUP};
use crate::engine::plan::{BufferView, Plan};
use crate::engine::program::{ConvShape, Op, OpKind, Program};
use std::ops::Range;

/// Vectors of four floats that fit workgroup memory, by WebGPU's default limit.
const MOST_PIXELS: usize = 16384 / 16;

/// A dispatch that fuses operation `index` with those after it, and how many operations it covers. `None` if they can't be
/// fused. `ranges`: the byte range of each operation's weights.
pub fn step(
    program: &Program,
    plan: &Plan,
    index: usize,
    tuning: Tuning,
    ranges: &[Range<u64>],
) -> Option<(Step, usize)> {
    pools(program, plan, index, tuning)
        .map(|step| (step, 3))
        .or_else(|| ghost(program, plan, index, tuning, ranges).map(|step| (step, 2)))
}

/// The range of a map's elements in the arena.
fn elements(view: &BufferView) -> Range<usize> {
    let pixels = view.height * view.width;
    let start = view.start / 4 + view.offset / 4 * pixels;
    start..start + view.channels.div_ceil(4) * pixels
}

fn apart(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.end <= b.start || b.end <= a.start
}

/// Three equal max pools in a row (SPPF).
fn pools(program: &Program, plan: &Plan, index: usize, tuning: Tuning) -> Option<Step> {
    let ops: &[Op] = program.ops.get(index..index + 3)?;
    let OpKind::MaxPool { kernel, stride: 1, padding } = ops[0].kind else { return None };
    let same = |op: &Op| matches!(op.kind, OpKind::MaxPool { kernel: k, stride: 1, padding: p } if [k, p] == [kernel, padding]);
    let chained = ops.windows(2).all(|pair| pair[1].input == pair[0].output);
    let whole = ops.iter().all(|op| aligned(program, op.input) && aligned(program, op.output));
    if kernel % 2 == 0 || padding != kernel / 2 || !ops.iter().all(same) || !chained || !whole {
        return None;
    }
    let input = elements(&plan.views[ops[0].input]);
    let outputs = [0, 1, 2].map(|i| elements(&plan.views[ops[i].output]));
    if outputs.iter().any(|output| !apart(&input, output)) {
        return None;
    }
    let view = &plan.views[ops[0].output];
    let pixels = view.height * view.width;
    if pixels > MOST_PIXELS {
        return None;
    }
    let parameters = Parameters {
        in_at: input.start as u32,
        out_at: outputs[0].start as u32,
        out_h: view.height as u32,
        out_w: view.width as u32,
        second_out_at: outputs[1].start as u32,
        third_out_at: outputs[2].start as u32,
        ..Parameters::default()
    };
    let shader = wgsl::pools(tuning.block(), kernel, pixels.div_ceil(GROUP as usize));
    let groups = [view.channels.div_ceil(4) as u32, 1];
    Some(Step { op: index, shader, parameters, groups })
}

/// The depthwise convolution `second` if it can be fused with `first`: its shape, its activation, and whether it is the tail
/// of a Ghost module.
fn depthwise_over<'a>(first: &Op, second: &'a Op) -> Option<(&'a ConvShape, crate::model::Activation, bool)> {
    let (shape, activation, tail) = match &second.kind {
        OpKind::Conv { shape, activation, .. } if second.residual.is_none() => (shape, activation, false),
        OpKind::FusedGhostDepthwise { shape, activation, .. } => (shape, activation, true),
        _ => return None,
    };
    let same =
        (0..2).all(|d| shape.stride[d] == 1 && shape.padding[d] == shape.kernel[d] / 2 && shape.kernel[d] % 2 == 1);
    let one_each = shape.channels == [shape.groups; 2] && shape.channels[0].is_multiple_of(4);
    let fits =
        same && one_each && shape.dilation == 1 && second.input == first.output && second.upsampled_addend.is_none();
    fits.then_some((shape, *activation, tail))
}

/// The two convolutions of a Ghost module.
fn ghost(program: &Program, plan: &Plan, index: usize, tuning: Tuning, ranges: &[Range<u64>]) -> Option<Step> {
    if !tuning.fused {
        return None;
    }
    let [first, second] = program.ops.get(index..index + 2)? else { return None };
    let OpKind::Conv { shape, activation, .. } = &first.kind else { return None };
    let (depthwise, activation2, tail) = depthwise_over(first, second)?;
    let values = [first.input, first.output, second.output];
    let whole = values.into_iter().chain(second.residual).all(|value| aligned(program, value));
    let plain =
        shape.is_pointwise() && shape.groups == 1 && first.residual.is_none() && first.upsampled_addend.is_none();
    let view = &plan.views[first.output];
    let pixels = view.height * view.width;
    if !whole || !plain || pixels > MOST_PIXELS {
        return None;
    }
    let channels = view.channels;
    // The output of a tail holds both halves.
    let half = |value: usize, behind: usize| {
        let view = plan.views[value];
        elements(&BufferView { channels, offset: view.offset + behind, ..view })
    };
    let (out, extra) = match tail {
        true => {
            // Its first half is the first convolution's result plus the residual: no other operation may read that result.
            let read = |op: &Op| {
                [Some(op.input), op.residual, op.upsampled_addend.map(|c| c.value)].contains(&Some(first.output))
            };
            let kept = program.rows.contains(&Some(first.output)) || program.outputs.contains(&first.output);
            if kept || program.ops[index + 2..].iter().any(read) {
                return None;
            }
            let both = |value: usize| [half(value, 0), half(value, channels)];
            (both(second.output), second.residual.map(both))
        }
        false => ([half(first.output, 0), half(second.output, 0)], None),
    };
    // Workgroups run in any order: none may read what another writes.
    let input = elements(&plan.views[first.input]);
    let elsewhere = |range: &Range<usize>| out.iter().all(|o| apart(o, range) || o == range);
    if !out.iter().all(|o| apart(o, &input)) || !extra.iter().flatten().all(elsewhere) {
        return None;
    }
    let behind = (ranges[index + 1].start - ranges[index].start) as usize / (4 * tuning.bytes());
    let [res_at, second_res_at] = extra.as_ref().map_or([0, 0], |[a, b]| [a.start, b.start]);
    let parameters = Parameters {
        in_at: input.start as u32,
        in_c: plan.views[first.input].channels.div_ceil(4) as u32,
        out_at: out[0].start as u32,
        out_h: view.height as u32,
        out_w: view.width as u32,
        res_at: res_at as u32,
        second_weights_at: behind as u32,
        second_out_at: out[1].start as u32,
        second_res_at: second_res_at as u32,
        ..Parameters::default()
    };
    let each = pixels.div_ceil(GROUP as usize);
    let blocks = tuning.blocks_of(shape.channels[1]);
    let shader = wgsl::ghost(tuning.block(), depthwise, [*activation, activation2], extra.is_some(), blocks, each);
    Some(Step { op: index, shader, parameters, groups: [channels.div_ceil(4) as u32, 1] })
}
