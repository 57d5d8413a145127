// One thread for each query and head. The softmax is computed in one pass over the keys: sums are rescaled when a larger
// score comes.
fn run(i: u32) {
  let hw = p.out_h * p.out_w;
  let first = i / hw * PER_HEAD;
  let pixel = i % hw;
  var query: array<f32, PER_HEAD>;
  var sums: array<f32, PER_HEAD>;
  for (var c = 0u; c < PER_HEAD; c++) {
    query[c] = a[at(p.in_at, p.in_off, hw, first + c, pixel)];
  }
  var largest = -3.402823e38;
  var total = 0.0;
  for (var key = 0u; key < hw; key++) {
    var score = 0.0;
    for (var c = 0u; c < PER_HEAD; c++) {
      score += query[c] * a[at(p.in_at, p.in_off, hw, CHANNELS + first + c, key)];
    }
    let most = max(largest, score);
    let shrink = exp(largest - most);
    let weight = exp(score - most);
    largest = most;
    total = total * shrink + weight;
    for (var c = 0u; c < PER_HEAD; c++) {
      sums[c] = sums[c] * shrink + weight * a[at(p.in_at, p.in_off, hw, 2u * CHANNELS + first + c, key)];
    }
  }
  for (var c = 0u; c < PER_HEAD; c++) {
    a[at(p.out_at, p.out_off, hw, first + c, pixel)] = sums[c] / total;
  }
}
