//! Objectness first: a cell whose objectness is under the floor can't become a box (score = objectness x class), so
//! the rest of its row is never computed.

use super::cpu::CpuExecutor;
use super::cpu::bands::bands;
use super::plan::{Place, Plan};
use super::program::{ConvShape, ConvWeights, OpKind, Program};
use crate::detection::{Cell, RawMap};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// More than this share of cells above the floor, and the whole convolution is cheaper.
const WORTH: f64 = 0.2;

/// A detect level whose convolution is a plain 1x1.
pub struct Head<'a> {
    /// Its operation.
    pub op: usize,
    place: Place,
    weights: &'a ConvWeights,
    anchors: usize,
    outputs: usize,
}

/// The heads of all levels, or none if one of them is something else.
pub fn heads<'a>(program: &'a Program, plan: &Plan) -> Option<Vec<Head<'a>>> {
    let head = |&value: &usize| {
        let op = program.ops.iter().position(|op| op.output == value)?;
        let OpKind::Conv { shape, weights, .. } = &program.ops[op].kind else { return None };
        let outputs = shape.channels[1].checked_div(program.anchors)?;
        let place = plan.places[program.ops[op].input];
        is_plain(program, shape).then_some(Head { op, place, weights, anchors: program.anchors, outputs })
    };
    program.outputs.iter().map(head).collect::<Option<Vec<_>>>().filter(|heads| !heads.is_empty())
}

/// Whether [`heads`] has them all.
pub fn are_plain(program: &Program) -> bool {
    let plain = |&value: &usize| {
        program.ops.iter().find(|op| op.output == value).is_some_and(|op| match &op.kind {
            OpKind::Conv { shape, .. } => is_plain(program, shape),
            _ => false,
        })
    };
    !program.outputs.is_empty() && program.outputs.iter().all(plain)
}

fn is_plain(program: &Program, shape: &ConvShape) -> bool {
    shape.groups == 1 && shape.is_flat() && shape.channels[1].checked_div(program.anchors).is_some_and(|n| n >= 5)
}

impl Head<'_> {
    /// Which cells are above `floor` (a logit; what is no number counts as above), in order; none if there are so many
    /// that the whole map should be computed.
    pub fn above(&self, cpu: &CpuExecutor, arena: &[f32], floor: f32) -> Option<Vec<usize>> {
        let count = self.place.height * self.place.width;
        let most = (WORTH * (count * self.anchors) as f64) as usize;
        let values: Vec<AtomicU32> = std::iter::repeat_with(AtomicU32::default).take(count * self.anchors).collect();
        bands(count, 16, |first, last| {
            for pixel in first..last {
                for anchor in 0..self.anchors {
                    let value = self.output(cpu, arena, pixel, anchor * self.outputs + 4);
                    values[anchor * count + pixel].store(value.to_bits(), Relaxed);
                }
            }
        });
        let above = |value: &AtomicU32| {
            let value = f32::from_bits(value.load(Relaxed));
            value > floor || value.is_nan()
        };
        let found: Vec<usize> = (0..values.len()).filter(|&index| above(&values[index])).collect();
        (found.len() <= most).then_some(found)
    }

    /// Everything about the cells.
    pub fn cells(&self, cpu: &CpuExecutor, arena: &[f32], indices: &[usize]) -> Vec<Cell> {
        let count = self.place.height * self.place.width;
        let cell = |&index: &usize| {
            let (anchor, pixel) = (index / count, index % count);
            let first = anchor * self.outputs;
            let logits = (first..first + self.outputs).map(|o| self.output(cpu, arena, pixel, o)).collect();
            Cell { index, logits }
        };
        indices.iter().map(cell).collect()
    }

    /// The cells above `floor` of a map that was computed as a whole.
    pub fn cells_of(&self, map: &RawMap, floor: f32) -> Vec<Cell> {
        let count = map.height * map.width;
        let mut cells = Vec::new();
        for anchor in 0..self.anchors {
            for pixel in 0..count {
                let row = &map.data[(pixel * self.anchors + anchor) * self.outputs..][..self.outputs];
                if row[4] > floor || row[4].is_nan() {
                    cells.push(Cell { index: anchor * count + pixel, logits: row.to_vec() });
                }
            }
        }
        cells
    }

    fn output(&self, cpu: &CpuExecutor, arena: &[f32], pixel: usize, o: usize) -> f32 {
        let channels = self.place.channels;
        let input = &arena[self.place.start + pixel * self.place.stride..][..channels];
        self.weights.bias[o] + cpu.dot(input, &self.weights.weight[o * channels..][..channels])
    }
}
