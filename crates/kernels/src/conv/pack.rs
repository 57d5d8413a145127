//! Weights of a dense convolution in the order in which the kernels read them.

use crate::aligned::Aligned;
use crate::{Activation, ConvShape, ConvWeights};

/// Outputs that a kernel computes together: `vectors` vectors from `channel` on.
#[derive(Clone, Copy)]
pub struct Panel {
    /// The first output channel.
    pub channel: usize,
    /// Vectors of outputs.
    pub vectors: usize,
    /// Index of its bias in the packed weights. Its weights follow the bias as `[ky][kx][c1][lane]`.
    pub start: usize,
}

/// Packed weights: panels of up to `most` vectors, padded with zeros.
pub struct PackedConv {
    /// The geometry.
    pub shape: ConvShape,
    /// One list per group.
    pub(super) panels: Vec<Vec<Panel>>,
    pub(super) weights: Aligned<f32>,
    /// Zeros, which taps outside of the map read.
    pub(super) zeros: Vec<f32>,
    pub(super) activation: Activation,
    /// Whether it is a 1x1 convolution of stride 1.
    pub(super) flat: bool,
}

/// Vectors in each panel for `outputs` outputs: up to `most`, and no panel of one vector at the end if that can be avoided.
pub fn split(outputs: usize, lanes: usize, most: usize) -> Vec<usize> {
    let mut left = outputs.div_ceil(lanes);
    let mut widths = Vec::new();
    while left > 0 {
        let width = if left > most && left - most == 1 && most > 2 { most - 1 } else { left.min(most) };
        widths.push(width);
        left -= width;
    }
    widths
}

impl PackedConv {
    /// Packs for vectors of `lanes` outputs, at most `most` in a panel.
    pub fn new(shape: ConvShape, source: &ConvWeights, activation: Activation, lanes: usize, most: usize) -> Self {
        let [kh, kw] = shape.kernel;
        let (cin, cout) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
        let floats = shape.groups * cout.div_ceil(lanes) * lanes * (1 + kh * kw * cin);
        let (mut weights, mut panels) = (Aligned::with_capacity(floats), Vec::new());
        for g in 0..shape.groups {
            let (mut list, mut first) = (Vec::new(), 0);
            for vectors in split(cout, lanes, most) {
                list.push(Panel { channel: g * cout + first, vectors, start: weights.len() });
                let outputs = first..first + vectors * lanes;
                let inside = |o: usize| o < cout;
                weights.extend(outputs.clone().map(|o| if inside(o) { source.bias[g * cout + o] } else { 0.0 }));
                for tap in 0..kh * kw {
                    for c in 0..cin {
                        weights.extend(outputs.clone().map(|o| {
                            if inside(o) { source.weight[((g * cout + o) * cin + c) * kh * kw + tap] } else { 0.0 }
                        }));
                    }
                }
                first += vectors * lanes;
            }
            panels.push(list);
        }
        let flat = shape.is_pointwise();
        Self { shape, panels, weights, zeros: vec![0.0; cin * kw], activation, flat }
    }

    /// Number of packed floats.
    pub fn floats(&self) -> usize {
        self.weights.len()
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn panels_are_even() {
        assert_eq!(split(16, 4, 3), [2, 2]);
        assert_eq!(split(40, 4, 3), [3, 3, 2, 2]);
        assert_eq!(split(255, 8, 2), [2; 16]);
        assert_eq!(split(4, 8, 2), [1]);
    }
}
