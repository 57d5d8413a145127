//! Depthwise convolution: vectors over channels, a tile of neighbouring outputs at a time.

use crate::aligned::Aligned;
use crate::epilogue::{Accumulator, store};
use crate::simd::Simd;
use crate::{Activation, ConvShape, ConvWeights};
use crate::{Map, MapMut};

/// Neighbouring outputs that are computed together: each weight is loaded once for all of them.
const TILE: usize = 8;

/// Packed weights: `[chunk of channels][bias, ky kx …][lane]`, padded with zeros.
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

    /// Also writes the input, with the residual, before the channels of the result (stride 1, "same" padding).
    pub fn with_input(mut self) -> Self {
        self.with_input = true;
        self
    }

    /// Channels of the result.
    pub fn channels(&self) -> usize {
        self.shape.channels[1]
    }

    /// Number of packed floats.
    pub fn floats(&self) -> usize {
        self.weights.len()
    }
}

/// A job of this kernel: output rows.
pub type Job<'a> = crate::job::Job<'a, PackedDepthwise>;

/// Runs the job.
///
/// # Safety
/// As for the dense convolution; all maps must have [`crate::READ_PADDING`] readable floats after their end.
#[inline(always)]
pub unsafe fn depthwise<S: Simd>(job: Job) {
    let shape = &job.packed.shape;
    let square = shape.kernel[0] == shape.kernel[1] && shape.stride[0] == shape.stride[1] && shape.dilation == 1;
    // SAFETY: the caller upholds the contract of this function.
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

/// A square kernel of K by K taps with stride STEP, in tiles that fit the width.
#[inline(always)]
unsafe fn rows<S: Simd, const K: usize, const STEP: usize>(job: &Job) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        if !job.output.width.is_multiple_of(TILE) && job.output.width.is_multiple_of(5) {
            row_by_row::<S, K, STEP, 5>(job);
        } else {
            row_by_row::<S, K, STEP, TILE>(job);
        }
    }
}

/// Row by row: a window holds the input rows, and the activation is applied to a whole row of sums.
#[inline(always)]
unsafe fn row_by_row<S: Simd, const K: usize, const STEP: usize, const N: usize>(job: &Job) {
    let (packed, output) = (job.packed, job.output);
    let (channels, width) = (packed.shape.channels[0], output.width);
    let mut window = Window::<K>::new::<S>(job, (width.next_multiple_of(N) - 1) * STEP + K);
    let mut sums = Accumulator::new(width.next_multiple_of(N), channels, S::LANES);
    let behind = if packed.with_input { channels } else { 0 };
    let mut next = 0;
    for y in job.first..job.last {
        let top = (y * STEP) as isize - packed.shape.padding[0] as isize;
        next = next.max(top.max(0) as usize);
        let pixels = [y * width, (y + 1) * width];
        // SAFETY: the caller upholds the contract of this function.
        unsafe {
            while next < job.input.height && (next as isize) < top + K as isize {
                window.take::<S>(&job.input, next);
                next += 1;
            }
            let rows = window.rows(top, job.input.height);
            tiles::<S, K, STEP, N>(packed, &rows, window.stride, sums.map(0));
            if packed.with_input {
                write_input::<S>(job, window.map(y, width), pixels);
            }
            sums.finish::<S>(packed.activation, job.residual, output, [behind, channels], pixels);
        }
    }
}

/// The K input rows that a row of outputs reads, with their zero padding, so that all tiles are alike.
///
/// Pixels are an odd number of vectors apart. In maps it is often a power of two, and neighbouring pixels then compete for
/// a few lines of the L1 cache, which halves the speed.
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

    /// Copies the channels of row `y` of the map, and not one float more: another thread may be writing beside them.
    #[inline(always)]
    unsafe fn take<S: Simd>(&mut self, map: &Map, y: usize) {
        let target = &mut self.values[y % K * self.row..][self.left * self.stride..][..map.width * self.stride];
        let whole = self.channels / S::LANES * S::LANES;
        for (x, pixel) in target.chunks_exact_mut(self.stride).enumerate() {
            // SAFETY: the caller upholds the contract of this function.
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

    /// Row `y` of the map, which was copied before.
    fn map(&self, y: usize, width: usize) -> Map {
        let data = self.values[y % K * self.row + self.left * self.stride..].as_ptr();
        Map { data, height: 1, width, stride: self.stride }
    }

    /// Pointers to the K rows from `top` on. Rows outside of the map's `height` rows are zeros.
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

/// A row of sums, N neighbours at a time. Each column is loaded once and used for all outputs that read it.
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
            // SAFETY: the caller upholds the contract of this function.
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

/// Writes the input, with the residual, to the first half of the output's channels.
#[inline(always)]
unsafe fn write_input<S: Simd>(job: &Job, input: Map, [first, last]: [usize; 2]) {
    let channels = job.packed.shape.channels[0];
    for at in first..last {
        for chunk in (0..channels).step_by(S::LANES) {
            let lanes = S::LANES.min(channels - chunk);
            // SAFETY: the caller upholds the contract of this function.
            unsafe {
                let v = S::load(input.data.add((at - first) * input.stride + chunk));
                store::<S>(v, job.residual, job.output, at, chunk, lanes);
            }
        }
    }
}

/// Any other kernel, one output after the other.
#[inline(always)]
unsafe fn any<S: Simd>(job: &Job) {
    let (packed, input, output) = (job.packed, job.input, job.output);
    let shape = &packed.shape;
    let [kh, kw] = shape.kernel;
    let channels = shape.channels[0];
    let behind = if packed.with_input { channels } else { 0 };
    let mut sums = Accumulator::new(1, channels, S::LANES);
    for at in job.first * output.width..job.last * output.width {
        let top = (at / output.width * shape.stride[0]) as isize - shape.padding[0] as isize;
        let left = (at % output.width * shape.stride[1]) as isize - shape.padding[1] as isize;
        let mut weights = packed.weights.as_ptr();
        for chunk in (0..channels).step_by(S::LANES) {
            // SAFETY: the caller upholds the contract of this function.
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
        // SAFETY: the caller upholds the contract of this function.
        unsafe {
            if packed.with_input {
                let pixel = Map { data: input.data.add(at * input.stride), ..input };
                write_input::<S>(job, pixel, [at, at + 1]);
            }
            sums.finish::<S>(packed.activation, job.residual, output, [behind, channels], [at, at + 1]);
        }
    }
}
