//! A roofline of the GPU kernels: every dispatch of a network beside a plain matrix product and a copy on the same device.
//!
//! ```text
//! cargo run --release -p ghostdet --features gpu --example roofline -- [NETWORK] [SIZE] [CLASSES] [TUNING]
//! ```

use ghostdet::engine::gpu::{Gpu, GpuExecutor, Tuning};
use ghostdet::engine::plan::{Layout, Plan, Retain};
use ghostdet::engine::program::{Op, OpKind, Program};
use ghostdet::engine::{Engine, EngineOptions, Executor, Weights};
use ghostdet::model::{Config, builtin};
use pollster::block_on;
use std::error::Error;
use std::time::Instant;

/// The number of runs; the median counts.
const RUNS: usize = 5;

/// The sides of the square matrices of the plain product. The second is for hardware, which the first hardly fills.
const SIDES: [usize; 2] = [1024, 4096];

/// The bytes of the copy: more than the caches of hardware hold.
const COPIED: u64 = 512 << 20;

/// Seconds that products and copies are repeated for, so that the wait for them weighs little.
const LONG_ENOUGH: f64 = 0.02;

/// A dispatch that does nothing.
const NOTHING: &str = "
@group(0) @binding(0) var<storage, read_write> a: array<u32>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) l: u32) {
  if (l > 64u) { a[0] = l; }
}
";

/// The textbook product: tiles of 64 x 64 in a workgroup's memory, 4 x 4 a thread.
const PRODUCT: &str = "
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4<f32>>;
const N = 1024u;
var<workgroup> left: array<vec4<f32>, 256>;
var<workgroup> right: array<vec4<f32>, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(local_invocation_index) l: u32) {
  let x = l % 16u;
  let y = l / 16u;
  var sums: array<vec4<f32>, 4>;
  for (var k = 0u; k < N; k += 16u) {
    left[l] = a[((g.y * 64u + l / 4u) * N + k) / 4u + l % 4u];
    right[l] = b[((k + y) * N + g.x * 64u) / 4u + x];
    workgroupBarrier();
    for (var q = 0u; q < 4u; q++) {
      let w0 = right[(4u * q) * 16u + x];
      let w1 = right[(4u * q + 1u) * 16u + x];
      let w2 = right[(4u * q + 2u) * 16u + x];
      let w3 = right[(4u * q + 3u) * 16u + x];
      for (var r = 0u; r < 4u; r++) {
        let v = left[(4u * y + r) * 4u + q];
        sums[r] += v.x * w0 + v.y * w1 + v.z * w2 + v.w * w3;
      }
    }
    workgroupBarrier();
  }
  for (var r = 0u; r < 4u; r++) {
    c[((g.y * 64u + 4u * y + r) * N + g.x * 64u) / 4u + x] = sums[r];
  }
}
";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "yolov5n-ghost-backbone".into());
    let side: usize = arguments.next().map_or(Ok(320), |text| text.parse())?;
    let nc: usize = arguments.next().map_or(Ok(80), |text| text.parse())?;
    let gpu = block_on(Gpu::open())?;
    let tuning = match arguments.next() {
        None => Tuning::default_for(&gpu),
        Some(name) => name.parse()?,
    };
    let (product, copy) = (textbook(&gpu, tuning.f16_math).max(pointwise(&gpu, tuning)?), copied(&gpu));
    let nothing = 1e3 * dispatched(&gpu, NOTHING, 1, 4, [1, 1]);
    println!("{}: a plain product {product:.1} GMAC/s, a copy {copy:.1} GB/s (read and written)", gpu.name);
    println!("a dispatch that does nothing takes {:.1} µs", 1e3 * nothing);

    let graph = builtin(&name).ok_or("no such built-in network")?.graph(Some(nc))?;
    let engine = Engine::new(&graph, Weights::Random, &EngineOptions::default())?;
    let program = engine.program();
    let executor = GpuExecutor::new(&gpu, program, tuning)?;
    let size = [side, side];
    let pixels = vec![0.5; side * side * graph.input_channels];
    let times = median_times(&executor, program, &pixels, size)?;
    let plan = Plan::new(program, size, Layout::Blocks, Retain::Maps)?;
    println!("step row what            kernel                      ms  GMAC/s   GB/s  of the nearer ceiling");
    let (mut all, mut least) = ([0.0; 2], 0.0);
    let width = if executor.tuning().f16_storage { 2.0 } else { 4.0 };
    let costs: Vec<(f64, f64)> = program.ops.iter().map(|op| cost(op, &plan, width)).collect();
    for (index, (op, ms)) in program.ops.iter().zip(&times).enumerate() {
        if *ms == 0.0 && index > 0 {
            continue;
        }
        // A dispatch does the operations after it that took no time of their own.
        let more = times[index + 1..].iter().take_while(|ms| **ms == 0.0).count();
        let (adds, bytes) =
            costs[index..=index + more].iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let [rate, flow] = [adds / ms / 1e6, bytes / ms / 1e6];
        let part = (rate / product).max(flow / copy);
        let details = op.kind.details(op.residual.is_some(), op.upsampled_addend.is_some());
        println!(
            "{index:>4} {:>3} {:<15} {details:<22}{ms:>8.4}{rate:>8.1}{flow:>7.1}{:>6.0} %",
            op.row,
            op.kind.name(),
            100.0 * part
        );
        all[0] += adds;
        all[1] += ms;
        least += (adds / product).max(bytes / copy) / 1e6;
    }
    let [adds, ms] = all;
    let dispatches = executor.dispatches();
    println!("{name} {side}, {}: {ms:.3} ms in {dispatches} dispatches", executor.tuning());
    println!("{:.1} GMAC/s, {:.0} % of a plain product's", adds / ms / 1e6, 100.0 * adds / ms / 1e6 / product);
    println!(
        "at each step's nearer ceiling it would take {least:.3} ms: {:.0} % of what can be had",
        100.0 * least / ms
    );
    let idle = dispatches as f64 * nothing;
    println!("dispatches that do nothing would take {idle:.3} ms: {:.0} % with them", 100.0 * (least + idle) / ms);
    Ok(())
}

/// Median milliseconds of each operation; 0 for one that is done by the dispatch of another.
fn median_times(
    executor: &GpuExecutor,
    program: &Program,
    pixels: &[f32],
    size: [usize; 2],
) -> Result<Vec<f64>, Box<dyn Error>> {
    let run = |_| block_on(executor.profile(program, pixels.into(), size));
    let runs = (0..=RUNS).map(run).collect::<Result<Vec<_>, _>>()?;
    let median = |index: usize| {
        let mut times: Vec<f64> = runs[1..].iter().map(|run| run[index].milliseconds).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    Ok((0..program.ops.len()).map(median).collect())
}

/// Multiply-adds, and bytes of weights, inputs and outputs that take `width` each.
fn cost(op: &Op, plan: &Plan, width: f64) -> (f64, f64) {
    let values = |value: usize| {
        let view = plan.views[value];
        (view.height * view.width * view.channels) as f64
    };
    let moved = width * (values(op.input) + values(op.output) + op.residual.map_or(0.0, values));
    match &op.kind {
        OpKind::Conv { weights, .. } | OpKind::FusedGhostDepthwise { weights, .. } => {
            let view = plan.views[op.output];
            let count = weights.weight.len() as f64;
            ((view.height * view.width) as f64 * count, moved + width * count)
        }
        _ => (0.0, moved),
    }
}

/// GMAC/s of the product above, in fp16 if `f16`.
fn textbook(gpu: &Gpu, f16: bool) -> f64 {
    let rate = |side: usize| {
        let mut text = PRODUCT.replace("N = 1024u", &format!("N = {side}u"));
        if f16 {
            text = format!("enable f16;{}", text.replace("vec4<f32>", "vec4<f16>"));
        }
        let bytes = side * side * if f16 { 2 } else { 4 };
        (side as f64).powi(3) / dispatched(gpu, &text, 3, bytes, [side / 64; 2]) / 1e9
    };
    SIDES[..if gpu.software { 1 } else { 2 }].iter().map(|&side| rate(side)).fold(0.0, f64::max)
}

/// Seconds of a dispatch of `shader` on as many buffers of `bytes`.
fn dispatched(gpu: &Gpu, shader: &str, buffers: usize, bytes: usize, groups: [usize; 2]) -> f64 {
    let device = &gpu.device;
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(shader.into()),
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    let buffers: Vec<wgpu::Buffer> = (0..buffers).map(|_| buffer(gpu, bytes as u64)).collect();
    let entries: Vec<wgpu::BindGroupEntry> = (0..)
        .zip(&buffers)
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
        .collect();
    let layout = pipeline.get_bind_group_layout(0);
    let group =
        device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries });
    timed(gpu, |encoder, times| {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        (0..times).for_each(|_| pass.dispatch_workgroups(groups[0] as u32, groups[1] as u32, 1));
    })
}

/// GMAC/s of our own kernel for 1x1 convolutions on a large one, the best tiling for numbers like `like`'s.
fn pointwise(gpu: &Gpu, like: Tuning) -> Result<f64, Box<dyn Error>> {
    let yaml = "nc: 1\ndepth_multiple: 1.0\nwidth_multiple: 1.0\nanchors: 1\nbackbone:\n  - [-1, 1, Conv, [512, 1, 1]]\n  - [-1, 1, Conv, [512, 1, 1]]\nhead:\n  - [[1], 1, Detect, [nc, anchors]]\n";
    let graph = Config::parse(yaml)?.graph(None)?;
    let engine = Engine::new(&graph, Weights::Random, &EngineOptions::default())?;
    let side = if gpu.software { 64 } else { 160 };
    let size = [side, side];
    let pixels = vec![0.5; side * side * 3];
    let mut best = 0.0_f64;
    let tunings = [true, false].into_iter().flat_map(|software| Tuning::configurations(software, gpu.f16()));
    for tuning in tunings.filter(|tuning| (tuning.f16_storage, tuning.f16_math) == (like.f16_storage, like.f16_math)) {
        let executor = GpuExecutor::new(gpu, engine.program(), tuning)?;
        let times = median_times(&executor, engine.program(), &pixels, size)?;
        best = best.max((512 * 512 * side * side) as f64 / times[1] / 1e6);
    }
    Ok(best)
}

/// GB/s of a copy, read and written.
fn copied(gpu: &Gpu) -> f64 {
    let [from, to] = [buffer(gpu, COPIED), buffer(gpu, COPIED)];
    let record = |encoder: &mut wgpu::CommandEncoder, times| {
        (0..times).for_each(|_| encoder.copy_buffer_to_buffer(&from, 0, &to, 0, COPIED));
    };
    2.0 * COPIED as f64 / timed(gpu, record) / 1e9
}

fn buffer(gpu: &Gpu, size: u64) -> wgpu::Buffer {
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

/// Median seconds of what `record` records so many times, after runs that don't count.
fn timed(gpu: &Gpu, record: impl Fn(&mut wgpu::CommandEncoder, usize)) -> f64 {
    let run = |times: usize| {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        record(&mut encoder, times);
        let commands = encoder.finish();
        let start = Instant::now();
        gpu.queue.submit([commands]);
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device to go on");
        start.elapsed().as_secs_f64()
    };
    run(1);
    let mut times = 1;
    while times < 5000 && run(times) < LONG_ENOUGH {
        times *= 4;
    }
    let mut seconds: Vec<f64> = (0..RUNS).map(|_| run(times) / times as f64).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[RUNS / 2]
}
