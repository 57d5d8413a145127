@group(0) @binding(2) var picture: texture_2d<f32>;
// Of all columns, then of all rows: first and second pixel, and their weights.
@group(0) @binding(3) var<storage, read> taps: array<vec4<u32>>;
fn texel(x: u32, y: u32) -> vec3<i32> {
  return vec3<i32>(round(textureLoad(picture, vec2<u32>(x, y), 0).rgb * 255.0));
}
fn along(y: u32, t: vec4<u32>) -> vec3<i32> {
  return (texel(t.x, y) * i32(t.z) + texel(t.y, y) * i32(t.w)) >> vec3<u32>(4u);
}
fn run(i: u32) {
  let x = i % p.out_w - p.border_left;
  let y = i / p.out_w - p.border_top;
  var rgb = vec3<i32>(114);
  // Left of the picture and above it, the differences wrap to large numbers.
  if (x < p.in_w && y < p.in_h) {
    let column = taps[x];
    let row = taps[p.in_w + y];
    let upper = (along(row.x, column) * i32(row.z)) >> vec3<u32>(16u);
    let lower = (along(row.y, column) * i32(row.w)) >> vec3<u32>(16u);
    rgb = (upper + lower + vec3<i32>(2)) >> vec3<u32>(2u);
  }
  st(p.out_at + i, vec4<f32>(vec3<f32>(rgb) / 255.0, 0.0));
}
