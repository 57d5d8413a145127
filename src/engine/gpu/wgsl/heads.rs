//! The two ends of the network: the picture's bytes in, the cells worth a look out.

use super::{ElementLayout, GROUP, entry, header};

/// Words before the lists in the buffer of results: a count per level, and the run's number.
pub const HEADER: usize = 16;

/// The run's number among them.
pub const FRAME: usize = HEADER - 1;

/// Cells kept a level; more than that and the whole maps are read instead.
pub const MAX_CANDIDATES: usize = 512;

/// Bytes `r g b r g b …` of the letterboxed picture to one block a pixel, 0 to 1. Binding 2: the bytes, four a word.
pub fn input(element: ElementLayout) -> String {
    let body = "  let first = 3u * i;
  var rgb = vec3<f32>(0.0);
  for (var c = 0u; c < 3u; c++) {
    let at = first + c;
    rgb[c] = f32((bytes[at / 4u] >> (8u * (at % 4u))) & 255u) / 255.0;
  }
  st(p.out_at + i, vec4<f32>(rgb, 0.0));
";
    header(element) + "@group(0) @binding(2) var<storage, read> bytes: array<u32>;\n" + &entry(body)
}

/// A map of `in_c` channels as planes of fp32 (NCHW) to blocks. Binding 2: the planes.
pub fn from_planes(element: ElementLayout) -> String {
    let body = "  let hw = p.out_h * p.out_w;
  let first = i / hw * 4u;
  let pixel = i % hw;
  var v = vec4<f32>(0.0);
  for (var k = 0u; k < 4u && first + k < p.in_c; k++) {
    v[k] = planes[(first + k) * hw + pixel];
  }
  st(p.out_at + i, v);
";
    header(element) + "@group(0) @binding(2) var<storage, read> planes: array<f32>;\n" + &entry(body)
}

/// A map as planes of fp32 (NCHW). Binding 3: the planes.
pub fn to_planes(element: ElementLayout) -> String {
    let body = "  let hw = p.in_h * p.in_w;
  let c = i / hw;
  planes[i] = ld(p.in_at + c / 4u * hw + i % hw)[c % 4u];
";
    header(element) + "@group(0) @binding(3) var<storage, read_write> planes: array<f32>;\n" + &entry(body)
}

/// A picture in a texture, scaled and padded into the input: the fixed-point bilinear of `image::resize`. Binding 2: the
/// texture; 3: the taps of all columns, then of all rows, as `(first, second, weight, weight)`. `in_at`, `in_off`: border on the
/// left and above; `in_w`, `in_h`: the scaled picture.
pub fn letterbox(element: ElementLayout) -> String {
    let declared = "@group(0) @binding(2) var picture: texture_2d<f32>;
@group(0) @binding(3) var<storage, read> taps: array<vec4<u32>>;
fn texel(x: u32, y: u32) -> vec3<i32> {
  return vec3<i32>(round(textureLoad(picture, vec2<u32>(x, y), 0).rgb * 255.0));
}
fn along(y: u32, t: vec4<u32>) -> vec3<i32> {
  return (texel(t.x, y) * i32(t.z) + texel(t.y, y) * i32(t.w)) >> vec3<u32>(4u);
}
";
    let body = "  let x = i % p.out_w - p.in_at;
  let y = i / p.out_w - p.in_off;
  var rgb = vec3<i32>(114);
  // Left of the picture and above it, the differences wrap to large numbers.
  if (x < p.in_w && y < p.in_h) {
    let column = taps[x];
    let row = taps[p.in_w + y];
    let upper = (along(row.x, column) * i32(row.z)) >> vec3<u32>(16u);
    let lower = (along(row.y, column) * i32(row.w)) >> vec3<u32>(16u);
    rgb = (upper + lower + vec3<i32>(2)) >> vec3<u32>(2u);
  }
  st(p.out_at + i, vec4<f32>(vec3<f32>(rgb) / 255.0, 0.0));
";
    header(element) + declared + &entry(body)
}

/// Objectness of every cell and anchor of a level, and the list of those above the threshold: everything else of a cell
/// under the threshold can't become a box (score = objectness x class), so it is never computed.
///
/// `w` (fp32 whatever the element): a row of `c1 / 4` blocks per output, then the biases. `x0`: the level, `x1`: the threshold's bits (a logit),
/// `x2`: the list's view in the results. What is no number counts as above, so that it is noticed.
pub fn objectness(element: ElementLayout, anchors: usize, outputs: usize) -> String {
    let rows = anchors * outputs;
    let body = format!(
        "  let hw = p.in_h * p.in_w;
  let threshold = bitcast<f32>(p.x1);
  for (var anchor = 0u; anchor < {anchors}u; anchor++) {{
    let o = anchor * {outputs}u + 4u;
    var sum = w[{rows}u * p.in_c + o / 4u][o % 4u];
    for (var c = 0u; c < p.in_c; c++) {{
      sum += dot(ld(p.in_at + c * hw + i), w[o * p.in_c + c]);
    }}
    let odd = (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u;
    if (sum > threshold || odd) {{
      let slot = atomicAdd(&found[p.x0], 1u);
      if (slot < {MAX_CANDIDATES}u) {{ atomicStore(&found[p.x2 + slot], anchor * hw + i); }}
    }}
  }}
"
    );
    let bindings = "@group(0) @binding(2) var<storage, read> w: array<V>;
@group(0) @binding(3) var<storage, read_write> found: array<atomic<u32>>;
";
    header(element) + bindings + &entry(&body)
}

/// All outputs of the listed cells. `x1`: the view of the level's rows in the results; else as [`objectness`].
/// A workgroup takes one cell after the other, its threads the outputs.
pub fn candidates(element: ElementLayout, anchors: usize, outputs: usize) -> String {
    let rows = anchors * outputs;
    let body = format!(
        "@compute @workgroup_size({GROUP})
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) l: u32) {{
  let hw = p.in_h * p.in_w;
  let count = min(found[p.x0], {MAX_CANDIDATES}u);
  for (var slot = g.x; slot < count; slot += n.x) {{
    let cell = found[p.x2 + slot];
    let first = cell / hw * {outputs}u;
    let pixel = cell % hw;
    for (var k = l; k < {outputs}u; k += {GROUP}u) {{
      let o = first + k;
      var sum = w[{rows}u * p.in_c + o / 4u][o % 4u];
      for (var c = 0u; c < p.in_c; c++) {{
        sum += dot(ld(p.in_at + c * hw + pixel), w[o * p.in_c + c]);
      }}
      found[p.x1 + slot * {outputs}u + k] = bitcast<u32>(sum);
    }}
  }}
}}
"
    );
    let bindings = "@group(0) @binding(2) var<storage, read> w: array<V>;
@group(0) @binding(3) var<storage, read_write> found: array<u32>;
";
    header(element) + bindings + &body
}
