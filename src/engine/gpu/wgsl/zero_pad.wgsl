fn run(i: u32) {
  let e = each(i);
  let iy = i32(e.y) - i32(TOP);
  let ix = i32(e.x) - i32(LEFT);
  var v = V(0.0);
  if (iy >= 0 && iy < i32(p.in_h) && ix >= 0 && ix < i32(p.in_w)) {
    v = ld(input_at(e, e.c, u32(iy) * p.in_w + u32(ix)));
  }
  st(e.to, v);
}
