@group(0) @binding(2) var<storage, read> w: array<f32>;
fn run(i: u32) {
  let e = each(i);
  var sum = w[BIAS + e.c];
  if (ADDEND_SCALE > 0u) {
    let under = e.y / max(ADDEND_SCALE, 1u) * p.addend_w + e.x / max(ADDEND_SCALE, 1u);
    sum += a[p.addend_at + ((e.c / 4u) * p.addend_hw + under) * 4u + e.c % 4u];
  }
  let first = e.c / OUTPUTS * INPUTS;
  for (var ky = 0u; ky < KERNEL_H; ky++) {
    let iy = i32(e.y * STRIDE_Y + ky * DILATION) - i32(PADDING_Y);
    if (iy < 0 || iy >= i32(p.in_h)) { continue; }
    for (var kx = 0u; kx < KERNEL_W; kx++) {
      let ix = i32(e.x * STRIDE_X + kx * DILATION) - i32(PADDING_X);
      if (ix < 0 || ix >= i32(p.in_w)) { continue; }
      let source = u32(iy) * p.in_w + u32(ix);
      for (var m = 0u; m < INPUTS; m++) {
        sum += a[input_at(e, first + m, source)] * w[((e.c * INPUTS + m) * KERNEL_H + ky) * KERNEL_W + kx];
      }
    }
  }
  var v = act(sum);
  if (RESIDUAL) {
    v += ld(at(p.res_at, p.res_off, e.hw, e.c, e.pixel));
  }
  a[e.to] = v;
}
