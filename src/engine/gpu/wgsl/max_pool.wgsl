fn run(i: u32) {
  let e = each(i);
  let top = i32(e.y * STRIDE) - i32(PADDING);
  let left = i32(e.x * STRIDE) - i32(PADDING);
  var most = V(-3.402823e38);
  for (var iy = max(top, 0); iy < min(top + i32(KERNEL), i32(p.in_h)); iy++) {
    for (var ix = max(left, 0); ix < min(left + i32(KERNEL), i32(p.in_w)); ix++) {
      most = max(most, ld(input_at(e, e.c, u32(iy) * p.in_w + u32(ix))));
    }
  }
  st(e.to, most);
}
