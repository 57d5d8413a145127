//! Attention over all pixels of a map.

use super::{ElementLayout, entry, header};

/// One thread for each query and head. The softmax is computed in one pass over the keys: sums are rescaled when a larger
/// score comes (Milakov and Gimelshein 2018). The input holds queries, keys and values, `channels` each.
pub fn attention(channels: usize, heads: usize) -> String {
    let each = channels / heads.max(1);
    let body = format!(
        "  let hw = p.out_h * p.out_w;
  let first = i / hw * {each}u;
  let pixel = i % hw;
  var query: array<f32, {each}>;
  var sums: array<f32, {each}>;
  for (var c = 0u; c < {each}u; c++) {{
    query[c] = a[at(p.in_at, p.in_off, hw, first + c, pixel)];
  }}
  var largest = -3.402823e38;
  var total = 0.0;
  for (var key = 0u; key < hw; key++) {{
    var score = 0.0;
    for (var c = 0u; c < {each}u; c++) {{
      score += query[c] * a[at(p.in_at, p.in_off, hw, {channels}u + first + c, key)];
    }}
    let most = max(largest, score);
    let shrink = exp(largest - most);
    let weight = exp(score - most);
    largest = most;
    total = total * shrink + weight;
    for (var c = 0u; c < {each}u; c++) {{
      sums[c] = sums[c] * shrink + weight * a[at(p.in_at, p.in_off, hw, {values}u + first + c, key)];
    }}
  }}
  for (var c = 0u; c < {each}u; c++) {{
    a[at(p.out_at, p.out_off, hw, first + c, pixel)] = sums[c] / total;
  }}
",
        values = 2 * channels,
    );
    header(ElementLayout::Scalar) + &entry(&body)
}
