// fp32: a row of `c1 / 4` blocks per output, then the biases.
@group(0) @binding(2) var<storage, read> w: array<V>;
@group(0) @binding(3) var<storage, read_write> found: array<atomic<u32>>;
fn run(i: u32) {
  let hw = p.in_h * p.in_w;
  for (var anchor = 0u; anchor < ANCHORS; anchor++) {
    let o = anchor * OUTPUTS + 4u;
    var sum = w[ANCHORS * OUTPUTS * p.in_c + o / 4u][o % 4u];
    for (var c = 0u; c < p.in_c; c++) {
      sum += dot(ld(p.in_at + c * hw + i), w[o * p.in_c + c]);
    }
    // NaN and infinity count as above, so that they are noticed.
    let odd = (bitcast<u32>(sum) & 0x7f800000u) == 0x7f800000u;
    if (sum > p.threshold || odd) {
      let slot = atomicAdd(&found[p.level], 1u);
      if (slot < MAX_CANDIDATES) { atomicStore(&found[p.list_at + slot], anchor * hw + i); }
    }
  }
}
