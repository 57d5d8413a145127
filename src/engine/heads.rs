//! The detect heads, computed sparsely: objectness first. A cell under the objectness threshold can't become a detection
//! (score = objectness x class probability), so its other outputs are never computed.

use super::cpu::Kernels;
use super::cpu::parallel::parallel_for;
use super::plan::{BufferView, Plan};
use super::program::{ConvShape, ConvWeights, OpKind, Program};
use crate::detection::{Candidate, RawMap};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// Pixels whose objectness is computed together.
const BLOCK: usize = 16;

/// Above this share of candidates, the whole convolution is cheaper.
const MAX_SHARE: f64 = 0.2;

/// The head of a detect level: a 1x1 convolution.
pub struct Head<'a> {
    /// Its operation.
    pub op: usize,
    view: BufferView,
    weights: &'a ConvWeights,
    anchors: usize,
    outputs: usize,
}

/// The heads of all levels; `None` if one of them is not a 1x1 convolution.
pub fn heads<'a>(program: &'a Program, plan: &Plan) -> Option<Vec<Head<'a>>> {
    let head = |&value: &usize| {
        let op = program.ops.iter().position(|op| op.output == value)?;
        let OpKind::Conv { shape, weights, .. } = &program.ops[op].kind else { return None };
        let outputs = shape.channels[1].checked_div(program.anchors)?;
        let view = plan.views[program.ops[op].input];
        is_pointwise_head(program, shape).then_some(Head { op, view, weights, anchors: program.anchors, outputs })
    };
    program.outputs.iter().map(head).collect::<Option<Vec<_>>>().filter(|heads| !heads.is_empty())
}

/// Whether [`heads`] supports this program.
pub fn are_pointwise(program: &Program) -> bool {
    let plain = |&value: &usize| {
        program.ops.iter().find(|op| op.output == value).is_some_and(|op| match &op.kind {
            OpKind::Conv { shape, .. } => is_pointwise_head(program, shape),
            _ => false,
        })
    };
    !program.outputs.is_empty() && program.outputs.iter().all(plain)
}

fn is_pointwise_head(program: &Program, shape: &ConvShape) -> bool {
    shape.groups == 1 && shape.is_pointwise() && shape.channels[1].checked_div(program.anchors).is_some_and(|n| n >= 5)
}

impl Head<'_> {
    /// The indices of the cells whose objectness is above `threshold` (a logit), in order. NaN counts as above. `None` if
    /// there are so many that computing the whole map is cheaper.
    pub fn above(&self, cpu: &Kernels, arena: &[f32], threshold: f32) -> Option<Vec<usize>> {
        let count = self.view.height * self.view.width;
        let limit = (MAX_SHARE * (count * self.anchors) as f64) as usize;
        let values: Vec<AtomicU32> = std::iter::repeat_with(AtomicU32::default).take(count * self.anchors).collect();
        parallel_for(count, BLOCK, |first, last| {
            let mut block = [0.0; BLOCK];
            for pixel in (first..last).step_by(BLOCK) {
                let found = &mut block[..BLOCK.min(last - pixel)];
                for anchor in 0..self.anchors {
                    self.output(cpu, arena, pixel, anchor * self.outputs + 4, found);
                    let values = &values[anchor * count + pixel..];
                    values.iter().zip(&*found).for_each(|(value, found)| value.store(found.to_bits(), Relaxed));
                }
            }
        });
        let above = |value: &AtomicU32| {
            let value = f32::from_bits(value.load(Relaxed));
            value > threshold || value.is_nan()
        };
        let found: Vec<usize> = (0..values.len()).filter(|&index| above(&values[index])).collect();
        (found.len() <= limit).then_some(found)
    }

    /// All outputs of these cells.
    pub fn candidates(&self, cpu: &Kernels, arena: &[f32], indices: &[usize]) -> Vec<Candidate> {
        let count = self.view.height * self.view.width;
        let candidate = |&index: &usize| {
            let (anchor, pixel) = (index / count, index % count);
            let first = anchor * self.outputs;
            let mut logits = vec![0.0; self.outputs];
            for (o, logit) in (first..).zip(&mut logits) {
                self.output(cpu, arena, pixel, o, std::slice::from_mut(logit));
            }
            Candidate { index, logits }
        };
        indices.iter().map(candidate).collect()
    }

    /// The candidates above `threshold` of a whole map.
    pub fn candidates_of(&self, map: &RawMap, threshold: f32) -> Vec<Candidate> {
        let count = map.height * map.width;
        let mut candidates = Vec::new();
        for anchor in 0..self.anchors {
            for pixel in 0..count {
                let row = &map.data[(pixel * self.anchors + anchor) * self.outputs..][..self.outputs];
                if row[4] > threshold || row[4].is_nan() {
                    candidates.push(Candidate { index: anchor * count + pixel, logits: row.to_vec() });
                }
            }
        }
        candidates
    }

    /// Output `o` of the pixels from `pixel` on.
    fn output(&self, cpu: &Kernels, arena: &[f32], pixel: usize, o: usize, values: &mut [f32]) {
        let BufferView { start, channels, stride, .. } = self.view;
        let input = &arena[start + pixel * stride..];
        cpu.dots(input, stride, &self.weights.weight[o * channels..][..channels], values);
        values.iter_mut().for_each(|value| *value += self.weights.bias[o]);
    }
}
