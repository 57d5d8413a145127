@group(0) @binding(2) var<storage, read> w: array<f32>;
fn run(i: u32) {
  let e = each(i);
  var sum = w[BIAS + e.c];
  let first = e.c / OUTPUTS * INPUTS;
  let stride = i32(STRIDE);
  for (var ky = 0u; ky < KERNEL; ky++) {
    let ty = i32(e.y + PADDING) - i32(ky * DILATION);
    if (ty < 0 || ty % stride != 0 || ty / stride >= i32(p.in_h)) { continue; }
    for (var kx = 0u; kx < KERNEL; kx++) {
      let tx = i32(e.x + PADDING) - i32(kx * DILATION);
      if (tx < 0 || tx % stride != 0 || tx / stride >= i32(p.in_w)) { continue; }
      let source = u32(ty / stride) * p.in_w + u32(tx / stride);
      for (var m = 0u; m < INPUTS; m++) {
        sum += a[input_at(e, first + m, source)]
          * w[(((first + m) * OUTPUTS + e.c % OUTPUTS) * KERNEL + ky) * KERNEL + kx];
      }
    }
  }
  a[e.to] = sum;
}
