//! Dense and depthwise convolution: each thread keeps a tile of neighbouring pixels times output blocks in registers.

use super::{Spread, Unit, activation, entry_over, header, weights};
use crate::engine::program::ConvShape;
use crate::model::Activation;
use std::fmt::Write;

/// What one thread computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Neighbouring pixels.
    pub pixels: usize,
    /// Blocks of four outputs.
    pub blocks: usize,
}

/// Adds a line to a shader text.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => {
        // Writing to a String can't fail.
        let _ = writeln!($text, $($arguments)*);
    };
}

/// Dense convolution with `groups == 1`. Weights: per group of `tile.blocks` output blocks the biases, then
/// `[ky][c1 / 4][kx][lane of c1][block]` blocks of four outputs (see [`pack::dense`](crate::engine::gpu::pack::dense)).
/// With `coarse`, a map that many times smaller is added before the activation: `x0` its place, `x1` its width, `x2` its pixels.
pub fn dense(
    unit: Unit,
    shape: &ConvShape,
    act: Activation,
    residual: bool,
    coarse: Option<usize>,
    tile: Tile,
    spread: Spread,
) -> String {
    let Tile { pixels, blocks } = tile;
    let [h, ld, _] = unit.factors();
    let [kh, kw] = shape.kernel;
    let lanes = if shape.channels[0] < 4 { shape.channels[0] } else { 4 };
    let flat = shape.is_flat();
    let per_row = kw * lanes * blocks;
    let mut t = String::new();
    line!(t, "  let hw = p.out_h * p.out_w;\n  let in_hw = p.in_h * p.in_w;");
    if flat {
        line!(t, "  let tiles = (hw + {}u) / {pixels}u;", pixels - 1);
        line!(t, "  let first = (i % tiles) * {pixels}u;\n  let count = min(hw - first, {pixels}u);");
    } else {
        row_tile(&mut t, pixels);
    }
    line!(t, "  let o = {};", spread.row());
    line!(t, "  var k = o * ({blocks}u + {}u * p.in_c);", kh * per_row);
    for b in 0..blocks {
        line!(t, "  let bias{b} = lw(k + {b}u);");
        for j in 0..pixels {
            line!(t, "  var s{j}_{b} = bias{b};");
        }
    }
    line!(t, "  k += {blocks}u;");
    if flat {
        for j in 0..pixels {
            line!(t, "  var r{j} = p.in_at + min(first + {j}u, hw - 1u);");
        }
        line!(t, "  for (var c = 0u; c < p.in_c; c++) {{");
        for j in 0..pixels {
            line!(t, "    let v{j} = {ld}(r{j});\n    r{j} += hw;");
        }
        products(&mut t, unit, [pixels, blocks, lanes], 0, 1);
        line!(t, "    k += {}u;\n  }}", lanes * blocks);
    } else {
        let columns = columns(&mut t, shape, pixels);
        line!(t, "  for (var ky = 0u; ky < {kh}u; ky++) {{");
        line!(t, "    let y = i32(oy * {}u + ky * {}u) - {};", shape.stride[0], shape.dilation, shape.padding[0]);
        line!(t, "    if (y < 0 || y >= i32(p.in_h)) {{ k += {per_row}u * p.in_c; continue; }}");
        line!(t, "    var row = p.in_at + u32(y) * p.in_w;");
        line!(t, "    for (var c = 0u; c < p.in_c; c++) {{");
        for q in &columns {
            line!(t, "    let v{q} = select({h}(0.0), {ld}(row + x{q}), m{q});");
        }
        for kx in 0..kw {
            products(&mut t, unit, [pixels, blocks, lanes], kx * shape.dilation, shape.stride[1]);
            line!(t, "    k += {}u;", lanes * blocks);
        }
        line!(t, "    row += in_hw;\n    }}\n  }}");
    }
    for b in 0..blocks {
        line!(t, "  let to{b} = p.out_at + (o * {blocks}u + {b}u) * hw + first;");
        if residual {
            line!(t, "  let extra{b} = p.res_at + (o * {blocks}u + {b}u) * hw + first;");
        }
    }
    for j in 0..pixels {
        line!(t, "  if (count <= {j}u) {{ return; }}");
        if let Some(scale) = coarse {
            line!(
                t,
                "  let uy{j} = (first + {j}u) / p.out_w / {scale}u;\n  let ux{j} = (first + {j}u) % p.out_w / {scale}u;"
            );
            line!(t, "  let under{j} = p.x0 + o * {blocks}u * p.x2 + uy{j} * p.x1 + ux{j};");
        }
        for b in 0..blocks {
            let plus = if residual { format!(" + ld(extra{b} + {j}u)") } else { String::new() };
            let under = if coarse.is_some() { format!(" + ld(under{j} + {b}u * p.x2)") } else { String::new() };
            line!(t, "  st(to{b} + {j}u, act(s{j}_{b}{under}){plus});");
        }
    }
    header(unit) + &weights(unit) + &activation(act) + &entry_over(&t, spread)
}

/// The sums of one tap: pixel `j` reads column `j * step + shift`.
fn products(t: &mut String, unit: Unit, [pixels, blocks, lanes]: [usize; 3], shift: usize, step: usize) {
    let [_, _, lw] = unit.factors();
    line!(t, "    {{");
    for lane in 0..lanes {
        for b in 0..blocks {
            line!(t, "    let w{lane}_{b} = {lw}(k + {}u);", lane * blocks + b);
        }
    }
    for j in 0..pixels {
        let q = j * step + shift;
        for b in 0..blocks {
            let weights: Vec<String> = (0..lanes).map(|lane| format!("w{lane}_{b}")).collect();
            line!(t, "    s{j}_{b} += V({});", unit.dot(&format!("v{q}"), &weights));
        }
    }
    line!(t, "    }}");
}

/// Which pixels a thread of a convolution over rows computes: `first`, `count` of them from (`oy`, `ox`).
fn row_tile(t: &mut String, pixels: usize) {
    line!(t, "  let across = (p.out_w + {}u) / {pixels}u;\n  let tiles = across * p.out_h;", pixels - 1);
    line!(t, "  let oy = (i % tiles) / across;\n  let ox = (i % across) * {pixels}u;");
    line!(t, "  let first = oy * p.out_w + ox;\n  let count = min(p.out_w - ox, {pixels}u);");
}

/// Columns that the tile reads: `x{q}` clamped into the map, `m{q}` whether it was inside. Returns the numbers.
fn columns(t: &mut String, shape: &ConvShape, pixels: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..pixels)
        .flat_map(|j| (0..shape.kernel[1]).map(move |kx| j * shape.stride[1] + kx * shape.dilation))
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    line!(t, "  let left = i32(ox * {}u) - {};", shape.stride[1], shape.padding[1]);
    for q in &numbers {
        line!(t, "  let m{q} = left + {q} >= 0 && left + {q} < i32(p.in_w);");
        line!(t, "  let x{q} = u32(clamp(left + {q}, 0, i32(p.in_w) - 1));");
    }
    numbers
}

/// Depthwise convolution, one block of channels a thread. Weights per block: the bias, then `[ky][kx]`. With `tail`,
/// the input goes before the result's channels (a GhostConv's two halves), the residual is added to both.
pub fn depthwise(
    unit: Unit,
    shape: &ConvShape,
    act: Activation,
    residual: bool,
    tail: bool,
    pixels: usize,
    spread: Spread,
) -> String {
    let [kh, kw] = shape.kernel;
    let [h, ld, lw] = unit.factors();
    let mut t = String::new();
    line!(t, "  let hw = p.out_h * p.out_w;\n  let in_hw = p.in_h * p.in_w;");
    row_tile(&mut t, pixels);
    line!(t, "  let c = {};\n  var k = c * {}u;", spread.row(), 1 + kh * kw);
    line!(t, "  let bias = lw(k);\n  k += 1u;");
    for j in 0..pixels {
        line!(t, "  var s{j} = bias;");
    }
    let columns = columns(&mut t, shape, pixels);
    line!(t, "  for (var ky = 0u; ky < {kh}u; ky++) {{");
    line!(t, "    let y = i32(oy * {}u + ky * {}u) - {};", shape.stride[0], shape.dilation, shape.padding[0]);
    line!(t, "    if (y < 0 || y >= i32(p.in_h)) {{ k += {kw}u; continue; }}");
    line!(t, "    let row = p.in_at + c * in_hw + u32(y) * p.in_w;");
    for q in &columns {
        line!(t, "    let v{q} = select({h}(0.0), {ld}(row + x{q}), m{q});");
    }
    for kx in 0..kw {
        line!(t, "    let w{kx} = {lw}(k + {kx}u);");
    }
    for j in 0..pixels {
        for kx in 0..kw {
            line!(t, "    s{j} += V(v{} * w{kx});", j * shape.stride[1] + kx * shape.dilation);
        }
    }
    line!(t, "    k += {kw}u;\n  }}");
    let behind = if tail { " + p.in_c" } else { "" };
    line!(t, "  let to = p.out_at + (c{behind}) * hw + first;");
    if residual {
        line!(t, "  let extra = p.res_at + (c{behind}) * hw + first;");
    }
    for j in 0..pixels {
        line!(t, "  if (count <= {j}u) {{ return; }}");
        if tail {
            let plus = if residual { format!(" + ld(p.res_at + c * hw + first + {j}u)") } else { String::new() };
            line!(t, "  st(p.out_at + c * hw + first + {j}u, ld(p.in_at + c * hw + first + {j}u){plus});");
        }
        let plus = if residual { format!(" + ld(extra + {j}u)") } else { String::new() };
        line!(t, "  st(to + {j}u, act(s{j}){plus});");
    }
    header(unit) + &weights(unit) + &activation(act) + &entry_over(&t, spread)
}
