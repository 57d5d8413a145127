//! Depthwise convolution: vectors over channels, a tile of neighbouring outputs at a time.

use super::epilogue::{Sums, store};
use super::simd::Simd;
use super::{Map, MapMut};
use crate::engine::program::{ConvShape, ConvWeights};
use crate::model::Activation;

/// Neighbouring outputs computed together, so that each weight is loaded once for all.
const TILE: usize = 8;

/// Columns that a tile of the fast kernels reads at most.
const COLUMNS: usize = (TILE - 1) * 2 + 5;

/// Weights as `[chunk of channels][bias, ky kx …][lane]`, zero-padded.
pub struct PackedDepthwise {
    shape: ConvShape,
    weights: Vec<f32>,
    zeros: Vec<f32>,
    activation: Activation,
    with_input: bool,
}

impl PackedDepthwise {
    /// Packs for vectors of `lanes` channels; the shape has as many groups as channels.
    pub fn new(shape: ConvShape, source: &ConvWeights, activation: Activation, lanes: usize) -> Self {
        let taps = shape.kernel[0] * shape.kernel[1];
        let channels = shape.channels[0];
        let chunks = channels.div_ceil(lanes);
        let mut weights = vec![0.0; chunks * (1 + taps) * lanes];
        for c in 0..channels {
            let start = c / lanes * (1 + taps) * lanes + c % lanes;
            weights[start] = source.bias[c];
            for tap in 0..taps {
                weights[start + (1 + tap) * lanes] = source.weight[c * taps + tap];
            }
        }
        Self { shape, weights, zeros: vec![0.0; channels + lanes], activation, with_input: false }
    }

    /// The input itself, with the residual, is written before the result's channels (stride 1, "same" padding).
    pub fn with_input(mut self) -> Self {
        self.with_input = true;
        self
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
        match job.output.width % TILE {
            0 => tiles::<S, K, STEP, TILE>(job),
            _ if job.output.width.is_multiple_of(5) => tiles::<S, K, STEP, 5>(job),
            _ => tiles::<S, K, STEP, TILE>(job),
        }
    }
}

#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn tiles<S: Simd, const K: usize, const STEP: usize, const N: usize>(job: &Job) {
    let (packed, input, output) = (job.packed, job.input, job.output);
    let wide = (N - 1) * STEP + K;
    let mut sums = sums::<S>(job, N);
    for y in job.first..job.last {
        let top = (y * STEP) as isize - packed.shape.padding[0] as isize;
        let mut x = 0;
        while x < output.width {
            let count = N.min(output.width - x);
            let left = (x * STEP) as isize - packed.shape.padding[1] as isize;
            let first = y * output.width + x;
            let target = target(job, &mut sums, first);
            let inner =
                top >= 0 && left >= 0 && top as usize + K <= input.height && left as usize + wide <= input.width;
            unsafe {
                if inner {
                    let corner = input.data.add((top as usize * input.width + left as usize) * input.stride);
                    let place = |ky: usize, q: usize| corner.wrapping_add((ky * input.width + q) * input.stride);
                    tile::<S, K, STEP, N>(job, target, [first, count], place);
                } else {
                    let table = table::<K>(job, [top, left], wide);
                    tile::<S, K, STEP, N>(job, target, [first, count], |ky, q| table[ky][q]);
                }
                finish::<S>(job, &mut sums, [first, first + count]);
            }
            x += count;
        }
    }
}

/// Where each column of each row of taps lies; zeros where there is none.
fn table<const K: usize>(job: &Job, [top, left]: [isize; 2], wide: usize) -> [[*const f32; COLUMNS]; K] {
    let input = job.input;
    let mut table = [[job.packed.zeros.as_ptr(); COLUMNS]; K];
    for (ky, pointers) in table.iter_mut().enumerate() {
        let iy = top + ky as isize;
        if iy < 0 || iy >= input.height as isize {
            continue;
        }
        for (q, pointer) in pointers.iter_mut().enumerate().take(wide) {
            let ix = left + q as isize;
            if ix >= 0 && ix < input.width as isize {
                *pointer = input.data.wrapping_add((iy as usize * input.width + ix as usize) * input.stride);
            }
        }
    }
    table
}

/// `count` of N outputs from pixel `first` on, all channels; `place` tells where a tap's first channel lies. Each column is
/// loaded once and goes to all outputs that it belongs to: a load for every two products or so, not for each.
#[inline(always)]
unsafe fn tile<S: Simd, const K: usize, const STEP: usize, const N: usize>(
    job: &Job,
    target: Target,
    [first, count]: [usize; 2],
    place: impl Fn(usize, usize) -> *const f32,
) {
    let channels = job.packed.shape.channels[0];
    let mut chunk = 0;
    let mut weights = job.packed.weights.as_ptr();
    while chunk < channels {
        unsafe {
            let mut acc = [S::load(weights); N];
            weights = weights.add(S::LANES);
            for ky in 0..K {
                let mut w = [S::splat(0.0); K];
                for (kx, w) in w.iter_mut().enumerate() {
                    *w = S::load(weights.add(kx * S::LANES));
                }
                weights = weights.add(K * S::LANES);
                for q in 0..(N - 1) * STEP + K {
                    let v = S::load(place(ky, q).wrapping_add(chunk));
                    for (i, acc) in acc.iter_mut().enumerate() {
                        // Constant once the loops are unrolled.
                        if q >= i * STEP && q - i * STEP < K {
                            *acc = S::mul_add(v, w[q - i * STEP], *acc);
                        }
                    }
                }
            }
            for (i, &v) in acc.iter().enumerate().take(count) {
                put::<S>(job, target, v, first + i, chunk);
            }
        }
        chunk += S::LANES;
    }
}

/// Any kernel, one output after the other.
#[inline(always)]
unsafe fn any<S: Simd>(job: &Job) {
    let (packed, input, output) = (job.packed, job.input, job.output);
    let shape = &packed.shape;
    let [kh, kw] = shape.kernel;
    let mut sums = sums::<S>(job, 1);
    for at in job.first * output.width..job.last * output.width {
        let target = target(job, &mut sums, at);
        let top = (at / output.width * shape.stride[0]) as isize - shape.padding[0] as isize;
        let left = (at % output.width * shape.stride[1]) as isize - shape.padding[1] as isize;
        let mut weights = packed.weights.as_ptr();
        let mut chunk = 0;
        while chunk < shape.channels[0] {
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
                put::<S>(job, target, acc, at, chunk);
            }
            chunk += S::LANES;
        }
        unsafe { finish::<S>(job, &mut sums, [at, at + 1]) };
    }
}

/// Where sums go: to the map itself, or to where they wait for their activation.
#[derive(Clone, Copy)]
struct Target {
    map: MapMut,
    residual: Option<Map>,
    /// The pixel that lies at the map's first place.
    begin: usize,
}

/// A place for the sums of `pixels` pixels, if an activation comes after them.
fn sums<S: Simd>(job: &Job, pixels: usize) -> Option<Sums> {
    let waits = job.packed.activation != Activation::Identity;
    waits.then(|| Sums::new(pixels, job.packed.shape.channels[0], S::LANES))
}

fn behind(job: &Job) -> usize {
    if job.packed.with_input { job.packed.shape.channels[0] } else { 0 }
}

fn target(job: &Job, sums: &mut Option<Sums>, first: usize) -> Target {
    match sums {
        Some(sums) => Target { map: sums.map(behind(job)), residual: None, begin: first },
        None => Target { map: job.output, residual: job.residual, begin: 0 },
    }
}

/// Stores sums; the input goes before them if the operation has two halves.
#[inline(always)]
unsafe fn put<S: Simd>(job: &Job, target: Target, v: S::V, at: usize, chunk: usize) {
    let lanes = S::LANES.min(job.packed.shape.channels[0] - chunk);
    unsafe {
        if job.packed.with_input {
            let same = S::load(job.input.data.add(at * job.input.stride + chunk));
            store::<S>(same, job.residual, job.output, at, chunk, lanes);
        }
        store::<S>(v, target.residual, target.map, at - target.begin, behind(job) + chunk, lanes);
    }
}

/// The activation, and the residual after it, of the pixels `first..last`.
#[inline(always)]
unsafe fn finish<S: Simd>(job: &Job, sums: &mut Option<Sums>, pixels: [usize; 2]) {
    if let Some(sums) = sums {
        let range = [behind(job), job.packed.shape.channels[0]];
        unsafe { sums.finish::<S>(job.packed.activation, job.residual, job.output, range, pixels) };
    }
}
