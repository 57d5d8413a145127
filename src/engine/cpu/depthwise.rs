//! Depthwise convolution: vectors over channels, a tile of neighbouring outputs at a time.

use super::aligned::Aligned;
use super::epilogue::{Sums, store};
use super::simd::Simd;
use super::{Map, MapMut};
use crate::engine::program::{ConvShape, ConvWeights};
use crate::model::Activation;

/// Neighbouring outputs computed together, so that each weight is loaded once for all.
const TILE: usize = 8;

/// Weights as `[chunk of channels][bias, ky kx …][lane]`, zero-padded.
pub struct PackedDepthwise {
    shape: ConvShape,
    weights: Aligned<f32>,
    activation: Activation,
    with_input: bool,
}

impl PackedDepthwise {
    /// Packs for vectors of `lanes` channels; the shape has as many groups as channels.
    pub fn new(shape: ConvShape, source: &ConvWeights, activation: Activation, lanes: usize) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let channels = shape.channels[0];
        let chunks = channels.div_ceil(lanes);
        let mut weights = Aligned::zeroed(chunks * (1 + taps) * lanes);
        for c in 0..channels {
            let start = c / lanes * (1 + taps) * lanes + c % lanes;
            weights[start] = source.bias[c];
            for tap in 0..taps {
                weights[start + (1 + tap) * lanes] = source.weight[c * taps + tap];
            }
        }
        Self { shape, weights, activation, with_input: false }
    }

    /// The input itself, with the residual, is written before the result's channels (stride 1, "same" padding).
    pub fn with_input(mut self) -> Self {
        self.with_input = true;
        self
    }

    /// Channels of the result.
    pub fn channels(&self) -> usize {
        self.shape.channels[1]
    }

    /// Floats held.
    pub fn floats(&self) -> usize {
        self.weights.len()
    }
}

/// What one call computes: output rows `first..last`.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The weights.
    pub packed: &'a PackedDepthwise,
    /// What is read.
    pub input: Map,
    /// What is added.
    pub residual: Option<Map>,
    /// What is written.
    pub output: MapMut,
    /// First row.
    pub first: usize,
    /// One past the last row.
    pub last: usize,
}

/// Runs the job.
///
/// # Safety
/// As for the dense convolution; all maps must have [`crate::engine::plan::SLACK`] readable floats after their end.
#[inline(always)]
pub unsafe fn depthwise<S: Simd>(job: Job) {
    let shape = &job.packed.shape;
    let square = shape.kernel[0] == shape.kernel[1] && shape.stride[0] == shape.stride[1] && shape.dilation == 1;
    unsafe {
        match (square, shape.kernel[0], shape.stride[0]) {
            (true, 3, 1) => rows::<S, 3, 1>(&job),
            (true, 3, 2) => rows::<S, 3, 2>(&job),
            (true, 5, 1) => rows::<S, 5, 1>(&job),
            (true, 5, 2) => rows::<S, 5, 2>(&job),
            _ => any::<S>(&job),
        }
    }
}

/// A square kernel of K by K taps with a step of STEP, in tiles that fit the width.
#[inline(always)]
unsafe fn rows<S: Simd, const K: usize, const STEP: usize>(job: &Job) {
    unsafe {
        if !job.output.width.is_multiple_of(TILE) && job.output.width.is_multiple_of(5) {
            banded::<S, K, STEP, 5>(job);
        } else {
            banded::<S, K, STEP, TILE>(job);
        }
    }
}

/// Row by row: what a row of outputs reads lies in a window, its sums go through the activation together.
#[inline(always)]
unsafe fn banded<S: Simd, const K: usize, const STEP: usize, const N: usize>(job: &Job) {
    let (packed, output) = (job.packed, job.output);
    let (channels, width) = (packed.shape.channels[0], output.width);
    let mut window = Window::<K>::new::<S>(job, (width.next_multiple_of(N) - 1) * STEP + K);
    let mut sums = Sums::new(width.next_multiple_of(N), channels, S::LANES);
    let behind = if packed.with_input { channels } else { 0 };
    let mut next = 0;
    for y in job.first..job.last {
        let top = (y * STEP) as isize - packed.shape.padding[0] as isize;
        next = next.max(top.max(0) as usize);
        let pixels = [y * width, (y + 1) * width];
        unsafe {
            while next < job.input.height && (next as isize) < top + K as isize {
                window.take::<S>(&job.input, next);
                next += 1;
            }
            let rows = window.rows(top, job.input.height);
            tiles::<S, K, STEP, N>(packed, &rows, window.stride, sums.map(0));
            if packed.with_input {
                same::<S>(job, window.map(y, width), pixels);
            }
            sums.finish::<S>(packed.activation, job.residual, output, [behind, channels], pixels);
        }
    }
}

/// The K rows of the input that a row of outputs reads, with the zeros around the map: so all tiles are alike. Pixels
/// lie an odd number of vectors apart: in the maps it is often a power of two, and what is read together then falls
/// into the same few lines of the first-level cache (half the speed).
struct Window<const K: usize> {
    /// K rows, then one of zeros.
    values: Aligned<f32>,
    /// Floats from one row to the next.
    row: usize,
    /// Floats from one pixel to the next.
    stride: usize,
    /// Columns of zeros on the left.
    left: usize,
    channels: usize,
}

impl<const K: usize> Window<K> {
    fn new<S: Simd>(job: &Job, columns: usize) -> Self {
        let channels = job.packed.shape.channels[0];
        let stride = (channels.div_ceil(S::LANES) | 1) * S::LANES;
        let left = job.packed.shape.padding[1];
        let row = columns.max(left + job.input.width) * stride;
        Self { values: Aligned::zeroed((K + 1) * row), row, stride, left, channels }
    }

    /// Copies row `y` of the map, and nothing that lies beside its channels: another thread may be writing there.
    #[inline(always)]
    unsafe fn take<S: Simd>(&mut self, map: &Map, y: usize) {
        let target = &mut self.values[y % K * self.row..][self.left * self.stride..][..map.width * self.stride];
        let whole = self.channels / S::LANES * S::LANES;
        for (x, pixel) in target.chunks_exact_mut(self.stride).enumerate() {
            unsafe {
                let from = map.data.add((y * map.width + x) * map.stride);
                for chunk in (0..whole).step_by(S::LANES) {
                    S::store(pixel.as_mut_ptr().add(chunk), S::load(from.add(chunk)));
                }
                if whole < self.channels {
                    let rest = from.add(whole);
                    std::ptr::copy_nonoverlapping(rest, pixel.as_mut_ptr().add(whole), self.channels - whole);
                }
            }
        }
    }

    /// Row `y` of the map, which was taken.
    fn map(&self, y: usize, width: usize) -> Map {
        let data = self.values[y % K * self.row + self.left * self.stride..].as_ptr();
        Map { data, height: 1, width, stride: self.stride }
    }

    /// Where the rows from `top` on begin; those outside of the map's `height` rows are zeros.
    fn rows(&self, top: isize, height: usize) -> [*const f32; K] {
        let mut rows = [self.values[K * self.row..].as_ptr(); K];
        for (y, row) in (top..).zip(&mut rows) {
            if (0..height as isize).contains(&y) {
                *row = self.values[y as usize % K * self.row..].as_ptr();
            }
        }
        rows
    }
}

/// A row of sums, N neighbours at a time. Each column is loaded once and goes to all outputs that it belongs to: a load
/// for every two products or so, not for each.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn tiles<S: Simd, const K: usize, const STEP: usize, const N: usize>(
    packed: &PackedDepthwise,
    rows: &[*const f32; K],
    stride: usize,
    sums: MapMut,
) {
    for x in (0..sums.width).step_by(N) {
        let mut weights = packed.weights.as_ptr();
        for chunk in (0..sums.channels).step_by(S::LANES) {
            unsafe {
                let mut acc = [S::load(weights); N];
                weights = weights.add(S::LANES);
                for row in rows {
                    let mut w = [S::splat(0.0); K];
                    for (kx, w) in w.iter_mut().enumerate() {
                        *w = S::load(weights.add(kx * S::LANES));
                    }
                    weights = weights.add(K * S::LANES);
                    let mut from = row.add(x * STEP * stride + chunk);
                    for q in 0..(N - 1) * STEP + K {
                        let v = S::load(from);
                        from = from.wrapping_add(stride);
                        for (i, acc) in acc.iter_mut().enumerate() {
                            // Constant once the loops are unrolled.
                            if q >= i * STEP && q - i * STEP < K {
                                *acc = S::mul_add(v, w[q - i * STEP], *acc);
                            }
                        }
                    }
                }
                let mut to = sums.data.add(x * sums.stride + chunk);
                for v in acc {
                    S::store(to, v);
                    to = to.wrapping_add(sums.stride);
                }
            }
        }
    }
}

/// The input itself, from `input`, with the residual, as the first half of the output's pixels.
#[inline(always)]
unsafe fn same<S: Simd>(job: &Job, input: Map, [first, last]: [usize; 2]) {
    let channels = job.packed.shape.channels[0];
    for at in first..last {
        for chunk in (0..channels).step_by(S::LANES) {
            let lanes = S::LANES.min(channels - chunk);
            unsafe {
                let v = S::load(input.data.add((at - first) * input.stride + chunk));
                store::<S>(v, job.residual, job.output, at, chunk, lanes);
            }
        }
    }
}

/// Any kernel, one output after the other.
#[inline(always)]
unsafe fn any<S: Simd>(job: &Job) {
    let (packed, input, output) = (job.packed, job.input, job.output);
    let shape = &packed.shape;
    let [kh, kw] = shape.kernel;
    let channels = shape.channels[0];
    let behind = if packed.with_input { channels } else { 0 };
    let mut sums = Sums::new(1, channels, S::LANES);
    for at in job.first * output.width..job.last * output.width {
        let top = (at / output.width * shape.stride[0]) as isize - shape.padding[0] as isize;
        let left = (at % output.width * shape.stride[1]) as isize - shape.padding[1] as isize;
        let mut weights = packed.weights.as_ptr();
        for chunk in (0..channels).step_by(S::LANES) {
            unsafe {
                let mut acc = S::load(weights);
                weights = weights.add(S::LANES);
                for tap in 0..kh * kw {
                    let iy = top + (tap / kw * shape.dilation) as isize;
                    let ix = left + (tap % kw * shape.dilation) as isize;
                    if iy >= 0 && iy < input.height as isize && ix >= 0 && ix < input.width as isize {
                        let from = (iy as usize * input.width + ix as usize) * input.stride + chunk;
                        acc = S::mul_add(S::load(input.data.add(from)), S::load(weights), acc);
                    }
                    weights = weights.add(S::LANES);
                }
                S::store(sums.map(0).data.add(chunk), acc);
            }
        }
        unsafe {
            if packed.with_input {
                let pixel = Map { data: input.data.add(at * input.stride), ..input };
                same::<S>(job, pixel, [at, at + 1]);
            }
            sums.finish::<S>(packed.activation, job.residual, output, [behind, channels], [at, at + 1]);
        }
    }
}
