fn run(i: u32) {
  let e = each(i);
  let q = (e.y % GAIN) * GAIN + e.x % GAIN;
  st(e.to, ld(input_at(e, q * p.out_c + e.c, e.y / GAIN * p.in_w + e.x / GAIN)));
}
