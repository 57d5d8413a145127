//! Dense convolution as an implicit GEMM: tiles of MR pixels by NR outputs held in registers, bias, activation and
//! residual applied before they are stored. Maps are channels-last; no im2col buffer exists.

use super::math::{activate, madd};
use super::{Map, MapMut};
use crate::engine::program::{ConvShape, ConvWeights};
use crate::model::Activation;

/// Pixels handled together while a panel of weights stays in the first-level cache.
const BLOCK: usize = 48;

/// Weights in panels of NR outputs, `[panel][ky][kx][c1][NR]`, zero-padded; one set per group.
pub struct PackedConv {
    shape: ConvShape,
    weights: Vec<f32>,
    bias: Vec<f32>,
    panel_lanes: usize,
    zeros: Vec<f32>,
    activation: Activation,
}

impl PackedConv {
    /// Packs for panels of `lanes` outputs.
    pub fn new(shape: ConvShape, source: &ConvWeights, activation: Activation, lanes: usize) -> Self {
        let [kh, kw] = shape.kernel;
        let (cin, cout) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
        let panels = cout.div_ceil(lanes);
        let mut weights = vec![0.0; shape.groups * panels * kh * kw * cin * lanes];
        let mut bias = vec![0.0; shape.groups * panels * lanes];
        for g in 0..shape.groups {
            for o in 0..cout {
                let (panel, lane) = (g * panels + o / lanes, o % lanes);
                bias[panel * lanes + lane] = source.bias[g * cout + o];
                for c in 0..cin {
                    for tap in 0..kh * kw {
                        let from = ((g * cout + o) * cin + c) * kh * kw + tap;
                        weights[((panel * kh * kw + tap) * cin + c) * lanes + lane] = source.weight[from];
                    }
                }
            }
        }
        Self { shape, weights, bias, panel_lanes: lanes, zeros: vec![0.0; cin.max(lanes) * kw], activation }
    }

    /// Floats held.
    pub fn floats(&self) -> usize {
        self.weights.len() + self.bias.len()
    }
}

/// Computes output pixels `first..last` (counted row by row) of the convolution.
///
/// # Safety
/// `input`, `residual` and `output` must be valid maps of the packed shape's channels, `output` must not be written by
/// anyone else at these pixels, and the packing must have NR lanes.
#[inline(always)]
pub unsafe fn convolve<const MR: usize, const NR: usize, const FMA: bool>(
    packed: &PackedConv,
    input: Map,
    residual: Option<Map>,
    output: MapMut,
    first: usize,
    last: usize,
) {
    debug_assert_eq!(packed.panel_lanes, NR);
    let shape = &packed.shape;
    let [kh, kw] = shape.kernel;
    let taps = kh * kw;
    let (cin, cout) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
    let panels = cout.div_ceil(NR);
    let depth = taps * cin;
    // A whole row of taps is one run of memory when pixels lie beside each other without gaps.
    let dense = input.stride == cin && shape.dilation == 1 && kw > 1;
    let tiles = BLOCK.div_ceil(MR);
    let mut table: Vec<[*const f32; MR]> = vec![[packed.zeros.as_ptr(); MR]; tiles * taps];
    let mut runs = vec![(0usize, 0usize); tiles];
    for group in 0..shape.groups {
        let base = unsafe { input.data.add(group * cin) };
        let mut block = first;
        while block < last {
            let end = last.min(block + BLOCK);
            let mut used = 0;
            let mut pixel = block;
            while pixel < end {
                let rows = &mut table[used * taps..(used + 1) * taps];
                runs[used] = unsafe {
                    gather::<MR>(shape, input, base, &packed.zeros, output.width, pixel, end, dense, cin, rows)
                };
                used += 1;
                pixel += MR;
            }
            for panel in 0..panels {
                let index = group * panels + panel;
                let weights = unsafe { packed.weights.as_ptr().add(index * depth * NR) };
                let bias = unsafe { &*packed.bias.as_ptr().add(index * NR).cast::<[f32; NR]>() };
                let lanes = NR.min(cout - panel * NR);
                let channel = group * cout + panel * NR;
                for tile in 0..used {
                    let (count, run) = runs[tile];
                    let rows = &table[tile * taps..tile * taps + count];
                    let mut acc = unsafe { multiply::<MR, NR, FMA>(rows, run, weights) };
                    let start = block + tile * MR;
                    for (i, values) in acc.iter_mut().enumerate().take(MR.min(end - start)) {
                        for (v, b) in values.iter_mut().zip(bias) {
                            *v += b;
                        }
                        activate::<NR, FMA>(packed.activation, values);
                        let at = start + i;
                        unsafe {
                            if let Some(r) = residual {
                                let r = r.data.add(at * r.stride + channel);
                                for (j, v) in values.iter_mut().enumerate().take(lanes) {
                                    *v += *r.add(j);
                                }
                            }
                            let to = output.data.add(at * output.stride + channel);
                            if lanes == NR {
                                *to.cast::<[f32; NR]>() = *values;
                            } else {
                                std::ptr::copy_nonoverlapping(values.as_ptr(), to, lanes);
                            }
                        }
                    }
                }
            }
            block = end;
        }
    }
}

/// Finds where each tap of MR pixels reads; pixels past `end` repeat the last one. Returns entries and their length.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
unsafe fn gather<const MR: usize>(
    shape: &ConvShape,
    input: Map,
    base: *const f32,
    zeros: &[f32],
    out_width: usize,
    pixel: usize,
    end: usize,
    dense: bool,
    cin: usize,
    rows: &mut [[*const f32; MR]],
) -> (usize, usize) {
    let [kh, kw] = shape.kernel;
    let mut corner = [(0isize, 0isize); MR];
    let mut inside = true;
    let reach_x = ((kw - 1) * shape.dilation) as isize;
    for (i, c) in corner.iter_mut().enumerate() {
        let p = (pixel + i).min(end - 1);
        let y = (p / out_width * shape.stride[0]) as isize - shape.padding[0] as isize;
        let x = (p % out_width * shape.stride[1]) as isize - shape.padding[1] as isize;
        *c = (y, x);
        inside &= x >= 0 && x + reach_x < input.width as isize;
    }
    let merge = dense && inside;
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
                    zeros.as_ptr()
                };
            }
        }
    }
    (kh * columns, if merge { kw * cin } else { cin })
}

#[inline(always)]
unsafe fn multiply<const MR: usize, const NR: usize, const FMA: bool>(
    rows: &[[*const f32; MR]],
    run: usize,
    weights: *const f32,
) -> [[f32; NR]; MR] {
    let mut acc = [[0.0_f32; NR]; MR];
    let mut w = weights;
    for pointers in rows {
        for c in 0..run {
            // Safety: every pointer has `run` floats behind it, the panel has one row of NR per (tap, channel).
            let b = unsafe { *w.cast::<[f32; NR]>() };
            for i in 0..MR {
                let a = unsafe { *pointers[i].add(c) };
                for j in 0..NR {
                    acc[i][j] = madd::<FMA>(a, b[j], acc[i][j]);
                }
            }
            w = unsafe { w.add(NR) };
        }
    }
    acc
}
