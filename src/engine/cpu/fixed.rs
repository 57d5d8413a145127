//! Dense convolution with 16-bit numbers: what is multiplied is rounded, the products are added up as 32-bit whole numbers
//! and now and then as floats. x86 multiplies and adds twice as many 16-bit numbers in two instructions as floats.
//!
//! A 1x1 convolution's input is scaled pixel by pixel, another's by the largest magnitude of its map; weights are scaled
//! output by output, as large as no sum can overflow: about 14 bits of both are used.

use super::conv::{Panel, Target, put, split};
use super::epilogue::{Sums, add_coarse};
use super::simd::Simd;
use super::{Map, MapMut};
use crate::engine::program::{ConvShape, ConvWeights};
use crate::model::Activation;

/// Pixels handled together while a panel of weights stays in the first-level cache.
const BLOCK: usize = 48;

/// Pairs of products that are added up as whole numbers, at most: the fewer, the larger the numbers may be.
const SUMMED: usize = 128;

/// Neighbouring taps and channels of a row of the kernel.
#[derive(Clone, Copy)]
struct Segment {
    row: usize,
    /// The first pair and one past the last.
    pairs: [usize; 2],
    /// Whether sums become floats after it.
    ends: bool,
}

/// The kernel's rows of `pairs` pairs, such that at most [`SUMMED`] come between two ends.
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

/// Packed weights.
pub struct PackedFixed {
    shape: ConvShape,
    segments: Vec<Segment>,
    panels: Vec<Panel>,
    /// Panel by panel `[ky][kx c1 in pairs][output][2]`.
    weights: Vec<i16>,
    /// What a sum is multiplied with, and what is added to it, for each output; zero-padded.
    scales: Vec<f32>,
    biases: Vec<f32>,
    /// The largest magnitude of what weights are multiplied with.
    most: f32,
    activation: Activation,
}

/// What a convolution reads.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// A map, and the largest magnitude in the rows that are read; a flat convolution finds those pixel by pixel.
    Map(Map, f32),
    /// A picture's bytes, which stand for a 255th each, and its `[height, width]`.
    Bytes(&'a [u8], [usize; 2]),
}

impl Source<'_> {
    fn size(&self) -> [usize; 2] {
        match self {
            Self::Map(map, _) => [map.height, map.width],
            Self::Bytes(_, size) => *size,
        }
    }

    /// What to multiply with to get whole numbers up to `most`, and what takes that back.
    fn factors(&self, most: f32) -> [f32; 2] {
        match self {
            Self::Map(_, magnitude) => factors(most, *magnitude),
            // So that bytes stay exact.
            Self::Bytes(..) => [(most / 255.0).floor(), 1.0 / (255.0 * (most / 255.0).floor())],
        }
    }

    /// Row `y` of `channels` channels, times `factor`, as whole numbers.
    #[inline(always)]
    unsafe fn row<S: Simd>(&self, y: usize, channels: usize, factor: f32, to: &mut [i16]) {
        match self {
            Self::Bytes(bytes, [_, width]) => {
                let row = &bytes[y * width * channels..][..width * channels];
                to.iter_mut().zip(row).for_each(|(to, &byte)| *to = i16::from(byte) * factor as i16);
            }
            Self::Map(map, _) => {
                // Pixels without gaps are one run.
                let [runs, values] =
                    if map.stride == channels { [1, map.width * channels] } else { [map.width, channels] };
                for (x, to) in to.chunks_exact_mut(values).enumerate().take(runs) {
                    let from = map.data.wrapping_add((y * map.width + x) * map.stride);
                    unsafe { round::<S>(from, to.as_mut_ptr(), values, factor) };
                }
            }
        }
    }
}

/// What one call computes: output rows `first..last`, or output pixels if the convolution is flat.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The weights.
    pub packed: &'a PackedFixed,
    /// What is read.
    pub input: Source<'a>,
    /// What is added after the activation.
    pub residual: Option<Map>,
    /// What is added before it, and how many times smaller its sides are.
    pub coarse: Option<(Map, usize)>,
    /// What is written.
    pub output: MapMut,
    /// First row or pixel.
    pub first: usize,
    /// One past the last.
    pub last: usize,
}

impl PackedFixed {
    /// Whether a convolution can be done with 16 bits, and has enough outputs that rounding its input is worth while.
    pub fn fits(shape: &ConvShape) -> bool {
        let run = shape.kernel[1] * shape.channels[0];
        shape.groups == 1
            && shape.dilation == 1
            && run.is_multiple_of(2)
            && shape.channels[1] >= if shape.is_flat() { 32 } else { 16 }
    }

    /// Packs for vectors of `lanes` outputs, at most `vectors` in a panel.
    pub fn new(shape: ConvShape, source: &ConvWeights, activation: Activation, lanes: usize, vectors: usize) -> Self {
        let ([kh, kw], [cin, cout]) = (shape.kernel, shape.channels);
        let (taps, segments) = (kh * kw * cin, segments(kh, kw * cin / 2));
        // Both sides of a product get about as many bits as their sizes ask for.
        let summed = taps.min(2 * SUMMED) as f64;
        let most = (2.0_f64.powi(34) / summed).sqrt().min(16383.0).floor();
        let padded = cout.next_multiple_of(lanes);
        let (mut scales, mut factors) = (vec![0.0; padded], vec![0.0; padded]);
        for o in 0..cout {
            let weights = &source.weight[o * taps..][..taps];
            let weight = |row: usize, i: usize| f64::from(weights[(i % cin * kh + row) * kw + i / cin].abs());
            let (mut largest, mut sum, mut largest_sum) = (0.0_f64, 0.0, 0.0_f64);
            for &Segment { row, pairs: [first, last], ends } in &segments {
                for i in 2 * first..2 * last {
                    largest = largest.max(weight(row, i));
                    sum += weight(row, i);
                }
                if ends {
                    largest_sum = largest_sum.max(sum);
                    sum = 0.0;
                }
            }
            // Rounding adds a half to each weight at most.
            let factor = (32767.0 / largest).min((f64::from(i32::MAX) / most - 0.5 * summed) / largest_sum);
            if factor.is_finite() {
                (factors[o], scales[o]) = (factor, (1.0 / factor) as f32);
            }
            if !weights.iter().all(|w| w.is_finite()) {
                // What is no number makes none.
                (factors[o], scales[o]) = (0.0, f32::NAN);
            }
        }
        let mut biases = vec![0.0; padded];
        biases[..cout].copy_from_slice(&source.bias);
        let (mut weights, mut panels, mut first) = (Vec::with_capacity(padded * taps), Vec::new(), 0);
        for vectors in split(cout, lanes, vectors) {
            panels.push(Panel { channel: first, vectors, start: weights.len() });
            for ky in 0..kh {
                for pair in (0..kw * cin).step_by(2) {
                    for (o, i) in (first..first + vectors * lanes).flat_map(|o| [(o, pair), (o, pair + 1)]) {
                        let (kx, c) = (i / cin, i % cin);
                        let weight = source.weight.get(((o * cin + c) * kh + ky) * kw + kx).filter(|_| o < cout);
                        weights.push(weight.map_or(0, |&w| (f64::from(w) * factors[o]).round() as i16));
                    }
                }
            }
            first += vectors * lanes;
        }
        Self { shape, segments, panels, weights, scales, biases, most: most as f32, activation }
    }

    /// The geometry.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        2 * self.weights.len() + 4 * (self.scales.len() + self.biases.len())
    }
}

/// The largest magnitude in the rows `first..last` of a map; infinite or NaN if something in it is.
///
/// # Safety
/// The processor has the instruction set; the map has these channels.
#[inline(always)]
pub unsafe fn magnitude<S: Simd>(map: Map, channels: usize, [first, last]: [usize; 2]) -> f32 {
    unsafe {
        let mut most = S::splat(0.0);
        for pixel in first * map.width..last * map.width {
            most = magnitude_of::<S>(most, map.data.add(pixel * map.stride), channels);
        }
        largest::<S>(most)
    }
}

#[inline(always)]
unsafe fn magnitude_of<S: Simd>(mut most: S::V, from: *const f32, channels: usize) -> S::V {
    unsafe {
        let whole = channels / S::LANES * S::LANES;
        for c in (0..whole).step_by(S::LANES) {
            most = S::max_magnitude(most, S::load(from.add(c)));
        }
        for c in whole..channels {
            most = S::max_magnitude(most, S::splat(*from.add(c)));
        }
        most
    }
}

#[inline(always)]
unsafe fn largest<S: Simd>(most: S::V) -> f32 {
    let mut values = [0.0_f32; 16];
    unsafe { S::store(values.as_mut_ptr(), most) };
    f32::from_bits(values[..S::LANES].iter().fold(0, |most, v| most.max(v.to_bits())))
}

/// `channels` values times `factor` as whole numbers.
#[inline(always)]
unsafe fn round<S: Simd>(from: *const f32, to: *mut i16, channels: usize, factor: f32) {
    unsafe {
        let (wide, by) = (2 * S::LANES, S::splat(factor));
        let whole = channels / wide * wide;
        for c in (0..whole).step_by(wide) {
            let low = S::mul(S::load(from.add(c)), by);
            let high = S::mul(S::load(from.add(c + S::LANES)), by);
            S::store_rounded(to.add(c), low, high);
        }
        for c in whole..channels {
            to.add(c).write((*from.add(c) * factor).round_ties_even() as i16);
        }
    }
}

/// What to multiply with so that `magnitude` becomes `most`, and what takes that back. A magnitude that is no number makes
/// all results none.
fn factors(most: f32, magnitude: f32) -> [f32; 2] {
    match magnitude {
        m if !m.is_finite() => [0.0, f32::NAN],
        // Smaller ones would have infinite factors.
        m if m < 1e-30 => [0.0, 0.0],
        m => [most / m, m / most],
    }
}

/// Runs the job with tiles of MR pixels.
///
/// # Safety
/// As for [`super::conv::convolve`].
#[inline(always)]
pub unsafe fn convolve<S: Simd, const MR: usize>(job: Job) {
    let shape = &job.packed.shape;
    let channels = shape.channels[1];
    let mut sums = match job.packed.activation {
        Activation::Identity => None,
        _ => Some(Sums::new(BLOCK, channels, S::LANES)),
    };
    unsafe {
        match job.input {
            Source::Map(map, _) if shape.is_flat() => flat::<S, MR>(&job, map, &mut sums),
            _ => windowed::<S, MR>(&job, &mut sums),
        }
    }
}

/// Pixel by pixel, each with a scale of its own.
#[inline(always)]
unsafe fn flat<S: Simd, const MR: usize>(job: &Job, input: Map, sums: &mut Option<Sums>) {
    let cin = job.packed.shape.channels[0];
    let mut numbers = vec![0_i16; BLOCK * cin];
    let (mut places, mut inverse) = ([std::ptr::null(); BLOCK], [0.0; BLOCK]);
    for block in (job.first..job.last).step_by(BLOCK) {
        let count = BLOCK.min(job.last - block);
        for i in 0..count {
            unsafe {
                let from = input.data.add((block + i) * input.stride);
                let to = numbers.as_mut_ptr().add(i * cin);
                let most = largest::<S>(magnitude_of::<S>(S::splat(0.0), from, cin));
                let [factor, back] = factors(job.packed.most, most);
                round::<S>(from, to, cin, factor);
                (places[i], inverse[i]) = (to.cast_const(), back);
            }
        }
        unsafe { tiles::<S, MR>(job, sums, &places, &inverse, [block, block + count]) };
    }
}

/// Rows of the input as whole numbers, with the zeros around the map, while rows of the output are made from them.
#[inline(always)]
unsafe fn windowed<S: Simd, const MR: usize>(job: &Job, sums: &mut Option<Sums>) {
    let (shape, [height, columns], width) = (&job.packed.shape, job.input.size(), job.output.width);
    let ([kh, kw], [sy, sx], [py, px], cin) = (shape.kernel, shape.stride, shape.padding, shape.channels[0]);
    let together = (BLOCK / width).max(1);
    let rows = (together - 1) * sy + kh;
    let row = ((width - 1) * sx + kw).max(px + columns) * cin;
    // The last row stays zero.
    let mut numbers = vec![0_i16; (rows + 1) * row];
    let [factor, back] = job.input.factors(job.packed.most);
    let (mut places, inverse) = (vec![std::ptr::null(); kh * BLOCK], [back; BLOCK]);
    let mut next = (job.first * sy).saturating_sub(py);
    for first in (job.first..job.last).step_by(together) {
        let last = job.last.min(first + together);
        let end = ((last - 1) * sy + kh).saturating_sub(py).min(height);
        next = next.max((first * sy).saturating_sub(py));
        for y in next..end {
            let to = &mut numbers[y % rows * row..][px * cin..][..columns * cin];
            unsafe { job.input.row::<S>(y, cin, factor, to) };
        }
        next = next.max(end);
        for block in (first * width..last * width).step_by(BLOCK) {
            let count = BLOCK.min(last * width - block);
            for (ky, places) in places.chunks_exact_mut(BLOCK).enumerate() {
                for (pixel, place) in (block..block + count).zip(places) {
                    let (y, x) = ((pixel / width * sy + ky) as isize - py as isize, pixel % width * sx);
                    let line = if (0..height as isize).contains(&y) { y as usize % rows } else { rows };
                    *place = numbers[line * row + x * cin..].as_ptr();
                }
            }
            unsafe { tiles::<S, MR>(job, sums, &places, &inverse, [block, block + count]) };
        }
    }
}

/// Output pixels `block..end`: `places` tells where each row of taps of each begins, `inverse` what takes its scale back.
#[inline(always)]
unsafe fn tiles<S: Simd, const MR: usize>(
    job: &Job,
    sums: &mut Option<Sums>,
    places: &[*const i16],
    inverse: &[f32],
    [block, end]: [usize; 2],
) {
    let packed = job.packed;
    let channels = packed.shape.channels[1];
    let target = match sums {
        None => Target { map: job.output, residual: job.residual, begin: 0, end: channels },
        Some(sums) => Target { map: sums.map(0), residual: None, begin: block, end: usize::MAX },
    };
    for panel in &packed.panels {
        unsafe {
            match panel.vectors {
                1 => panel_of::<S, MR, 1>(job, &target, panel, places, inverse, [block, end]),
                2 => panel_of::<S, MR, 2>(job, &target, panel, places, inverse, [block, end]),
                3 => panel_of::<S, MR, 3>(job, &target, panel, places, inverse, [block, end]),
                _ => panel_of::<S, MR, 4>(job, &target, panel, places, inverse, [block, end]),
            }
        }
    }
    if let Some(sums) = sums {
        unsafe { sums.finish::<S>(packed.activation, job.residual, job.output, [0, channels], [block, end]) };
    }
}

/// One panel. A function of its own in WebAssembly: browsers allocate registers badly in large ones.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn panel_of<S: Simd, const MR: usize, const NV: usize>(
    job: &Job,
    target: &Target,
    panel: &Panel,
    places: &[*const i16],
    inverse: &[f32],
    [block, end]: [usize; 2],
) {
    let packed = job.packed;
    for start in (block..end).step_by(MR) {
        unsafe {
            let mut whole = [[S::splat(0.0); NV]; MR];
            let mut acc = whole;
            let mut weights = packed.weights.as_ptr().add(panel.start);
            // A tile that reaches too far repeats the last pixel.
            let index: [usize; MR] = std::array::from_fn(|i| (start + i).min(end - 1) - block);
            for &Segment { row, pairs: [first, last], ends } in &packed.segments {
                let mut at: [*const i16; MR] = std::array::from_fn(|i| places[row * BLOCK + index[i]].add(2 * first));
                // One pair a turn: of several, compilers add up the products first, in more registers than there are.
                for _ in first..last {
                    step::<S, MR, NV>(&mut whole, &at, weights);
                    at.iter_mut().for_each(|at| *at = at.add(2));
                    weights = weights.add(NV * 2 * S::LANES);
                }
                if ends {
                    for i in 0..MR {
                        for j in 0..NV {
                            acc[i][j] = S::add(acc[i][j], S::floats(whole[i][j]));
                            whole[i][j] = S::splat(0.0);
                        }
                    }
                }
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                let back = S::splat(inverse[index[i]]);
                for (j, v) in acc.iter_mut().enumerate() {
                    let channel = panel.channel + j * S::LANES;
                    let scale = S::mul(back, S::load(packed.scales.as_ptr().add(channel)));
                    *v = S::mul_add(*v, scale, S::load(packed.biases.as_ptr().add(channel)));
                }
            }
            if let Some((coarse, scale)) = job.coarse {
                add_coarse::<S, MR, NV>(&mut acc, coarse, scale, job.output.width, panel.channel, start);
            }
            put::<S, MR, NV>(target, panel.channel, &acc, [start, end]);
        }
    }
}

/// The products of one pair of numbers of each pixel.
#[inline(always)]
unsafe fn step<S: Simd, const MR: usize, const NV: usize>(
    sums: &mut [[S::V; NV]; MR],
    at: &[*const i16; MR],
    weights: *const i16,
) {
    unsafe {
        let mut w = [S::splat(0.0); NV];
        w.iter_mut().enumerate().for_each(|(j, w)| *w = S::pairs(weights.add(j * 2 * S::LANES)));
        for i in 0..MR {
            let a = S::pair(at[i]);
            for j in 0..NV {
                sums[i][j] = S::dot(a, w[j], sums[i][j]);
            }
        }
    }
}
