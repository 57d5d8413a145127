fn run(i: u32) {
  let e = each(i);
  st(e.to, act(ld(input_at(e, e.c, e.pixel)) * lw(2u * e.c) + lw(2u * e.c + 1u)));
}
