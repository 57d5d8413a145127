//! Dense convolution: each thread keeps a tile of neighbouring pixels times output blocks in registers.

use super::convolution::{columns, row, row_tile};
use super::loads::Loads;
use super::{ElementLayout, WorkgroupMapping};
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

/// Dense convolution with `groups == 1`. Weights: per group of `tile.blocks` output blocks the biases, then
/// `[ky][c1 / 4][kx][lane of c1][block]` blocks of four outputs (see [`pack::dense`](crate::engine::gpu::pack::dense)).
/// With `upsampled_addend`, a map that many times smaller is added before the activation.
pub fn dense(
    element: ElementLayout,
    shape: &ConvShape,
    act: Activation,
    residual: bool,
    upsampled_addend: Option<usize>,
    tile: Tile,
    mapping: WorkgroupMapping,
) -> String {
    let lanes = shape.channels[0].min(4);
    let per_row = shape.kernel[1] * lanes * tile.blocks;
    let loads = Loads::new(mapping, per_row, shape.channels[0].div_ceil(4));
    let dense = Dense { element, shape, tile, mapping, lanes, per_row, loads };
    let mut t = String::new();
    dense.begin(&mut t);
    match shape.is_pointwise() {
        true => dense.pointwise(&mut t),
        false => dense.rows(&mut t),
    }
    mapping.leave(&mut t);
    dense.store(&mut t, residual, upsampled_addend);
    dense.loads.shader(element, act, &t, mapping)
}

struct Dense<'a> {
    element: ElementLayout,
    shape: &'a ConvShape,
    tile: Tile,
    mapping: WorkgroupMapping,
    /// Channels of an input block that are used.
    lanes: usize,
    /// Weights of one block of input channels, for a row of the kernel.
    per_row: usize,
    loads: Loads,
}

impl Dense<'_> {
    /// The thread's tile; its sums `s{pixel}_{block}` begin as biases; `k` is the place of the next weight.
    fn begin(&self, t: &mut String) {
        let Tile { pixels, blocks } = self.tile;
        line!(t, "  let hw = p.out_h * p.out_w;\n  let in_hw = p.in_h * p.in_w;");
        if self.shape.is_pointwise() {
            line!(t, "  let tiles = (hw + {}u) / {pixels}u;", pixels - 1);
            line!(t, "  let first = {} * {pixels}u;\n  let count = min(hw - first, {pixels}u);", self.mapping.tile());
        } else {
            row_tile(t, pixels, self.mapping);
        }
        line!(t, "  let o = {};", self.mapping.row());
        line!(t, "  var k = o * ({blocks}u + {}u * p.in_c);", self.shape.kernel[0] * self.per_row);
        for b in 0..blocks {
            line!(t, "  let bias{b} = lw(k + {b}u);");
            for j in 0..pixels {
                line!(t, "  var s{j}_{b} = bias{b};");
            }
        }
        line!(t, "  k += {blocks}u;");
    }

    /// A 1x1 kernel: pixel after pixel, whatever row they are in.
    fn pointwise(&self, t: &mut String) {
        let (pixels, load) = (self.tile.pixels, self.element.factors()[1]);
        for j in 0..pixels {
            line!(t, "  var r{j} = p.in_at + min(first + {j}u, hw - 1u);");
        }
        line!(t, "  for (var c = 0u; c < p.in_c; c += {}u) {{", self.loads.together);
        self.loads.begin(t, self.element);
        for turn in 0..self.loads.together {
            line!(t, "    {{");
            for j in 0..pixels {
                line!(t, "    let v{j} = {load}(r{j});\n    r{j} += hw;");
            }
            self.products(t, turn * self.per_row, [0, 1]);
            line!(t, "    }}");
        }
        line!(t, "    k += {}u;\n  }}", self.loads.count);
    }

    /// Any other kernel: row after row, with all columns that the tile's pixels read.
    fn rows(&self, t: &mut String) {
        let [zero, load, _] = self.element.factors();
        let [kernel_h, kernel_w] = self.shape.kernel;
        let columns = columns(t, self.shape, self.tile.pixels);
        line!(t, "  for (var ky = 0u; ky < {kernel_h}u; ky++) {{");
        let inside = row(t, self.shape, self.mapping, &format!("k += {}u * p.in_c;", self.per_row));
        line!(t, "    var row = p.in_at + u32(y) * p.in_w;");
        line!(t, "    for (var c = 0u; c < p.in_c; c += {}u) {{", self.loads.together);
        self.loads.begin(t, self.element);
        for turn in 0..self.loads.together {
            line!(t, "    {{");
            for q in &columns {
                line!(t, "    let v{q} = select({zero}(0.0), {load}(row + x{q}), m{q}{inside});");
            }
            for kx in 0..kernel_w {
                let first = turn * self.per_row + kx * self.lanes * self.tile.blocks;
                self.products(t, first, [kx * self.shape.dilation, self.shape.stride[1]]);
            }
            line!(t, "    row += in_hw;\n    }}");
        }
        line!(t, "    k += {}u;\n    }}\n  }}", self.loads.count);
    }

    /// The products of one column of the kernel, with the weights from `first` on: pixel `j` reads column `j * step + shift`.
    fn products(&self, t: &mut String, first: usize, [shift, step]: [usize; 2]) {
        let Tile { pixels, blocks } = self.tile;
        line!(t, "    {{");
        for lane in 0..self.lanes {
            for b in 0..blocks {
                line!(t, "    let w{lane}_{b} = {};", self.loads.weight(self.element, first + lane * blocks + b));
            }
        }
        for j in 0..pixels {
            let value = format!("v{}", j * step + shift);
            for b in 0..blocks {
                let weights: Vec<String> = (0..self.lanes).map(|lane| format!("w{lane}_{b}")).collect();
                line!(t, "    s{j}_{b} += V({});", self.element.dot(&value, &weights));
            }
        }
        line!(t, "    }}");
    }

    /// Activation, residual, and the stores.
    fn store(&self, t: &mut String, residual: bool, upsampled_addend: Option<usize>) {
        let Tile { pixels, blocks } = self.tile;
        for b in 0..blocks {
            line!(t, "  let to{b} = p.out_at + (o * {blocks}u + {b}u) * hw + first;");
            if residual {
                line!(t, "  let extra{b} = p.res_at + (o * {blocks}u + {b}u) * hw + first;");
            }
        }
        for j in 0..pixels {
            line!(t, "  if (count <= {j}u) {{ return; }}");
            if let Some(scale) = upsampled_addend {
                line!(t, "  let uy{j} = (first + {j}u) / p.out_w / {scale}u;");
                line!(t, "  let ux{j} = (first + {j}u) % p.out_w / {scale}u;");
                line!(t, "  let under{j} = p.addend_at + o * {blocks}u * p.addend_hw + uy{j} * p.addend_w + ux{j};");
            }
            for b in 0..blocks {
                let plus = if residual { format!(" + ld(extra{b} + {j}u)") } else { String::new() };
                let under = match upsampled_addend {
                    Some(_) => format!(" + ld(under{j} + {b}u * p.addend_hw)"),
                    None => String::new(),
                };
                line!(t, "  st(to{b} + {j}u, act(s{j}_{b}{under}){plus});");
            }
        }
    }
}
