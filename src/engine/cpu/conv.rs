//! Dense convolution as an implicit GEMM: tiles of pixels by outputs held in registers, bias, activation and residual
//! applied before they are stored. Maps are channels-last; no im2col buffer exists.

use super::math::activate;
use super::simd::Simd;
use super::{Map, MapMut};
use crate::engine::program::{ConvShape, ConvWeights};
use crate::model::Activation;

/// Pixels handled together while a panel of weights stays in the first-level cache: a multiple of all tile heights.
const BLOCK: usize = 48;

/// Outputs computed together: `vectors` of them from `channel` on.
#[derive(Clone, Copy)]
struct Panel {
    channel: usize,
    vectors: usize,
    /// Where its bias begins, with its weights behind it as `[ky][kx][c1][lane]`.
    start: usize,
}

/// Packed weights: panels of up to `most` vectors, zero-padded.
pub struct PackedConv {
    shape: ConvShape,
    /// One list per group.
    panels: Vec<Vec<Panel>>,
    weights: Vec<f32>,
    zeros: Vec<f32>,
    activation: Activation,
    flat: bool,
}

/// Vectors in each panel for `outputs` outputs: as many as fit, and no lonely one at the end if it can be helped.
fn split(outputs: usize, lanes: usize, most: usize) -> Vec<usize> {
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
        let (mut weights, mut panels) = (Vec::new(), Vec::new());
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
        let flat = shape.kernel == [1, 1] && shape.stride == [1, 1] && shape.padding == [0, 0];
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
    /// What is added.
    pub residual: Option<Map>,
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
    for group in 0..job.packed.shape.groups {
        let mut block = job.first;
        while block < job.last {
            let end = job.last.min(block + BLOCK);
            // Panels of one width follow each other and share the table of rows.
            for panels in job.packed.panels[group].chunk_by(|a, b| a.vectors == b.vectors) {
                unsafe {
                    match panels[0].vectors {
                        1 => tiles::<S, M1, 1>(&job, group, panels, block, end),
                        2 => tiles::<S, M2, 2>(&job, group, panels, block, end),
                        _ => tiles::<S, M3, 3>(&job, group, panels, block, end),
                    }
                }
            }
            block = end;
        }
    }
}

/// Pixels `block..end` of some panels. A function of its own in WebAssembly: browsers allocate registers badly in
/// large ones.
#[cfg_attr(target_arch = "wasm32", inline(never))]
#[cfg_attr(all(target_arch = "wasm32", feature = "relaxed-simd"), target_feature(enable = "relaxed-simd"))]
#[cfg_attr(not(target_arch = "wasm32"), inline(always))]
unsafe fn tiles<S: Simd, const MR: usize, const NV: usize>(
    job: &Job,
    group: usize,
    panels: &[Panel],
    block: usize,
    end: usize,
) {
    let packed = job.packed;
    let taps = packed.shape.kernel[0] * packed.shape.kernel[1];
    let cin = packed.shape.channels[0] / packed.shape.groups;
    let base = unsafe { job.input.data.add(group * cin) };
    let count = (end - block).div_ceil(MR);
    if packed.flat {
        let row = |pixel: usize| unsafe { base.add(pixel.min(end - 1) * job.input.stride) };
        for panel in panels {
            for tile in 0..count {
                let start = block + tile * MR;
                let mut rows = [[base; MR]];
                rows[0].iter_mut().enumerate().for_each(|(i, at)| *at = row(start + i));
                unsafe { finish::<S, MR, NV>(job, panel, &rows, cin, start, end) };
            }
        }
        return;
    }
    let mut table = vec![[packed.zeros.as_ptr(); MR]; count * taps];
    let mut runs = vec![(0, 0); count];
    for tile in 0..count {
        let rows = &mut table[tile * taps..(tile + 1) * taps];
        runs[tile] = unsafe { gather(job, base, block + tile * MR, end, rows) };
    }
    for panel in panels {
        for tile in 0..count {
            let (entries, run) = runs[tile];
            let rows = &table[tile * taps..tile * taps + entries];
            unsafe { finish::<S, MR, NV>(job, panel, rows, run, block + tile * MR, end) };
        }
    }
}

/// Finds where each tap of MR pixels reads; pixels past `end` repeat the last one. Returns entries and their length.
#[inline(always)]
unsafe fn gather<const MR: usize>(
    job: &Job,
    base: *const f32,
    pixel: usize,
    end: usize,
    rows: &mut [[*const f32; MR]],
) -> (usize, usize) {
    let (shape, input) = (&job.packed.shape, &job.input);
    let [kh, kw] = shape.kernel;
    let cin = shape.channels[0] / shape.groups;
    let mut corner = [(0isize, 0isize); MR];
    let mut inside = true;
    let reach_x = ((kw - 1) * shape.dilation) as isize;
    for (i, c) in corner.iter_mut().enumerate() {
        let p = (pixel + i).min(end - 1);
        let y = (p / job.output.width * shape.stride[0]) as isize - shape.padding[0] as isize;
        let x = (p % job.output.width * shape.stride[1]) as isize - shape.padding[1] as isize;
        *c = (y, x);
        inside &= x >= 0 && x + reach_x < input.width as isize;
    }
    // A whole row of taps is one run of memory when pixels lie beside each other without gaps.
    let merge = inside && input.stride == cin && shape.dilation == 1 && kw > 1;
    let columns = if merge { 1 } else { kw };
    for ky in 0..kh {
        for kx in 0..columns {
            let entry = &mut rows[ky * columns + kx];
            for (slot, &(y, x)) in entry.iter_mut().zip(&corner) {
                let y = y + (ky * shape.dilation) as isize;
                let x = x + (kx * shape.dilation) as isize;
                let valid = y >= 0 && y < input.height as isize && x >= 0 && x < input.width as isize;
                *slot = if valid {
                    unsafe { base.add((y as usize * input.width + x as usize) * input.stride) }
                } else {
                    job.packed.zeros.as_ptr()
                };
            }
        }
    }
    (kh * columns, if merge { kw * cin } else { cin })
}

/// One tile: products, bias, activation, residual, store.
#[inline(always)]
unsafe fn finish<S: Simd, const MR: usize, const NV: usize>(
    job: &Job,
    panel: &Panel,
    rows: &[[*const f32; MR]],
    run: usize,
    start: usize,
    end: usize,
) {
    unsafe {
        let weights = job.packed.weights.as_ptr().add(panel.start);
        let acc = multiply::<S, MR, NV>(rows, run, weights);
        let last = job.packed.shape.channels[1] / job.packed.shape.groups;
        let group_end = (panel.channel / last + 1) * last;
        for (i, values) in acc.iter().enumerate().take(end - start) {
            for (j, &v) in values.iter().enumerate() {
                let channel = panel.channel + j * S::LANES;
                let lanes = S::LANES.min(group_end.saturating_sub(channel));
                let v = activate::<S>(job.packed.activation, v);
                store::<S>(v, job.residual, job.output, start + i, channel, lanes);
            }
        }
    }
}

/// Adds the residual and writes the first `lanes` values to pixel `at`.
///
/// # Safety
/// As for [`convolve`]; the residual has a vector's length of readable floats behind it.
#[inline(always)]
pub unsafe fn store<S: Simd>(
    mut v: S::V,
    residual: Option<Map>,
    output: MapMut,
    at: usize,
    channel: usize,
    lanes: usize,
) {
    unsafe {
        if let Some(r) = residual {
            v = S::add(v, S::load(r.data.add(at * r.stride + channel)));
        }
        let to = output.data.add(at * output.stride + channel);
        if lanes == S::LANES {
            S::store(to, v);
        } else {
            let mut values = [0.0_f32; 16];
            S::store(values.as_mut_ptr(), v);
            std::ptr::copy_nonoverlapping(values.as_ptr(), to, lanes);
        }
    }
}

#[inline(always)]
unsafe fn multiply<S: Simd, const MR: usize, const NV: usize>(
    rows: &[[*const f32; MR]],
    run: usize,
    weights: *const f32,
) -> [[S::V; NV]; MR] {
    // Safety: every pointer has `run` floats behind it; the panel is a bias, then a row of NV vectors per (tap, channel).
    unsafe {
        let mut acc = [[S::splat(0.0); NV]; MR];
        for j in 0..NV {
            let bias = S::load(weights.add(j * S::LANES));
            acc.iter_mut().for_each(|row| row[j] = bias);
        }
        let mut w = weights.add(NV * S::LANES);
        for pointers in rows {
            let mut c = 0;
            // Four channels at a time: one address each, the rest are offsets within the instruction.
            while c + 4 <= run {
                let mut at = *pointers;
                at.iter_mut().for_each(|at| *at = at.add(c));
                for k in 0..4 {
                    step::<S, MR, NV>(&mut acc, &at, k, w.add(k * NV * S::LANES));
                }
                w = w.add(4 * NV * S::LANES);
                c += 4;
            }
            while c < run {
                step::<S, MR, NV>(&mut acc, pointers, c, w);
                w = w.add(NV * S::LANES);
                c += 1;
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
