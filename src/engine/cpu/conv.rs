//! Dense convolution as an implicit GEMM: tiles of pixels by outputs held in registers, bias, activation and residual
//! applied before they are stored. Maps are channels-last; no im2col buffer exists.

use super::aligned::Aligned;
use super::epilogue::{Sums, add_coarse, store};
use super::simd::Simd;
use super::taps::{Lines, Taps, along, gather};
use super::{Map, MapMut};
use crate::engine::program::{ConvShape, ConvWeights};
use crate::model::Activation;

/// Pixels handled together while a panel of weights stays in the first-level cache: a multiple of all tile heights.
const BLOCK: usize = 48;

/// Outputs computed together: `vectors` of them from `channel` on.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub channel: usize,
    pub vectors: usize,
    /// Where its bias begins, with its weights behind it as `[ky][kx][c1][lane]`.
    pub start: usize,
}

/// Packed weights: panels of up to `most` vectors, zero-padded.
pub struct PackedConv {
    pub(super) shape: ConvShape,
    /// One list per group.
    panels: Vec<Vec<Panel>>,
    weights: Aligned<f32>,
    /// What taps outside of the map read.
    pub(super) zeros: Vec<f32>,
    activation: Activation,
    pub(super) flat: bool,
}

/// Vectors in each panel for `outputs` outputs: as many as fit, and no lonely one at the end if it can be helped.
pub(super) fn split(outputs: usize, lanes: usize, most: usize) -> Vec<usize> {
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
        let flat = shape.is_flat();
        Self { shape, panels, weights, zeros: vec![0.0; cin * kw], activation, flat }
    }

    /// Floats held.
    pub fn floats(&self) -> usize {
        self.weights.len()
    }
}

/// What one call computes: output pixels `first..last`, counted row by row.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The weights.
    pub packed: &'a PackedConv,
    /// What is read.
    pub input: Map,
    /// What is added after the activation.
    pub residual: Option<Map>,
    /// What is added before it, and how many times smaller its sides are.
    pub coarse: Option<(Map, usize)>,
    /// What is written.
    pub output: MapMut,
    /// First pixel.
    pub first: usize,
    /// One past the last pixel.
    pub last: usize,
}

/// Runs the job with tiles of `M1`, `M2`, `M3` pixels for panels of one, two and three vectors.
///
/// # Safety
/// The maps must be valid for the packed shape's channels, the output must not be written by anyone else at these
/// pixels, the processor must have the instruction set, and the packing must be for its lanes.
#[inline(always)]
pub unsafe fn convolve<S: Simd, const M1: usize, const M2: usize, const M3: usize>(job: Job) {
    let packed = job.packed;
    let lines = Lines::new(packed, &job.input);
    let channels = packed.shape.channels[1] / packed.shape.groups;
    let mut sums = match packed.activation {
        Activation::Identity => None,
        _ => Some(Sums::new(BLOCK.min(job.last - job.first), channels, S::LANES)),
    };
    for group in 0..packed.shape.groups {
        let mut block = job.first;
        while block < job.last {
            let end = job.last.min(block + BLOCK);
            // An activation goes over the sums of a block once they are complete.
            let target = match &mut sums {
                None => Target { map: job.output, residual: job.residual, begin: 0, end: (group + 1) * channels },
                Some(sums) => Target { map: sums.map(group * channels), residual: None, begin: block, end: usize::MAX },
            };
            // Panels of one width follow each other and share the places of the taps.
            for panels in packed.panels[group].chunk_by(|a, b| a.vectors == b.vectors) {
                unsafe {
                    match panels[0].vectors {
                        1 => tiles::<S, M1, 1>(&job, &target, &lines, group, panels, [block, end]),
                        2 => tiles::<S, M2, 2>(&job, &target, &lines, group, panels, [block, end]),
                        _ => tiles::<S, M3, 3>(&job, &target, &lines, group, panels, [block, end]),
                    }
                }
            }
            if let Some(sums) = &mut sums {
                let range = [group * channels, channels];
                unsafe { sums.finish::<S>(packed.activation, job.residual, job.output, range, [block, end]) };
            }
            block = end;
        }
    }
}

/// Where sums go: to the map itself, or to where they wait for their activation.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub map: MapMut,
    pub residual: Option<Map>,
    /// The pixel that lies at the map's first place.
    pub begin: usize,
    /// Channels from here on are not written.
    pub end: usize,
}

/// Pixels `block..end` of some panels. A function of its own in WebAssembly: browsers allocate registers badly in
/// large ones.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn tiles<S: Simd, const MR: usize, const NV: usize>(
    job: &Job,
    target: &Target,
    lines: &Lines,
    group: usize,
    panels: &[Panel],
    [block, end]: [usize; 2],
) {
    let packed = job.packed;
    let base = job.input.data.wrapping_add(group * (packed.shape.channels[0] / packed.shape.groups));
    let count = (end - block).div_ceil(MR);
    let mut table = Vec::new();
    let mut places = [Taps::Table { start: 0, entries: 0, run: 0 }; BLOCK / 4];
    let width = job.output.width;
    let (mut y, mut x) = (block / width, block % width);
    for (tile, place) in places.iter_mut().enumerate().take(count) {
        let start = block + tile * MR;
        *place = match unsafe { along::<MR>(job, lines, base, start, end, [y, x]) } {
            Some(taps) => taps,
            None => unsafe { gather::<MR>(job, base, start, end, &mut table) },
        };
        x += MR;
        while x >= width {
            (y, x) = (y + 1, x - width);
        }
    }
    for panel in panels {
        for (tile, &taps) in places.iter().enumerate().take(count) {
            unsafe { finish::<S, MR, NV>(job, target, panel, lines, &table, taps, [block + tile * MR, end]) };
        }
    }
}

/// One tile: products and bias, what is added, store.
#[inline(always)]
unsafe fn finish<S: Simd, const MR: usize, const NV: usize>(
    job: &Job,
    target: &Target,
    panel: &Panel,
    lines: &Lines,
    table: &[[*const f32; MR]],
    taps: Taps,
    [start, end]: [usize; 2],
) {
    unsafe {
        let weights = job.packed.weights.as_ptr().add(panel.start);
        let mut acc = multiply::<S, MR, NV>(lines, table, taps, weights);
        if let Some((coarse, scale)) = job.coarse {
            add_coarse::<S, MR, NV>(&mut acc, coarse, scale, job.output.width, panel.channel, start);
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
    unsafe {
        if start + MR <= end && channel + NV * S::LANES <= target.end && target.residual.is_none() {
            // Nearly all tiles: nothing to be asked of each vector.
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

/// Whether a turn of the innermost loop does several channels. Browsers' compilers keep a tile of 4 by 8 in registers only
/// in the smallest of loops: 22 GMAC/s instead of 14.
const UNROLLED: bool = cfg!(not(target_arch = "wasm32"));

#[inline(always)]
unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
    lines: &Lines,
    table: &[[*const f32; MR]],
    taps: Taps,
    weights: *const f32,
) -> [[S::V; NV]; MR] {
    // Safety: every pointer has `run` floats behind it; the panel is a bias, then a row of NV vectors per (tap, channel).
    unsafe {
        let mut acc = [[S::splat(0.0); NV]; MR];
        for j in 0..NV {
            let bias = S::load(weights.add(j * S::LANES));
            acc.iter_mut().for_each(|row| row[j] = bias);
        }
        let (from, to, run) = match taps {
            Taps::Lines { from, to, .. } => (from, to, lines.run),
            Taps::Table { entries, run, .. } => (0, entries, run),
        };
        let mut w = weights.add((1 + from * run) * NV * S::LANES);
        for entry in from..to {
            let mut at = [std::ptr::null(); MR];
            match taps {
                Taps::Lines { first, .. } => {
                    let first = first.wrapping_add(*lines.offsets.get_unchecked(entry));
                    at.iter_mut().enumerate().for_each(|(i, at)| *at = first.wrapping_add(i * lines.step));
                }
                Taps::Table { start, .. } => at = *table.get_unchecked(start + entry),
            }
            let mut left = run;
            // Four channels at a time: one address each, the rest are offsets within the instruction.
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

/// One channel's products.
#[inline(always)]
unsafe fn step<S: Simd, const MR: usize, const NV: usize>(
    acc: &mut [[S::V; NV]; MR],
    from: &[*const f32; MR],
    c: usize,
    w: *const f32,
) {
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
