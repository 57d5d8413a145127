// One element of one output pixel, for a thread.
struct Each {
  // Pixels of the output and of the input.
  hw: u32,
  in_hw: u32,
  // The element, and its pixel.
  c: u32,
  pixel: u32,
  y: u32,
  x: u32,
  // Where it is written.
  to: u32,
}
fn each(i: u32) -> Each {
  let hw = p.out_h * p.out_w;
  let c = i / hw;
  let pixel = i % hw;
  return Each(hw, p.in_h * p.in_w, c, pixel, pixel / p.out_w, pixel % p.out_w, at(p.out_at, p.out_off, hw, c, pixel));
}
fn input_at(e: Each, c: u32, pixel: u32) -> u32 {
  return at(p.in_at, p.in_off, e.in_hw, c, pixel);
}
