fn run(i: u32) {
  let e = each(i);
  let fy = max((f32(e.y) + 0.5) / f32(SCALE) - 0.5, 0.0);
  let fx = max((f32(e.x) + 0.5) / f32(SCALE) - 0.5, 0.0);
  let y0 = u32(fy);
  let x0 = u32(fx);
  let y1 = min(y0 + 1u, p.in_h - 1u);
  let x1 = min(x0 + 1u, p.in_w - 1u);
  let v00 = ld(input_at(e, e.c, y0 * p.in_w + x0));
  let v01 = ld(input_at(e, e.c, y0 * p.in_w + x1));
  let v10 = ld(input_at(e, e.c, y1 * p.in_w + x0));
  let v11 = ld(input_at(e, e.c, y1 * p.in_w + x1));
  let wy = fy - f32(y0);
  let wx = fx - f32(x0);
  st(e.to, (v00 * (1.0 - wx) + v01 * wx) * (1.0 - wy) + (v10 * (1.0 - wx) + v11 * wx) * wy);
}
