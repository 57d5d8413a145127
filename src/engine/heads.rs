//! Objectness first: a cell whose objectness is under the floor can't become a box (score = objectness x class), so
//! the rest of its row is never computed.

use super::plan::{Place, Plan};
use super::program::{ConvShape, ConvWeights, OpKind, Program};
use crate::detection::{Cell, RawMap};

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
    pub fn above(&self, arena: &[f32], floor: f32) -> Option<Vec<usize>> {
        let count = self.place.height * self.place.width;
        let most = (WORTH * (count * self.anchors) as f64) as usize;
        let mut found = vec![Vec::new(); self.anchors];
        let mut total = 0;
        for pixel in 0..count {
            for (anchor, list) in found.iter_mut().enumerate() {
                let value = self.output(arena, pixel, anchor * self.outputs + 4);
                if value > floor || value.is_nan() {
                    list.push(anchor * count + pixel);
                    total += 1;
                }
            }
            if total > most {
                return None;
            }
        }
        Some(found.concat())
    }

    /// Everything about the cells.
    pub fn cells(&self, arena: &[f32], indices: &[usize]) -> Vec<Cell> {
        let count = self.place.height * self.place.width;
        let cell = |&index: &usize| {
            let (anchor, pixel) = (index / count, index % count);
            let first = anchor * self.outputs;
            let logits = (first..first + self.outputs).map(|o| self.output(arena, pixel, o)).collect();
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

    fn output(&self, arena: &[f32], pixel: usize, o: usize) -> f32 {
        let channels = self.place.channels;
        let input = &arena[self.place.start + pixel * self.place.stride..][..channels];
        self.weights.bias[o] + dot(input, &self.weights.weight[o * channels..][..channels])
    }
}

/// A sum of products, eight at a time so that it becomes vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a8, a_rest) = a.as_chunks::<8>();
    let (b8, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for (a, b) in a8.iter().zip(b8) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}
