fn run(i: u32) {
  let e = each(i);
  let q = e.c / p.in_c;
  let dy = select(q / GAIN, q % GAIN, COLUMNS_FIRST);
  let dx = select(q % GAIN, q / GAIN, COLUMNS_FIRST);
  st(e.to, ld(input_at(e, e.c % p.in_c, (e.y * GAIN + dy) * p.in_w + e.x * GAIN + dx)));
}
