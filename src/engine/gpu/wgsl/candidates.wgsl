// As for objectness.
@group(0) @binding(2) var<storage, read> w: array<V>;
@group(0) @binding(3) var<storage, read_write> found: array<u32>;
@compute @workgroup_size(GROUP)
fn main(
  @builtin(workgroup_id) g: vec3<u32>,
  @builtin(num_workgroups) n: vec3<u32>,
  @builtin(local_invocation_index) l: u32,
) {
  let hw = p.in_h * p.in_w;
  let count = min(found[p.level], MAX_CANDIDATES);
  // A workgroup takes one cell after the other, its threads the outputs.
  for (var slot = g.x; slot < count; slot += n.x) {
    let cell = found[p.list_at + slot];
    let first = cell / hw * OUTPUTS;
    let pixel = cell % hw;
    for (var k = l; k < OUTPUTS; k += GROUP) {
      let o = first + k;
      var sum = w[ANCHORS * OUTPUTS * p.in_c + o / 4u][o % 4u];
      for (var c = 0u; c < p.in_c; c++) {
        sum += dot(ld(p.in_at + c * hw + pixel), w[o * p.in_c + c]);
      }
      found[p.rows_at + slot * OUTPUTS + k] = bitcast<u32>(sum);
    }
  }
}
