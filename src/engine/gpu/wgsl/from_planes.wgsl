@group(0) @binding(2) var<storage, read> planes: array<f32>;
fn run(i: u32) {
  let hw = p.out_h * p.out_w;
  let first = i / hw * 4u;
  let pixel = i % hw;
  var v = vec4<f32>(0.0);
  for (var k = 0u; k < 4u && first + k < p.in_c; k++) {
    v[k] = planes[(first + k) * hw + pixel];
  }
  st(p.out_at + i, v);
}
