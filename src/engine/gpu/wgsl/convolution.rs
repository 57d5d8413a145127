//! Dense and depthwise convolution: each thread keeps a tile of neighbouring pixels times output blocks in registers.

use super::{ElementLayout, WeightSharing, WorkgroupMapping, activation, entry_over, handed, header, weights};
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
/// With `upsampled_addend`, a map that many times smaller is added before the activation: `x0` its place, `x1` its width, `x2` its pixels.
pub fn dense(
    element: ElementLayout,
    shape: &ConvShape,
    act: Activation,
    residual: bool,
    upsampled_addend: Option<usize>,
    tile: Tile,
    mapping: WorkgroupMapping,
) -> String {
    let Tile { pixels, blocks } = tile;
    let [h, ld, _] = element.factors();
    let [kh, kw] = shape.kernel;
    let lanes = if shape.channels[0] < 4 { shape.channels[0] } else { 4 };
    let flat = shape.is_pointwise();
    let per_row = kw * lanes * blocks;
    let loads = Loads::new(mapping, per_row, shape.channels[0].div_ceil(4));
    let mut t = String::new();
    line!(t, "  let hw = p.out_h * p.out_w;\n  let in_hw = p.in_h * p.in_w;");
    if flat {
        line!(t, "  let tiles = (hw + {}u) / {pixels}u;", pixels - 1);
        line!(t, "  let first = {} * {pixels}u;\n  let count = min(hw - first, {pixels}u);", mapping.tile());
    } else {
        row_tile(&mut t, pixels, mapping);
    }
    line!(t, "  let o = {};", mapping.row());
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
        line!(t, "  for (var c = 0u; c < p.in_c; c += {}u) {{", loads.together);
        loads.begin(&mut t, element);
        for turn in 0..loads.together {
            line!(t, "    {{");
            for j in 0..pixels {
                line!(t, "    let v{j} = {ld}(r{j});\n    r{j} += hw;");
            }
            let weight = |at: usize| loads.weight(element, turn * per_row + at);
            products(&mut t, element, [pixels, blocks, lanes], [0, 1], weight);
            line!(t, "    }}");
        }
        line!(t, "    k += {}u;\n  }}", loads.count);
    } else {
        let columns = columns(&mut t, shape, pixels);
        line!(t, "  for (var ky = 0u; ky < {kh}u; ky++) {{");
        let inside = row(&mut t, shape, mapping, &format!("k += {per_row}u * p.in_c;"));
        line!(t, "    var row = p.in_at + u32(y) * p.in_w;");
        line!(t, "    for (var c = 0u; c < p.in_c; c += {}u) {{", loads.together);
        loads.begin(&mut t, element);
        for turn in 0..loads.together {
            line!(t, "    {{");
            for q in &columns {
                line!(t, "    let v{q} = select({h}(0.0), {ld}(row + x{q}), m{q}{inside});");
            }
            for kx in 0..kw {
                let weight = |at: usize| loads.weight(element, turn * per_row + kx * lanes * blocks + at);
                products(&mut t, element, [pixels, blocks, lanes], [kx * shape.dilation, shape.stride[1]], weight);
            }
            line!(t, "    row += in_hw;\n    }}");
        }
        line!(t, "    k += {}u;\n    }}\n  }}", loads.count);
    }
    mapping.leave(&mut t);
    for b in 0..blocks {
        line!(t, "  let to{b} = p.out_at + (o * {blocks}u + {b}u) * hw + first;");
        if residual {
            line!(t, "  let extra{b} = p.res_at + (o * {blocks}u + {b}u) * hw + first;");
        }
    }
    for j in 0..pixels {
        line!(t, "  if (count <= {j}u) {{ return; }}");
        if let Some(scale) = upsampled_addend {
            line!(
                t,
                "  let uy{j} = (first + {j}u) / p.out_w / {scale}u;\n  let ux{j} = (first + {j}u) % p.out_w / {scale}u;"
            );
            line!(t, "  let under{j} = p.x0 + o * {blocks}u * p.x2 + uy{j} * p.x1 + ux{j};");
        }
        for b in 0..blocks {
            let plus = if residual { format!(" + ld(extra{b} + {j}u)") } else { String::new() };
            let under =
                if upsampled_addend.is_some() { format!(" + ld(under{j} + {b}u * p.x2)") } else { String::new() };
            line!(t, "  st(to{b} + {j}u, act(s{j}_{b}{under}){plus});");
        }
    }
    loads.shader(element, act, &t, mapping)
}

/// How a thread gets at its weights.
struct Loads {
    sharing: WeightSharing,
    /// Threads of a workgroup.
    group: usize,
    /// Blocks of input channels whose weights are got together: as many as one load a thread is enough for.
    together: usize,
    /// Their weights.
    count: usize,
}

impl Loads {
    /// For `per_block` weights of each of `blocks` blocks of channels.
    fn new(mapping: WorkgroupMapping, per_block: usize, blocks: usize) -> Self {
        let (sharing, group) = (mapping.sharing(), mapping.group() as usize);
        let threads = match sharing {
            WeightSharing::PerThread => 1,
            WeightSharing::Subgroup(threads) => threads,
            WeightSharing::Workgroup => group,
        };
        let most = (threads / per_block).clamp(1, 8);
        let together = (1..=most).rev().find(|&n| blocks.is_multiple_of(n)).unwrap_or(1);
        Self { sharing, group, together, count: together * per_block }
    }

    /// Each thread loads every so many-th weight from `k` on.
    fn begin(&self, t: &mut String, element: ElementLayout) {
        let each = |threads: usize| (0..self.count).step_by(threads).enumerate();
        match self.sharing {
            WeightSharing::PerThread => {}
            WeightSharing::Subgroup(threads) => {
                for (load, first) in each(threads) {
                    let last = (self.count - first).min(threads) - 1;
                    line!(t, "    let mine{load} = lws(k + {first}u + min(lane, {last}u));");
                }
            }
            WeightSharing::Workgroup => {
                line!(t, "    workgroupBarrier();");
                for (_, first) in each(self.group) {
                    let read = format!("staged[{first}u + l] = {}(k + {first}u + l);", element.factors()[2]);
                    line!(t, "    if ({first}u + l < {}u) {{ {read} }}", self.count);
                }
                line!(t, "    workgroupBarrier();");
            }
        }
    }

    /// Weight `at` of those from `k` on.
    fn weight(&self, element: ElementLayout, at: usize) -> String {
        match self.sharing {
            WeightSharing::PerThread => format!("{}(k + {at}u)", element.factors()[2]),
            WeightSharing::Subgroup(threads) => {
                format!("own(subgroupBroadcast(mine{}, {}u))", at / threads, at % threads)
            }
            WeightSharing::Workgroup => format!("staged[{at}]"),
        }
    }

    /// The shader around a body that uses them.
    fn shader(&self, element: ElementLayout, act: Activation, body: &str, mapping: WorkgroupMapping) -> String {
        let more = match self.sharing {
            WeightSharing::PerThread => String::new(),
            WeightSharing::Subgroup(_) => handed(element),
            WeightSharing::Workgroup => {
                format!("var<workgroup> staged: array<{}, {}>;\n", element.factors()[0], self.count)
            }
        };
        mapping.enable().to_owned()
            + &header(element)
            + &weights(element)
            + &more
            + &activation(act)
            + &entry_over(body, mapping)
    }
}

/// The sums of one tap: pixel `j` reads column `j * step + shift`; `weight` tells how to get at each.
fn products(
    t: &mut String,
    element: ElementLayout,
    [pixels, blocks, lanes]: [usize; 3],
    [shift, step]: [usize; 2],
    weight: impl Fn(usize) -> String,
) {
    line!(t, "    {{");
    for lane in 0..lanes {
        for b in 0..blocks {
            line!(t, "    let w{lane}_{b} = {};", weight(lane * blocks + b));
        }
    }
    for j in 0..pixels {
        let q = j * step + shift;
        for b in 0..blocks {
            let weights: Vec<String> = (0..lanes).map(|lane| format!("w{lane}_{b}")).collect();
            line!(t, "    s{j}_{b} += V({});", element.dot(&format!("v{q}"), &weights));
        }
    }
    line!(t, "    }}");
}

/// Which pixels a thread of a convolution over rows computes: `first`, `count` of them from (`oy`, `ox`).
fn row_tile(t: &mut String, pixels: usize, mapping: WorkgroupMapping) {
    line!(t, "  let across = (p.out_w + {}u) / {pixels}u;\n  let tiles = across * p.out_h;", pixels - 1);
    line!(t, "  let tile = {};\n  let oy = tile / across;\n  let ox = (tile % across) * {pixels}u;", mapping.tile());
    line!(t, "  let first = oy * p.out_w + ox;\n  let count = min(p.out_w - ox, {pixels}u);");
}

/// Row `y` of the input for `ky`. Threads that share their weights go on outside of the map and read zeros there: returns
/// what says so; others do `skip` and take the next.
fn row(t: &mut String, shape: &ConvShape, mapping: WorkgroupMapping, skip: &str) -> &'static str {
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
