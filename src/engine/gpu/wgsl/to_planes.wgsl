@group(0) @binding(3) var<storage, read_write> planes: array<f32>;
fn run(i: u32) {
  let hw = p.in_h * p.in_w;
  let c = i / hw;
  planes[i] = ld(p.in_at + c / 4u * hw + i % hw)[c % 4u];
}
