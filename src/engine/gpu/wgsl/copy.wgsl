fn run(i: u32) {
  let e = each(i);
  var v = ld(input_at(e, e.c, e.pixel));
  if (RESIDUAL) {
    v += ld(at(p.res_at, p.res_off, e.hw, e.c, e.pixel));
  }
  st(e.to, v);
}
