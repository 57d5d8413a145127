//! Commutes upsampling with 1x1 convolutions. Nearest-neighbour upsampling only repeats pixels, so `W * upsample(a)` is
//! `upsample(W * a)`. A 1x1 convolution over `cat(upsample(a), b)` is then `upsample(Wa * a) + Wb * b`. `Wa * a` is computed on
//! the small map (a quarter of the products for a scale of 2) and added to `Wb * b` before the activation. Neither the
//! upsampled map nor the concatenation is ever written.

use super::program::{ConvShape, ConvWeights, Op, OpKind, Program, UpsampleMode, UpsampledAddend, ValueId};
use crate::model::Activation;

/// Rewrites all places where that is possible. Rows whose output is no longer written have none afterwards.
pub fn commute_upsample(program: &mut Program) {
    let mut at = 0;
    while at < program.ops.len() {
        let joint = Joint::at(program, at);
        match joint {
            Some(joint) => joint.rewrite(program, at),
            None => at += 1,
        }
    }
}

/// An upsampled map, what it is joined with, and who reads both.
struct Joint {
    source: ValueId,
    scale: usize,
    /// The concatenation.
    whole: ValueId,
    /// Its other part.
    other: ValueId,
    /// Channels of the upsampled part and where they begin in the concatenation.
    upsampled: [usize; 2],
    readers: Vec<usize>,
}

impl Joint {
    /// The joint that begins with the upsampling `ops[at]`, if everything fits.
    fn at(program: &Program, at: usize) -> Option<Self> {
        let Op { kind: OpKind::Upsample { scale, mode }, input: source, output, .. } = program.ops[at] else {
            return None;
        };
        if mode != UpsampleMode::Nearest {
            return None;
        }
        let (whole, begin) = program.values[output].parent?;
        let parts: Vec<ValueId> = (0..program.values.len())
            .filter(|&v| program.values[v].parent.is_some_and(|(parent, _)| parent == whole))
            .collect();
        let [first, second] = parts[..] else { return None };
        let other = if first == output { second } else { first };
        let channels = program.values[output].channels;
        let joined = channels + program.values[other].channels == program.values[whole].channels;
        let alone =
            program.values[whole].parent.is_none() && !program.outputs.iter().any(|&v| v == whole || v == output);
        let reads = |op: &Op, value: ValueId| op.input == value || op.residual == Some(value);
        let readers: Vec<usize> = (0..program.ops.len()).filter(|&i| reads(&program.ops[i], whole)).collect();
        let only = !program.ops.iter().any(|op| reads(op, output) || op.output == whole);
        let fit = readers.iter().all(|&i| can_split(program, i, whole));
        (joined && alone && only && fit && !readers.is_empty()).then_some(Self {
            source,
            scale,
            whole,
            other,
            upsampled: [channels, begin],
            readers,
        })
    }

    fn rewrite(self, program: &mut Program, at: usize) {
        let elided = [self.whole, program.ops[at].output];
        program.values[self.other].parent = None;
        // From the last on, so that the places of the others stay right.
        for &reader in self.readers.iter().rev() {
            let small = self.split(&mut program.ops[reader]);
            let value = program.value(small.channels[1]);
            let Op { row, .. } = program.ops[reader];
            program.ops[reader].input = self.other;
            program.ops[reader].upsampled_addend = Some(UpsampledAddend { value, scale: self.scale });
            let shape = ConvShape::pointwise(small.channels[0], small.channels[1]);
            let kind = OpKind::Conv { shape, weights: small.weights, activation: Activation::Identity };
            let op = Op { row, kind, input: self.source, residual: None, upsampled_addend: None, output: value };
            program.ops.insert(reader, op);
        }
        program.ops.remove(at);
        for row in &mut program.rows {
            *row = row.filter(|value| !elided.contains(value));
        }
    }

    /// Takes the weights of the upsampled channels out of a convolution.
    fn split(&self, op: &mut Op) -> Small {
        let OpKind::Conv { shape, weights, .. } = &mut op.kind else { unreachable!("only convolutions can be split") };
        let ([channels, begin], [c1, c2]) = (self.upsampled, shape.channels);
        let mut part = Vec::with_capacity(channels * c2);
        let mut rest = Vec::with_capacity((c1 - channels) * c2);
        for row in weights.weight.chunks_exact(c1) {
            part.extend_from_slice(&row[begin..begin + channels]);
            rest.extend_from_slice(&row[..begin]);
            rest.extend_from_slice(&row[begin + channels..]);
        }
        weights.weight = rest;
        shape.channels[0] = c1 - channels;
        Small { channels: [channels, c2], weights: ConvWeights { weight: part, bias: vec![0.0; c2] } }
    }
}

/// The convolution on the small map.
struct Small {
    channels: [usize; 2],
    weights: ConvWeights,
}

/// Detect's convolutions stay whole: single cells of them are computed from their weights.
fn can_split(program: &Program, index: usize, whole: ValueId) -> bool {
    let op = &program.ops[index];
    let OpKind::Conv { shape, .. } = &op.kind else { return false };
    shape.is_pointwise()
        && shape.groups == 1
        && op.input == whole
        && op.residual != Some(whole)
        && op.upsampled_addend.is_none()
        && !program.outputs.contains(&op.output)
}
