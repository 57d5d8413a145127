//! Dense convolution in floats as an implicit GEMM: a tile of pixels by output channels stays in registers, and bias,
//! activation and residual are applied before it is stored. Maps are channels-last. There is no im2col buffer: [`im2col`]
//! finds where each tap reads.

mod im2col;
mod pack;

use crate::Activation;
use crate::epilogue::{Accumulator, add_upsampled, store};
use crate::job::{BLOCK, Job};
use crate::simd::Simd;
use crate::{Map, MapMut};
use im2col::{TapOffsets, Taps, contiguous, indirect};
pub use pack::{PackedConv, Panel, split};

/// Runs the job with tiles of `M1`, `M2`, `M3` pixels for panels of one, two and three vectors.
///
/// # Safety
/// The maps must be valid for the packed shape's channels, the output must not be written by anyone else at these
/// pixels, the processor must have the instruction set, and the packing must be for its lanes.
#[inline(always)]
pub unsafe fn convolve<S: Simd, const M1: usize, const M2: usize, const M3: usize>(job: Job<'_, PackedConv>) {
    let packed = job.packed;
    let offsets = TapOffsets::new(packed, &job.input);
    let channels = packed.shape.channels[1] / packed.shape.groups;
    let mut sums = match packed.activation {
        Activation::Identity => None,
        _ => Some(Accumulator::new(BLOCK.min(job.last - job.first), channels, S::LANES)),
    };
    for group in 0..packed.shape.groups {
        let mut block = job.first;
        while block < job.last {
            let end = job.last.min(block + BLOCK);
            // The activation is applied to a whole block of sums.
            let target = match &mut sums {
                None => Target { map: job.output, residual: job.residual, begin: 0, end: (group + 1) * channels },
                Some(sums) => Target { map: sums.map(group * channels), residual: None, begin: block, end: usize::MAX },
            };
            // Panels of one width follow each other and share the addresses of the taps.
            for panels in packed.panels[group].chunk_by(|a, b| a.vectors == b.vectors) {
                // SAFETY: the caller upholds the contract of this function.
                unsafe {
                    match panels[0].vectors {
                        1 => tiles::<S, M1, 1>(&job, &target, &offsets, group, panels, [block, end]),
                        2 => tiles::<S, M2, 2>(&job, &target, &offsets, group, panels, [block, end]),
                        _ => tiles::<S, M3, 3>(&job, &target, &offsets, group, panels, [block, end]),
                    }
                }
            }
            if let Some(sums) = &mut sums {
                let range = [group * channels, channels];
                // SAFETY: the caller upholds the contract of this function.
                unsafe { sums.finish::<S>(packed.activation, job.residual, job.output, range, [block, end]) };
            }
            block = end;
        }
    }
}

/// Where the sums go: to the output map, or to the accumulator where they wait for their activation.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub map: MapMut,
    pub residual: Option<Map>,
    /// The pixel that the map begins with.
    pub begin: usize,
    /// The first channel that is not written.
    pub end: usize,
}

/// Pixels `block..end` of some panels. Not inlined in WebAssembly: browsers allocate registers badly in large functions.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn tiles<S: Simd, const MR: usize, const NV: usize>(
    job: &Job<'_, PackedConv>,
    target: &Target,
    offsets: &TapOffsets,
    group: usize,
    panels: &[Panel],
    [block, end]: [usize; 2],
) {
    let packed = job.packed;
    let base = job.input.data.wrapping_add(group * (packed.shape.channels[0] / packed.shape.groups));
    let count = (end - block).div_ceil(MR);
    let mut table = Vec::new();
    let mut places = [Taps::Indirect { start: 0, entries: 0, run: 0 }; BLOCK / 4];
    let width = job.output.width;
    let (mut y, mut x) = (block / width, block % width);
    for (tile, place) in places.iter_mut().enumerate().take(count) {
        let start = block + tile * MR;
        // SAFETY: the caller upholds the contract of this function.
        *place = match unsafe { contiguous::<MR>(job, offsets, base, start, end, [y, x]) } {
            Some(taps) => taps,
            // SAFETY: the caller upholds the contract of this function.
            None => unsafe { indirect::<MR>(job, base, start, end, &mut table) },
        };
        x += MR;
        while x >= width {
            (y, x) = (y + 1, x - width);
        }
    }
    for panel in panels {
        for (tile, &taps) in places.iter().enumerate().take(count) {
            // SAFETY: the caller upholds the contract of this function.
            unsafe { finish::<S, MR, NV>(job, target, panel, offsets, &table, taps, [block + tile * MR, end]) };
        }
    }
}

/// One tile: bias, products, the upsampled addend, store.
#[inline(always)]
unsafe fn finish<S: Simd, const MR: usize, const NV: usize>(
    job: &Job<'_, PackedConv>,
    target: &Target,
    panel: &Panel,
    offsets: &TapOffsets,
    table: &[[*const f32; MR]],
    taps: Taps,
    [start, end]: [usize; 2],
) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let weights = job.packed.weights.as_ptr().add(panel.start);
        let mut acc = multiply::<S, MR, NV>(offsets, table, taps, weights);
        if let Some((addend, scale)) = job.upsampled_addend {
            add_upsampled::<S, MR, NV>(&mut acc, addend, scale, job.output.width, panel.channel, start);
        }
        put::<S, MR, NV>(target, panel.channel, &acc, [start, end]);
    }
}

/// Stores the sums of the pixels `start..end` of a tile, from `channel` on.
///
/// # Safety
/// As for [`convolve`].
#[inline(always)]
pub(super) unsafe fn put<S: Simd, const MR: usize, const NV: usize>(
    target: &Target,
    channel: usize,
    acc: &[[S::V; NV]; MR],
    [start, end]: [usize; 2],
) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        if start + MR <= end && channel + NV * S::LANES <= target.end && target.residual.is_none() {
            // The common case: whole vectors, no residual.
            let mut to = target.map.data.wrapping_add((start - target.begin) * target.map.stride + channel);
            for values in acc {
                for (j, &v) in values.iter().enumerate() {
                    S::store(to.add(j * S::LANES), v);
                }
                to = to.wrapping_add(target.map.stride);
            }
            return;
        }
        for (i, values) in acc.iter().enumerate().take(end - start) {
            for (j, &v) in values.iter().enumerate() {
                let channel = channel + j * S::LANES;
                let lanes = S::LANES.min(target.end.saturating_sub(channel));
                store::<S>(v, target.residual, target.map, start + i - target.begin, channel, lanes);
            }
        }
    }
}

/// Whether the innermost loop is unrolled over channels. Browsers keep a 4x8 tile in registers only if it is not: 22 GMAC/s
/// instead of 14.
const UNROLLED: bool = cfg!(not(target_arch = "wasm32"));

#[inline(always)]
unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
    offsets: &TapOffsets,
    table: &[[*const f32; MR]],
    taps: Taps,
    weights: *const f32,
) -> [[S::V; NV]; MR] {
    // SAFETY: every pointer has `run` floats behind it; the panel is a bias, then a row of NV vectors per (tap, channel).
    unsafe {
        let mut acc = [[S::splat(0.0); NV]; MR];
        for j in 0..NV {
            let bias = S::load(weights.add(j * S::LANES));
            acc.iter_mut().for_each(|row| row[j] = bias);
        }
        let (from, to, run) = match taps {
            Taps::Contiguous { from, to, .. } => (from, to, offsets.run),
            Taps::Indirect { entries, run, .. } => (0, entries, run),
        };
        let mut w = weights.add((1 + from * run) * NV * S::LANES);
        for entry in from..to {
            let mut at = [std::ptr::null(); MR];
            match taps {
                Taps::Contiguous { first, .. } => {
                    let first = first.wrapping_add(*offsets.starts.get_unchecked(entry));
                    at.iter_mut().enumerate().for_each(|(i, at)| *at = first.wrapping_add(i * offsets.step));
                }
                Taps::Indirect { start, .. } => at = *table.get_unchecked(start + entry),
            }
            let mut left = run;
            // Four channels at a time: one pointer per pixel, the channels are immediate offsets.
            while UNROLLED && left >= 4 {
                for k in 0..4 {
                    step::<S, MR, NV>(&mut acc, &at, k, w.add(k * NV * S::LANES));
                }
                at.iter_mut().for_each(|at| *at = at.add(4));
                w = w.add(4 * NV * S::LANES);
                left -= 4;
            }
            if UNROLLED && left >= 2 {
                step::<S, MR, NV>(&mut acc, &at, 0, w);
                step::<S, MR, NV>(&mut acc, &at, 1, w.add(NV * S::LANES));
                at.iter_mut().for_each(|at| *at = at.add(2));
                w = w.add(2 * NV * S::LANES);
                left -= 2;
            }
            while left > 0 {
                step::<S, MR, NV>(&mut acc, &at, 0, w);
                at.iter_mut().for_each(|at| *at = at.add(1));
                w = w.add(NV * S::LANES);
                left -= 1;
            }
        }
        acc
    }
}

/// The products of one input channel.
#[inline(always)]
unsafe fn step<S: Simd, const MR: usize, const NV: usize>(
    acc: &mut [[S::V; NV]; MR],
    from: &[*const f32; MR],
    c: usize,
    w: *const f32,
) {
    // SAFETY: the caller upholds the contract of this function.
    unsafe {
        let mut b = [S::splat(0.0); NV];
        b.iter_mut().enumerate().for_each(|(j, b)| *b = S::load(w.add(j * S::LANES)));
        for i in 0..MR {
            let a = S::splat(*from[i].add(c));
            for j in 0..NV {
                acc[i][j] = S::mul_add(a, b[j], acc[i][j]);
            }
        }
    }
}
