fn run(i: u32) {
  let e = each(i);
  st(e.to, ld(input_at(e, e.c, e.y / SCALE * p.in_w + e.x / SCALE)));
}
