//! Several operations in one dispatch.

use super::{ElementLayout, GROUP, activation, header, weights};
use crate::engine::program::ConvShape;
use crate::model::Activation;
use std::fmt::Write;

/// Both halves of a Ghost module on a map of at most `pixels * GROUP` pixels: a pointwise convolution, then the depthwise
/// one over its result. A workgroup computes one block of channels for all pixels and keeps the first half in its own
/// memory, so that nothing is computed twice and nothing read back.
///
/// Weights of the first as [`pack::dense`](crate::engine::gpu::pack::dense) orders them for `blocks`, of the second at
/// `second_weights_at`; results at `out_at` and `second_out_at`; with `residual` what is at `res_at` and `second_res_at` is
/// added.
pub fn ghost(
    element: ElementLayout,
    second: &ConvShape,
    activations: [Activation; 2],
    residual: bool,
    blocks: usize,
    pixels: usize,
) -> String {
    let [kh, kw] = second.kernel;
    let [_, ld, lw] = element.factors();
    let plus = |place: &str| if residual { format!(" + ld({place})") } else { String::new() };
    let mut t = String::new();
    line!(t, "  let o = g.x;\n  let hw = p.out_h * p.out_w;");
    line!(t, "  var k = o / {blocks}u * ({blocks}u + {}u * p.in_c) + o % {blocks}u;\n  let bias = lw(k);", 4 * blocks);
    line!(t, "  k += {blocks}u;");
    for j in 0..pixels {
        line!(t, "  var s{j} = bias;\n  var r{j} = p.in_at + min(l + {}u, hw - 1u);", j * GROUP as usize);
    }
    line!(t, "  for (var c = 0u; c < p.in_c; c++) {{");
    for lane in 0..4 {
        line!(t, "    let w{lane} = {lw}(k + {}u);", lane * blocks);
    }
    for j in 0..pixels {
        line!(t, "    let v{j} = {ld}(r{j});\n    r{j} += hw;");
        let weights: [String; 4] = std::array::from_fn(|lane| format!("w{lane}"));
        line!(t, "    s{j} += V({});", element.dot(&format!("v{j}"), &weights));
    }
    line!(t, "    k += {}u;\n  }}", 4 * blocks);
    for j in 0..pixels {
        let pixel = format!("l + {}u", j * GROUP as usize);
        line!(t, "  s{j} = act(s{j});\n  first[{pixel}] = s{j};");
        line!(t, "  if ({pixel} < hw) {{ st(p.out_at + o * hw + {pixel}, s{j}{}); }}", {
            plus(&format!("p.res_at + o * hw + {pixel}"))
        });
    }
    line!(t, "  workgroupBarrier();");
    line!(t, "  k = p.second_weights_at + o * {}u;\n  let bias2 = lw(k);", 1 + kh * kw);
    for tap in 0..kh * kw {
        line!(t, "  let t{tap} = lw(k + {}u);", 1 + tap);
    }
    line!(t, "  for (var pixel = l; pixel < hw; pixel += {GROUP}u) {{");
    line!(t, "    let y = i32(pixel / p.out_w);\n    let x = i32(pixel % p.out_w);\n    var sum = bias2;");
    for ky in 0..kh {
        let down = ky as i32 - second.padding[0] as i32;
        line!(t, "    if (y + {down} >= 0 && y + {down} < i32(p.out_h)) {{");
        for kx in 0..kw {
            let right = kx as i32 - second.padding[1] as i32;
            let at = format!("u32(clamp(i32(pixel) + {down} * i32(p.out_w) + {right}, 0, i32(hw) - 1))");
            line!(
                t,
                "      sum += select(V(0.0), first[{at}] * t{}, x + {right} >= 0 && x + {right} < i32(p.out_w));",
                ky * kw + kx
            );
        }
        line!(t, "    }}");
    }
    line!(t, "    st(p.second_out_at + o * hw + pixel, act2(sum){});\n  }}", plus("p.second_res_at + o * hw + pixel"));
    let second = activation(activations[1]).replacen("fn act(", "fn act2(", 1);
    header(element)
        + &weights(element)
        + &activation(activations[0])
        + &second
        + &format!(
            "var<workgroup> first: array<V, {}>;
@compute @workgroup_size({GROUP})
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(local_invocation_index) l: u32) {{
{t}}}
",
            pixels * GROUP as usize
        )
}

/// Three equal pools, each over the one before, on a map of at most `pixels * GROUP` pixels: results at `out_at`,
/// `second_out_at` and `third_out_at`. A workgroup takes one block of channels, in its own memory: along the rows, then along the columns.
pub fn pools(element: ElementLayout, kernel: usize, pixels: usize) -> String {
    let reach = kernel / 2;
    let each = format!("for (var j = 0u; j < {pixels}u; j++) {{\n    let pixel = min(l + j * {GROUP}u, hw - 1u);");
    let keep = format!("workgroupBarrier();\n  {each} map[pixel] = most[j]; }}\n  workgroupBarrier();");
    let mut t = String::new();
    line!(t, "  let hw = p.out_h * p.out_w;\n  let width = p.out_w;\n  var most: array<V, {pixels}>;");
    line!(t, "  {each} most[j] = ld(p.in_at + g.x * hw + pixel); }}\n  {keep}");
    for to in ["p.out_at", "p.second_out_at", "p.third_out_at"] {
        for [along, low, high, step] in [
            ["pixel % width", "max(at, {r}u) - {r}u", "min(at + {r}u, width - 1u)", "pixel - at + k"],
            ["pixel / width", "max(at, {r}u) - {r}u", "min(at + {r}u, p.out_h - 1u)", "pixel % width + k * width"],
        ] {
            let [low, high] = [low, high].map(|text| text.replace("{r}", &reach.to_string()));
            line!(t, "  {each}\n    let at = {along};");
            line!(t, "    for (var k = {low}; k <= {high}; k++) {{ most[j] = max(most[j], map[{step}]); }}\n  }}");
            line!(t, "  {keep}");
        }
        line!(t, "  {each} st({to} + g.x * hw + pixel, most[j]); }}");
    }
    header(element)
        + &format!(
            "var<workgroup> map: array<V, {}>;
@compute @workgroup_size({GROUP})
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(local_invocation_index) l: u32) {{
{t}}}
",
            pixels * GROUP as usize
        )
}
