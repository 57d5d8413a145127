// The letterboxed image's bytes, `r g b r g b …`, four a word.
@group(0) @binding(2) var<storage, read> bytes: array<u32>;
fn run(i: u32) {
  let first = 3u * i;
  var rgb = vec3<f32>(0.0);
  for (var c = 0u; c < 3u; c++) {
    let at = first + c;
    rgb[c] = f32((bytes[at / 4u] >> (8u * (at % 4u))) & 255u) / 255.0;
  }
  st(p.out_at + i, vec4<f32>(rgb, 0.0));
}
