//! Dense convolution in int16: inputs and weights are quantized to 16-bit integers. Products accumulate in i32 and spill to
//! f32 every 128 pairs to avoid overflow. x86 multiplies and adds twice as many i16 as f32 in two instructions.
//!
//! Scales are dynamic. A 1x1 convolution scales its input per pixel, another one per map, by the largest magnitude. Weights
//! are scaled per output channel, up to where no sum can overflow. Both sides keep about 14 bits.

mod pack;
mod source;

use crate::Activation;
use crate::Map;
use crate::aligned::Aligned;
use crate::conv::{Panel, Target, put};
use crate::epilogue::{Accumulator, add_upsampled};
use crate::job::BLOCK;
use crate::simd::Simd;
pub use pack::PackedInt16;
use pack::Segment;
pub use source::{Source, magnitude};
use source::{factors, largest, magnitude_of, round};

/// Pixels of the smaller tiles at the end of a block.
const REST: usize = 4;

/// A job of this kernel: output rows, or output pixels if the convolution is 1x1 with stride 1.
pub type Job<'a> = crate::job::Job<'a, PackedInt16, Source<'a>>;

/// Runs the job with tiles of MR pixels.
///
/// # Safety
/// As for [`crate::conv::convolve`].
#[inline(always)]
pub unsafe fn convolve<S: Simd, const MR: usize>(job: Job) {
    let shape = &job.packed.shape;
    let channels = shape.channels[1];
    let mut sums = match job.packed.activation {
        Activation::Identity => None,
        _ => Some(Accumulator::new(BLOCK, channels, S::LANES)),
    };
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        match job.input {
            Source::Map(map, _) if shape.is_pointwise() => pointwise::<S, MR>(&job, map, &mut sums),
            _ => windowed::<S, MR>(&job, &mut sums),
        }
    }
}

/// A 1x1 convolution: every pixel has its own scale.
#[inline(always)]
unsafe fn pointwise<S: Simd, const MR: usize>(job: &Job, input: Map, sums: &mut Option<Accumulator>) {
    let cin = job.packed.shape.channels[0];
    // An odd number of cache lines apart: at powers of two, pixels would compete for a few lines of the cache.
    let stride = (cin.div_ceil(32) | 1) * 32;
    let mut numbers = Aligned::<i16>::zeroed(BLOCK * stride);
    let (mut places, mut scales, mut inverse) = ([std::ptr::null(); BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
    for block in (job.first..job.last).step_by(BLOCK) {
        let count = BLOCK.min(job.last - block);
        let from = |i: usize| input.data.wrapping_add((block + i) * input.stride);
        // Three passes over the pixels: each is a chain of dependent operations, and other pixels fill its latency.
        for (i, scale) in scales.iter_mut().enumerate().take(count) {
            // SAFETY: the caller upholds the contract of this function.
            unsafe { *scale = largest::<S>(magnitude_of::<S>(S::splat(0.0), from(i), cin)) };
        }
        for (scale, inverse) in scales.iter_mut().zip(&mut inverse) {
            [*scale, *inverse] = factors(job.packed.most, *scale);
        }
        for i in 0..count {
            // SAFETY: the caller upholds the contract of this function.
            unsafe {
                let to = numbers.as_mut_ptr().add(i * stride);
                round::<S>(from(i), to, cin, scales[i]);
                places[i] = to.cast_const();
            }
        }
        // SAFETY: the caller upholds the contract of this function.
        unsafe { tiles::<S, MR>(job, sums, &places, &inverse, [block, block + count]) };
    }
}

/// Any other kernel: a ring of quantized input rows with their zero padding, from which output rows are computed.
#[inline(always)]
unsafe fn windowed<S: Simd, const MR: usize>(job: &Job, sums: &mut Option<Accumulator>) {
    let (shape, [height, columns], width) = (&job.packed.shape, job.input.size(), job.output.width);
    let ([kh, kw], [sy, sx], [py, px], cin) = (shape.kernel, shape.stride, shape.padding, shape.channels[0]);
    let together = (BLOCK / width).max(1);
    let rows = (together - 1) * sy + kh;
    let row = ((width - 1) * sx + kw).max(px + columns) * cin;
    // The last row stays zero.
    let mut numbers = Aligned::<i16>::zeroed((rows + 1) * row);
    let [factor, back] = job.input.factors(job.packed.most);
    let (mut places, inverse) = (vec![std::ptr::null(); kh * BLOCK], [back; BLOCK]);
    let mut next = (job.first * sy).saturating_sub(py);
    for first in (job.first..job.last).step_by(together) {
        let last = job.last.min(first + together);
        let end = ((last - 1) * sy + kh).saturating_sub(py).min(height);
        next = next.max((first * sy).saturating_sub(py));
        for y in next..end {
            let to = &mut numbers[y % rows * row..][px * cin..][..columns * cin];
            // SAFETY: the caller upholds the contract of this function.
            unsafe { job.input.row::<S>(y, cin, factor, to) };
        }
        next = next.max(end);
        for block in (first * width..last * width).step_by(BLOCK) {
            let count = BLOCK.min(last * width - block);
            let (mut begin, mut y, mut x) = (0, block / width, block % width);
            while begin < count {
                let run = (width - x).min(count - begin);
                for ky in 0..kh {
                    let line = (y * sy + ky).wrapping_sub(py);
                    let line = if line < height { line % rows } else { rows };
                    let from = &numbers[line * row + x * sx * cin..];
                    for (i, place) in places[ky * BLOCK + begin..][..run].iter_mut().enumerate() {
                        *place = from[i * sx * cin..].as_ptr();
                    }
                }
                (begin, y, x) = (begin + run, y + 1, 0);
            }
            // SAFETY: the caller upholds the contract of this function.
            unsafe { tiles::<S, MR>(job, sums, &places, &inverse, [block, block + count]) };
        }
    }
}

/// Output pixels `block..end`. `places`: where each pixel's rows of taps begin. `inverse`: each pixel's dequantization factor.
#[inline(always)]
unsafe fn tiles<S: Simd, const MR: usize>(
    job: &Job,
    sums: &mut Option<Accumulator>,
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
        // SAFETY: the caller upholds the contract of this function.
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
        // SAFETY: the caller upholds the contract of this function.
        unsafe { sums.finish::<S>(packed.activation, job.residual, job.output, [0, channels], [block, end]) };
    }
}

/// One panel. Not inlined in WebAssembly: browsers allocate registers badly in large functions.
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
    let (mut start, block) = (block, [block, end]);
    while start + MR <= end || (MR <= REST && start < end) {
        // SAFETY: the caller upholds the contract of this function.
        unsafe { tile::<S, MR, NV>(job, target, panel, places, inverse, start, block) };
        start += MR;
    }
    // The rest is too small for a large tile.
    while MR > REST && start < end {
        // SAFETY: the caller upholds the contract of this function.
        unsafe { tile::<S, REST, NV>(job, target, panel, places, inverse, start, block) };
        start += REST;
    }
}

/// Pixels from `start` on, and as many outputs as the panel has vectors for.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NV: usize>(
    job: &Job,
    target: &Target,
    panel: &Panel,
    places: &[*const i16],
    inverse: &[f32],
    start: usize,
    [block, end]: [usize; 2],
) {
    let packed = job.packed;
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let mut whole = [[S::splat(0.0); NV]; MR];
        let mut acc = whole;
        let mut weights = packed.weights.as_ptr().add(panel.start);
        // A tile that reaches past the end repeats the last pixel.
        let index: [usize; MR] = std::array::from_fn(|i| (start + i).min(end - 1) - block);
        for &Segment { row, pairs: [first, last], ends } in &packed.segments {
            let mut at: [*const i16; MR] = std::array::from_fn(|i| places[row * BLOCK + index[i]].add(2 * first));
            // One pair per iteration: with several, compilers add the products first and run out of registers.
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
        if let Some((addend, scale)) = job.upsampled_addend {
            add_upsampled::<S, MR, NV>(&mut acc, addend, scale, job.output.width, panel.channel, start);
        }
        put::<S, MR, NV>(target, panel.channel, &acc, [start, end]);
    }
}

/// The products of one pair of numbers of each pixel.
#[inline(always)]
unsafe fn step<S: Simd, const MR: usize, const NV: usize>(
    sums: &mut [[S::V; NV]; MR],
    at: &[*const i16; MR],
    weights: *const i16,
) {
    // SAFETY: the caller upholds the contract of this function.
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
