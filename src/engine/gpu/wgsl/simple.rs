//! Shaders that move or compare values, and the plain convolutions for what the fast ones can't do.

use super::{ElementLayout, activation, entry, header, weights};
use crate::engine::program::{ConvShape, UpsampleMode};
use crate::model::Activation;

/// Each thread one element of one output pixel: element `c`, pixel `(y, x)`.
const EACH: &str = "  let hw = p.out_h * p.out_w;
  let in_hw = p.in_h * p.in_w;
  let c = i / hw;
  let pixel = i % hw;
  let y = pixel / p.out_w;
  let x = pixel % p.out_w;
  let to = at(p.out_at, p.out_off, hw, c, pixel);
";

/// Maximum over a window; what lies outside doesn't count.
pub fn max_pool(element: ElementLayout, kernel: usize, stride: usize, padding: usize) -> String {
    let body = format!(
        "{EACH}  let top = i32(y * {stride}u) - {padding};
  let left = i32(x * {stride}u) - {padding};
  var most = V(-3.402823e38);
  for (var iy = max(top, 0); iy < min(top + {kernel}, i32(p.in_h)); iy++) {{
    for (var ix = max(left, 0); ix < min(left + {kernel}, i32(p.in_w)); ix++) {{
      most = max(most, ld(at(p.in_at, p.in_off, in_hw, c, u32(iy) * p.in_w + u32(ix))));
    }}
  }}
  st(to, most);
"
    );
    header(element) + &entry(&body)
}

/// Mean over a window; what lies outside counts as 0.
pub fn avg_pool(element: ElementLayout, kernel: usize, stride: usize, padding: usize) -> String {
    let body = format!(
        "{EACH}  let top = i32(y * {stride}u) - {padding};
  let left = i32(x * {stride}u) - {padding};
  var sum = V(0.0);
  for (var iy = max(top, 0); iy < min(top + {kernel}, i32(p.in_h)); iy++) {{
    for (var ix = max(left, 0); ix < min(left + {kernel}, i32(p.in_w)); ix++) {{
      sum += ld(at(p.in_at, p.in_off, in_hw, c, u32(iy) * p.in_w + u32(ix)));
    }}
  }}
  st(to, sum / {area:?});
",
        area = (kernel * kernel) as f32,
    );
    header(element) + &entry(&body)
}

/// Zeros around a map.
pub fn zero_pad(element: ElementLayout, left: usize, top: usize) -> String {
    let body = format!(
        "{EACH}  let iy = i32(y) - {top};
  let ix = i32(x) - {left};
  var v = V(0.0);
  if (iy >= 0 && iy < i32(p.in_h) && ix >= 0 && ix < i32(p.in_w)) {{
    v = ld(at(p.in_at, p.in_off, in_hw, c, u32(iy) * p.in_w + u32(ix)));
  }}
  st(to, v);
"
    );
    header(element) + &entry(&body)
}

/// A larger map: each pixel repeated, or values between pixel centres.
pub fn upsample(element: ElementLayout, scale: usize, mode: UpsampleMode) -> String {
    let body = match mode {
        UpsampleMode::Nearest => {
            format!("{EACH}  st(to, ld(at(p.in_at, p.in_off, in_hw, c, y / {scale}u * p.in_w + x / {scale}u)));\n")
        }
        UpsampleMode::Bilinear => format!(
            "{EACH}  let fy = max((f32(y) + 0.5) / {scale}.0 - 0.5, 0.0);
  let fx = max((f32(x) + 0.5) / {scale}.0 - 0.5, 0.0);
  let y0 = u32(fy);
  let x0 = u32(fx);
  let y1 = min(y0 + 1u, p.in_h - 1u);
  let x1 = min(x0 + 1u, p.in_w - 1u);
  let v00 = ld(at(p.in_at, p.in_off, in_hw, c, y0 * p.in_w + x0));
  let v01 = ld(at(p.in_at, p.in_off, in_hw, c, y0 * p.in_w + x1));
  let v10 = ld(at(p.in_at, p.in_off, in_hw, c, y1 * p.in_w + x0));
  let v11 = ld(at(p.in_at, p.in_off, in_hw, c, y1 * p.in_w + x1));
  let wy = fy - f32(y0);
  let wx = fx - f32(x0);
  st(to, (v00 * (1.0 - wx) + v01 * wx) * (1.0 - wy) + (v10 * (1.0 - wx) + v11 * wx) * wy);
"
        ),
    };
    header(element) + &entry(&body)
}

/// A copy; with `residual` it is added.
pub fn copy(element: ElementLayout, residual: bool) -> String {
    let plus = if residual { " + ld(at(p.res_at, p.res_off, hw, c, pixel))" } else { "" };
    header(element) + &entry(&format!("{EACH}  st(to, ld(at(p.in_at, p.in_off, in_hw, c, pixel)){plus});\n"))
}

/// Scale and bias per channel, then the activation. Weights: pairs of scale and bias elements.
pub fn affine(element: ElementLayout, act: Activation) -> String {
    let body =
        format!("{EACH}  st(to, act(ld(at(p.in_at, p.in_off, in_hw, c, pixel)) * lw(2u * c) + lw(2u * c + 1u)));\n");
    header(element) + &weights(element) + &activation(act) + &entry(&body)
}

/// Blocks of `gain * gain` pixels become channels.
pub fn space_to_depth(element: ElementLayout, gain: usize, columns_first: bool) -> String {
    let (dy, dx) = if columns_first { ("%", "/") } else { ("/", "%") };
    let body = format!(
        "{EACH}  let q = c / p.in_c;
  let source = (y * {gain}u + q {dy} {gain}u) * p.in_w + x * {gain}u + q {dx} {gain}u;
  st(to, ld(at(p.in_at, p.in_off, in_hw, c % p.in_c, source)));
"
    );
    header(element) + &entry(&body)
}

/// Channels become blocks of `gain * gain` pixels.
pub fn depth_to_space(element: ElementLayout, gain: usize) -> String {
    let body = format!(
        "{EACH}  let q = (y % {gain}u) * {gain}u + x % {gain}u;
  st(to, ld(at(p.in_at, p.in_off, in_hw, q * p.out_c + c, y / {gain}u * p.in_w + x / {gain}u)));
"
    );
    header(element) + &entry(&body)
}

/// Any convolution, one output value a thread, weights as the reference stores them with the biases behind.
pub fn general(shape: &ConvShape, act: Activation, residual: bool, upsampled_addend: Option<usize>) -> String {
    let [kh, kw] = shape.kernel;
    let (cin, cout) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
    let plus = if residual { " + ld(at(p.res_at, p.res_off, hw, c, pixel))" } else { "" };
    let under = upsampled_addend.map_or_else(String::new, |scale| {
        format!("  sum += a[p.x0 + ((c / 4u) * p.x2 + y / {scale}u * p.x1 + x / {scale}u) * 4u + c % 4u];\n")
    });
    let body = format!(
        "{EACH}  var sum = w[{bias}u + c];
{under}  let first = c / {cout}u * {cin}u;
  for (var ky = 0u; ky < {kh}u; ky++) {{
    let iy = i32(y * {sy}u + ky * {d}u) - {py};
    if (iy < 0 || iy >= i32(p.in_h)) {{ continue; }}
    for (var kx = 0u; kx < {kw}u; kx++) {{
      let ix = i32(x * {sx}u + kx * {d}u) - {px};
      if (ix < 0 || ix >= i32(p.in_w)) {{ continue; }}
      let source = u32(iy) * p.in_w + u32(ix);
      for (var m = 0u; m < {cin}u; m++) {{
        sum += a[at(p.in_at, p.in_off, in_hw, first + m, source)] * w[((c * {cin}u + m) * {kh}u + ky) * {kw}u + kx];
      }}
    }}
  }}
  a[to] = act(sum){plus};
",
        bias = shape.channels[1] * cin * kh * kw,
        sy = shape.stride[0],
        sx = shape.stride[1],
        py = shape.padding[0],
        px = shape.padding[1],
        d = shape.dilation,
    );
    header(ElementLayout::Scalar)
        + "@group(0) @binding(2) var<storage, read> w: array<f32>;\n"
        + &activation(act)
        + &entry(&body)
}

/// Transposed convolution, one output value a thread; weights `(c1, c2 / groups, k, k)`, the biases behind.
pub fn transpose(shape: &ConvShape) -> String {
    let (k, s, pad, d) = (shape.kernel[0], shape.stride[0], shape.padding[0], shape.dilation);
    let (cin, cout) = (shape.channels[0] / shape.groups, shape.channels[1] / shape.groups);
    let body = format!(
        "{EACH}  var sum = w[{bias}u + c];
  let first = c / {cout}u * {cin}u;
  for (var ky = 0u; ky < {k}u; ky++) {{
    let ty = i32(y + {pad}u) - i32(ky * {d}u);
    if (ty < 0 || ty % {s} != 0 || ty / {s} >= i32(p.in_h)) {{ continue; }}
    for (var kx = 0u; kx < {k}u; kx++) {{
      let tx = i32(x + {pad}u) - i32(kx * {d}u);
      if (tx < 0 || tx % {s} != 0 || tx / {s} >= i32(p.in_w)) {{ continue; }}
      let source = u32(ty / {s}) * p.in_w + u32(tx / {s});
      for (var m = 0u; m < {cin}u; m++) {{
        sum += a[at(p.in_at, p.in_off, in_hw, first + m, source)]
          * w[(((first + m) * {cout}u + c % {cout}u) * {k}u + ky) * {k}u + kx];
      }}
    }}
  }}
  a[to] = sum;
",
        bias = shape.channels[0] * cout * k * k,
    );
    header(ElementLayout::Scalar) + "@group(0) @binding(2) var<storage, read> w: array<f32>;\n" + &entry(&body)
}
