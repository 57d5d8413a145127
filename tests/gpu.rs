//! The GPU executor against the reference and the CPU executor, on whatever adapter there is.

mod support;

use ghostdet::detector::{DetectorOptions, PredictOptions};
use ghostdet::engine::cpu::Precision;
use ghostdet::engine::gpu::{Gpu, GpuExecutor, Tuning, WeightSharing};
use ghostdet::engine::{DeviceKind, Engine, EngineOptions, Executor, Weights};
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, image::Image};
use pollster::block_on;
use std::sync::LazyLock;
use support::{channels_last, deviation, goldens, nets, part, single_modules};

static GPU: LazyLock<Option<Gpu>> = LazyLock::new(|| match block_on(Gpu::open()) {
    Ok(gpu) => {
        eprintln!("adapter: {} (software: {})", gpu.name, gpu.software);
        Some(gpu)
    }
    Err(error) => {
        eprintln!("skipped: {error}");
        None
    }
});

fn in_floats() -> DetectorOptions {
    DetectorOptions { precision: Some(Precision::Float), ..DetectorOptions::default() }
}

/// Tiles for the processor and for real GPUs: all must be right everywhere.
fn tunings() -> Vec<Tuning> {
    let f16 = GPU.as_ref().is_some_and(ghostdet::engine::gpu::Gpu::f16);
    let plain = [Tuning::configurations(true, false), Tuning::configurations(false, f16)].concat();
    // In rows and fused, and with weights that threads load for each other, too: on each kind of numbers.
    let subgroup = GPU.as_ref().map_or(0, |gpu| gpu.subgroup);
    let usual = plain.iter().filter(|one| (one.pixels, one.blocks) == (4, 2));
    let varied = usual.flat_map(|&one| {
        // Shaders with barriers take adapters on the processor long to compile: one kind of them is enough.
        let wanted = move |way: &Tuning| {
            way.sharing != WeightSharing::PerThread && (way.sharing != WeightSharing::Workgroup || !one.f16_storage)
        };
        let shared = one.variants(subgroup).into_iter().filter(wanted);
        [Tuning { tile_per_row: true, fused: true, ..one }].into_iter().chain(shared)
    });
    plain.iter().copied().chain(varied).collect()
}

/// How far off halves may be, of the largest value: stored only, or multiplied as such.
fn bound(tuning: Tuning) -> f32 {
    if tuning.f16_math { 2e-2 } else { 1e-2 }
}

/// Every module in fp32 and with halves in memory; in the other configurations those whose kernels depend on them.
#[test]
fn modules_equal_the_reference() {
    let Some(gpu) = GPU.as_ref() else { return };
    let tunings = tunings();
    let half = tunings.iter().position(|one| one.f16_storage).unwrap_or(0);
    for (at, &tuning) in tunings.iter().enumerate() {
        let whole = at == 0 || at == half;
        let depends =
            |name: &str| ["conv", "dwconv", "ghost", "c3ghost", "c3_"].iter().any(|one| name.starts_with(one));
        for golden in goldens().iter().take(if whole { 2 } else { 1 }) {
            let (mut checked, mut largest) = (0, 0.0_f32);
            for case in single_modules(golden).iter().filter(|case| whole || depends(&case.name)) {
                let engine =
                    Engine::for_module(&case.module, case.input.shape[1], &case.weights, &EngineOptions::default())
                        .unwrap();
                let executor = GpuExecutor::new(gpu, engine.program(), tuning).unwrap();
                for image in 0..case.input.shape[0] {
                    let (pixels, size) = channels_last(&case.input, image);
                    let (rows, _) = block_on(executor.rows(engine.program(), (&pixels).into(), size)).unwrap();
                    let found = rows[0].as_ref().expect("an output");
                    largest = largest.max(match tuning.f16_storage {
                        true => case.check_halves(image, found, bound(tuning)),
                        false => case.check(image, found),
                    });
                }
                checked += 1;
            }
            println!("{}: {checked} modules, largest deviation {largest:e} ({})", golden.display(), tuning);
            assert!(checked >= if whole { 40 } else { 15 }, "only {checked} modules were checked");
        }
    }
}

#[test]
fn nets_equal_the_reference() {
    let Some(gpu) = GPU.as_ref() else { return };
    for net in nets() {
        let engine = Engine::new(&net.graph, net.checkpoint(), &EngineOptions::in_floats()).unwrap();
        // Halves are compared on weights that are halves, as those of shipped networks: to round these nets' weights alone
        // moves their maps by up to 2e-2.
        let rounded = Engine::new(&net.graph, halved(net.checkpoint()), &EngineOptions::in_floats()).unwrap();
        let (bytes, input) = (&net.tensors["input_u8"], net.input());
        // The rarer nets have no kernels of their own: one configuration is enough.
        let rare = !net.name.starts_with("yolov5-");
        for tuning in tunings().into_iter().take(if rare { 1 } else { usize::MAX }) {
            let engine = if tuning.f16_storage { &rounded } else { &engine };
            let executor = GpuExecutor::new(gpu, engine.program(), tuning).unwrap();
            let mut largest = 0.0_f32;
            for image in 0..input.shape[0] {
                let (pixels, size) = channels_last(&input, image);
                let maps = block_on(executor.maps(engine.program(), (&pixels).into(), size)).unwrap();
                let rgb: Vec<u8> = channels_last(bytes, image).0.iter().map(|&v| v as u8).collect();
                let from_bytes = block_on(executor.maps(engine.program(), (&rgb).into(), size)).unwrap();
                let expected = engine.forward(&pixels, size).unwrap();
                for found in [maps, from_bytes] {
                    if !tuning.f16_storage {
                        largest = largest.max(net.check(image, &found));
                        continue;
                    }
                    for (found, expected) in found.iter().zip(&expected) {
                        let part = part(&found.data, &expected.data);
                        assert!(part <= bound(tuning), "{}: off by {part} of the largest value", net.name);
                        largest = largest.max(part);
                    }
                }
            }
            println!("{}: largest deviation {largest:e} ({})", net.name, tuning);
        }
    }
}

/// What people run: trained weights, photographs. Here halves keep within the bound even where they are multiplied.
#[test]
fn trained_weights_on_photographs_equal_the_processors() {
    let Some(gpu) = GPU.as_ref() else { return };
    let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors").unwrap();
    let detector = Detector::load(&weights, &in_floats()).unwrap();
    let engine = detector.engine();
    for tuning in tunings().into_iter().filter(|one| one.f16_storage && (one.pixels, one.blocks) == (4, 2)) {
        let executor = GpuExecutor::new(gpu, engine.program(), tuning).unwrap();
        let mut largest = 0.0_f32;
        for name in ["astronaut", "coffee"] {
            let image = Image::decode(&std::fs::read(format!("tests/samples/{name}.jpg")).unwrap()).unwrap();
            let prepared = detector.prepare(&image, Some([320, 320]), true).unwrap();
            let expected = engine.forward(&prepared.pixels(), prepared.size()).unwrap();
            let found =
                block_on(executor.maps(engine.program(), (&prepared.pixels()).into(), prepared.size())).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                largest = largest.max(part(&found.data, &expected.data));
            }
        }
        println!("largest deviation {largest:e} ({})", tuning);
        assert!(largest <= 1e-2, "{}: off by {largest}", tuning);
    }
}

fn halved(mut checkpoint: Checkpoint) -> Checkpoint {
    for value in checkpoint.tensors.values_mut().flat_map(|tensor| &mut tensor.data) {
        *value = half::f16::from_f32(*value).to_f32();
    }
    checkpoint
}

#[test]
fn modules_equal_the_processors() {
    let Some(gpu) = GPU.as_ref() else { return };
    // Odd channels, groups, dilation, transposed convolution, focus, uneven sizes: what the fast kernels can't do too.
    let yaml = "nc: 2\ndepth_multiple: 1.0\nwidth_multiple: 1.0\nanchors: 2\nbackbone:
  - [-1, 1, Focus, [24, 3]]
  - [-1, 1, Conv, [8, 3, 2, None, 8]]
  - [-1, 1, GhostConv, [24, 3, 1]]
  - [-1, 2, C3Ghost, [24]]
  - [-1, 1, GhostBottleneck, [40, 5, 2]]
  - [-1, 1, C3x, [16]]
  - [-1, 1, BottleneckCSP, [16]]
  - [-1, 1, SPP, [16, [3, 5]]]
  - [-1, 1, Contract, [2]]
  - [-1, 1, Expand, [2]]
  - [-1, 1, nn.ConvTranspose2d, [8, 4, 2, 1]]
  - [-1, 1, DWConv, [8, 5, 1]]
  - [[-1, 3], 1, Concat, [1]]
  - [-1, 1, CrossConv, [32, 3, 1]]
head:
  - [-1, 1, nn.Upsample, [None, 2, 'nearest']]
  - [[-1, 0], 1, Concat, [1]]
  - [-1, 1, Conv, [20, 1, 1]]
  - [[16, 13], 1, Detect, [nc, anchors]]
";
    let graph = ghostdet::model::Config::parse(yaml).unwrap().graph(None).unwrap();
    let engine = Engine::new(&graph, Weights::Random, &EngineOptions::in_floats()).unwrap();
    for tuning in tunings() {
        let executor = GpuExecutor::new(gpu, engine.program(), tuning).unwrap();
        // More sizes than are kept, one of them twice.
        for size in [[64, 64], [48, 112], [64, 64], [32, 32], [96, 64], [48, 112]] {
            let pixels: Vec<f32> = (0..size[0] * size[1] * 3).map(|i| ((i * i) % 257) as f32 / 256.0).collect();
            let (expected, _) = engine.forward_rows(&pixels, size).unwrap();
            let (got, _) = block_on(executor.rows(engine.program(), (&pixels).into(), size)).unwrap();
            for (row, (expected, got)) in expected.iter().zip(&got).enumerate() {
                let (Some(expected), Some(got)) = (expected, got) else { continue };
                assert_eq!(expected.shape, got.shape);
                if tuning.f16_storage {
                    let part = part(&got.data, &expected.data);
                    assert!(part <= bound(tuning), "row {row} at {size:?}: off by {part} of the largest value");
                } else {
                    let (over, most) = deviation(&got.data, &expected.data, 1e-4, 1e-3);
                    assert!(over <= 0.0, "row {row} at {size:?}: off by {most}");
                }
            }
        }
    }
}

#[test]
fn a_network_for_the_processor_alone_stays_there() {
    let Some(gpu) = GPU.as_ref() else { return };
    let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors").unwrap();
    let image = Image::decode(&std::fs::read("tests/samples/astronaut.jpg").unwrap()).unwrap();
    let options = DetectorOptions { keep_source_weights: false, ..in_floats() };
    let mut alone = Detector::load(&weights, &options).unwrap();
    let both = Detector::load(&weights, &in_floats()).unwrap();
    let found = |detector: &Detector| detector.detect(&image, &Default::default()).unwrap().detections;
    assert_eq!(found(&alone), found(&both));
    assert!(block_on(alone.attach_gpu(gpu)).is_err());
    assert_eq!(found(&alone), found(&both));
}

#[test]
fn a_texture_is_letterboxed_like_bytes() {
    let Some(gpu) = GPU.as_ref() else { return };
    let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors").unwrap();
    let mut detector = Detector::load(&weights, &in_floats()).unwrap();
    let image = Image::decode(&std::fs::read("tests/samples/astronaut.jpg").unwrap()).unwrap();
    // Smaller, exactly half and twice the network's, as large as it, upright, across, a line: all to the same boxes.
    let sizes = [[image.height, image.width], [160, 160], [320, 320], [80, 80], [301, 517], [2, 300]];
    let test = detector.self_test(160).unwrap();
    for tuning in tunings() {
        block_on(detector.attach_gpu_tuned(gpu, tuning, &test)).unwrap();
        for [height, width] in sizes {
            let scaled = ghostdet::image::resize(&image, width, height);
            let rgba: Vec<u8> = scaled.rgb.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect();
            let fill = |queue: &wgpu::Queue, texture: &wgpu::Texture| {
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: 0,
                    bytes_per_row: Some(width as u32 * 4),
                    rows_per_image: None,
                };
                queue.write_texture(texture.as_image_copy(), &rgba, layout, texture.size());
            };
            let options = PredictOptions { imgsz: Some([160, 160]), ..PredictOptions::default() };
            let bytes = detector.predict(&scaled, &options).unwrap();
            let texture = block_on(detector.predict_texture([height, width], &options, fill)).unwrap();
            let options = ghostdet::detection::NmsOptions { conf: 0.02, ..Default::default() };
            assert_eq!(texture.expect("a copy").boxes(&options), bytes.boxes(&options), "{width}x{height}");
        }
    }
    let fill = |_: &wgpu::Queue, _: &wgpu::Texture| {};
    let refused = block_on(detector.predict_texture([3, 100_000], &PredictOptions::default(), fill)).unwrap_err();
    assert_eq!(refused.kind(), ghostdet::ErrorKind::Device);
}

#[test]
fn the_self_tests_pass_in_every_way() {
    let Some(gpu) = GPU.as_ref() else { return };
    let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors").unwrap();
    let mut detector = Detector::load(&weights, &in_floats()).unwrap();
    for tuning in tunings() {
        for side in [32, 100] {
            let test = detector.self_test(side).unwrap();
            block_on(detector.attach_gpu_tuned(gpu, tuning, &test))
                .unwrap_or_else(|error| panic!("{} at {side}: {error}", tuning));
            assert_eq!(detector.engine().executor().info().kind, DeviceKind::Gpu);
        }
    }
    detector.detach();
    assert_eq!(detector.engine().executor().info().kind, DeviceKind::Cpu);
}

#[test]
fn any_size_gives_the_processors_boxes() {
    let Some(gpu) = GPU.as_ref() else { return };
    let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors").unwrap();
    let image = Image::decode(&std::fs::read("tests/samples/astronaut.jpg").unwrap()).unwrap();
    let mut detector = Detector::load(&weights, &in_floats()).unwrap();
    block_on(detector.attach_gpu(gpu)).unwrap();
    let options = ghostdet::detection::NmsOptions { conf: 0.05, ..Default::default() };
    // Not multiples of 32, the least, the largest, 2:1 both ways; padded to a square and not.
    for size in [[33, 33], [32, 32], [1, 1], [321, 239], [320, 640], [640, 320], [1280, 1280]] {
        // The largest takes a second a run where the processor imitates a GPU: once.
        for auto in [true, false].into_iter().skip(usize::from(size[0] == 1280)) {
            let [on_cpu, on_gpu] = [true, false].map(|on_cpu| {
                let predict = PredictOptions { imgsz: Some(size), auto, on_cpu, ..PredictOptions::default() };
                detector.predict(&image, &predict).unwrap().boxes(&options)
            });
            assert_eq!(on_gpu.len(), on_cpu.len(), "{size:?}");
            for (e, g) in on_cpu.iter().zip(&on_gpu) {
                assert_eq!(e.class, g.class, "{size:?}");
                assert!((e.score - g.score).abs() < 1e-3, "{size:?}: {e:?} {g:?}");
                assert!(e.bounds.iter().zip(g.bounds).all(|(a, b)| (a - b).abs() < 0.2), "{size:?}: {e:?} {g:?}");
            }
        }
    }
}

#[test]
fn boxes_equal_the_processors() {
    let Some(gpu) = GPU.as_ref() else { return };
    let weights = std::fs::read("weights/yolov5n-ghost-backbone.safetensors").unwrap();
    let mut detector = Detector::load(&weights, &in_floats()).unwrap();
    block_on(detector.attach_gpu(gpu)).unwrap();
    for name in ["astronaut", "lifeboat", "coffee"] {
        let image = Image::decode(&std::fs::read(format!("tests/samples/{name}.jpg")).unwrap()).unwrap();
        for size in [320, 416] {
            let options = ghostdet::detection::NmsOptions { conf: 0.1, ..Default::default() };
            let [expected, got] = [true, false].map(|on_cpu| {
                let predict = PredictOptions { imgsz: Some([size, size]), on_cpu, ..PredictOptions::default() };
                detector.predict(&image, &predict).unwrap().boxes(&options)
            });
            assert_eq!(got.len(), expected.len(), "{name} at {size}");
            for (e, g) in expected.iter().zip(&got) {
                assert_eq!(e.class, g.class);
                assert!((e.score - g.score).abs() < 1e-3, "{name}: {e:?} {g:?}");
                assert!(e.bounds.iter().zip(g.bounds).all(|(a, b)| (a - b).abs() < 0.1), "{name}: {e:?} {g:?}");
            }
        }
    }
}
