//! Quantized weights in the order in which the kernel reads them.

use crate::aligned::Aligned;
use crate::conv::{Panel, split};
use crate::{Activation, ConvShape, ConvWeights};

/// The most pairs of products that accumulate in i32 before they spill to f32. Fewer pairs allow larger integers.
const SUMMED: usize = 128;

/// A run of neighbouring taps and channels in one row of the kernel.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub row: usize,
    /// The first pair and one past the last.
    pub pairs: [usize; 2],
    /// Whether the sums spill to f32 after it.
    pub ends: bool,
}

/// The segments of a kernel with `rows` rows of `pairs` pairs: at most [`SUMMED`] pairs between two spills.
fn segments(rows: usize, pairs: usize) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut summed = 0;
    for row in 0..rows {
        for first in (0..pairs).step_by(SUMMED) {
            let last = pairs.min(first + SUMMED);
            if summed + last - first > SUMMED
                && let Some(before) = segments.last_mut()
            {
                before.ends = true;
                summed = 0;
            }
            summed += last - first;
            segments.push(Segment { row, pairs: [first, last], ends: false });
        }
    }
    segments.last_mut().into_iter().for_each(|last| last.ends = true);
    segments
}

/// Packed, quantized weights.
pub struct PackedInt16 {
    pub(super) shape: ConvShape,
    pub(super) segments: Vec<Segment>,
    pub(super) panels: Vec<Panel>,
    /// Panel by panel `[ky][kx c1 in pairs][output][2]`.
    pub(super) weights: Aligned<i16>,
    /// The scale and the bias of each output channel, padded with zeros.
    pub(super) scales: Aligned<f32>,
    pub(super) biases: Aligned<f32>,
    /// The largest quantized input.
    pub(super) most: f32,
    pub(super) activation: Activation,
}

impl PackedInt16 {
    /// Whether int16 can run a convolution, and it has enough outputs to pay for quantizing its input.
    pub fn fits(shape: &ConvShape) -> bool {
        let run = shape.kernel[1] * shape.channels[0];
        shape.groups == 1
            && shape.dilation == 1
            && run.is_multiple_of(2)
            && shape.channels[1] >= if shape.is_pointwise() { 32 } else { 16 }
    }

    /// Packs for vectors of `lanes` outputs, at most `vectors` in a panel.
    pub fn new(shape: ConvShape, source: &ConvWeights, activation: Activation, lanes: usize, vectors: usize) -> Self {
        let ([kh, kw], [cin, cout]) = (shape.kernel, shape.channels);
        let (taps, segments) = (kh * kw * cin, segments(kh, kw * cin / 2));
        // Index of the weight at position `i` of kernel row `ky` among the weights of an output.
        let place = |ky: usize, i: usize| (i % cin * kh + ky) * kw + i / cin;
        // Inputs and weights share the bits of a sum about equally.
        let summed = taps.min(2 * SUMMED) as f64;
        let most = (2.0_f64.powi(34) / summed).sqrt().min(16383.0).floor();
        // Rounding adds at most one half to each weight. The factor 0.999 leaves room for the rounding of the scales.
        let room = 0.999 * f64::from(i32::MAX) / most - 0.5 * summed;
        let (mut sum_of, mut ends) = (vec![0; taps], 0);
        for segment in &segments {
            for i in 2 * segment.pairs[0]..2 * segment.pairs[1] {
                sum_of[place(segment.row, i)] = ends;
            }
            ends += usize::from(segment.ends);
        }
        let padded = cout.next_multiple_of(lanes);
        let (mut scales, mut factors) = (Aligned::zeroed(padded), vec![0.0; padded]);
        for (o, weights) in source.weight.chunks_exact(taps).enumerate() {
            let (mut largest, mut sums) = (0.0_f32, vec![0.0_f64; ends]);
            for (weight, &sum) in weights.iter().zip(&sum_of) {
                largest = largest.max(weight.abs());
                sums[sum] += f64::from(weight.abs());
            }
            let factor = (32767.0 / f64::from(largest)).min(room / sums.iter().fold(0.0_f64, |most, &v| most.max(v)));
            if !sums.iter().sum::<f64>().is_finite() {
                // A weight that is not finite makes every output NaN, which decoding reports.
                scales[o] = f32::NAN;
            } else if factor.is_finite() {
                (factors[o], scales[o]) = (factor as f32, (1.0 / factor) as f32);
            }
        }
        let mut biases = Aligned::zeroed(padded);
        biases[..cout].copy_from_slice(&source.bias);
        let (mut weights, mut panels, mut first) = (Aligned::with_capacity(padded * taps), Vec::new(), 0);
        for vectors in split(cout, lanes, vectors) {
            panels.push(Panel { channel: first, vectors, start: weights.len() });
            let next = first + vectors * lanes;
            for (ky, i) in (0..kh).flat_map(|ky| (0..kw * cin).step_by(2).map(move |i| (ky, i))) {
                let places = [place(ky, i), place(ky, i + 1)];
                for (o, &factor) in factors.iter().enumerate().take(next).skip(first) {
                    let of = source.weight.get(o * taps..(o + 1) * taps);
                    let whole = |at: usize| of.map_or(0, |of| (of[at] * factor).round_ties_even() as i16);
                    weights.extend(places.map(whole));
                }
            }
            first = next;
        }
        Self { shape, segments, panels, weights, scales, biases, most: most as f32, activation }
    }

    /// The geometry.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Bytes of the packed weights.
    pub fn bytes(&self) -> usize {
        2 * self.weights.len() + 4 * (self.scales.len() + self.biases.len())
    }
}
