//! What convolutions have in common whose threads keep a tile of neighbouring pixels in registers, and the depthwise one.

use super::loads::Loads;
use super::{ElementLayout, WeightSharing, WorkgroupMapping};
use crate::engine::program::ConvShape;
use crate::model::Activation;
use std::fmt::Write;

/// Which pixels a thread of a convolution over rows computes: `first`, `count` of them from (`oy`, `ox`).
pub fn row_tile(t: &mut String, pixels: usize, mapping: WorkgroupMapping) {
    line!(t, "  let across = (p.out_w + {}u) / {pixels}u;\n  let tiles = across * p.out_h;", pixels - 1);
    line!(t, "  let tile = {};\n  let oy = tile / across;\n  let ox = (tile % across) * {pixels}u;", mapping.tile());
    line!(t, "  let first = oy * p.out_w + ox;\n  let count = min(p.out_w - ox, {pixels}u);");
}

/// Row `y` of the input for `ky`. Threads that share their weights go on outside of the map and read zeros there: returns
/// what says so; others do `skip` and take the next.
pub fn row(t: &mut String, shape: &ConvShape, mapping: WorkgroupMapping, skip: &str) -> &'static str {
    let [step, padding] = [shape.stride[0], shape.padding[0]];
    let y = format!("i32(oy * {step}u + ky * {}u) - {padding}", shape.dilation);
    if mapping.sharing() != WeightSharing::PerThread {
        line!(t, "    let at = {y};\n    let y = clamp(at, 0, i32(p.in_h) - 1);");
        return " && y == at";
    }
    line!(t, "    let y = {y};\n    if (y < 0 || y >= i32(p.in_h)) {{ {skip} continue; }}");
    ""
}

/// Columns that the tile reads: `x{q}` clamped into the map, `m{q}` whether it was inside. Returns the numbers.
pub fn columns(t: &mut String, shape: &ConvShape, pixels: usize) -> Vec<usize> {
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
    element: ElementLayout,
    shape: &ConvShape,
    act: Activation,
    residual: bool,
    tail: bool,
    pixels: usize,
    mapping: WorkgroupMapping,
) -> String {
    let [kh, kw] = shape.kernel;
    let [h, ld, _] = element.factors();
    let mut t = String::new();
    line!(t, "  let hw = p.out_h * p.out_w;\n  let in_hw = p.in_h * p.in_w;");
    row_tile(&mut t, pixels, mapping);
    line!(t, "  let c = {};\n  var k = c * {}u;", mapping.row(), 1 + kh * kw);
    line!(t, "  let bias = lw(k);\n  k += 1u;");
    for j in 0..pixels {
        line!(t, "  var s{j} = bias;");
    }
    let columns = columns(&mut t, shape, pixels);
    let loads = Loads::new(mapping, kw, 1);
    line!(t, "  for (var ky = 0u; ky < {kh}u; ky++) {{");
    let inside = row(&mut t, shape, mapping, &format!("k += {kw}u;"));
    line!(t, "    let row = p.in_at + c * in_hw + u32(y) * p.in_w;");
    for q in &columns {
        line!(t, "    let v{q} = select({h}(0.0), {ld}(row + x{q}), m{q}{inside});");
    }
    loads.begin(&mut t, element);
    for kx in 0..kw {
        line!(t, "    let w{kx} = {};", loads.weight(element, kx));
    }
    for j in 0..pixels {
        for kx in 0..kw {
            line!(t, "    s{j} += V(v{} * w{kx});", j * shape.stride[1] + kx * shape.dilation);
        }
    }
    line!(t, "    k += {kw}u;\n  }}");
    mapping.leave(&mut t);
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
    loads.shader(element, act, &t, mapping)
}
