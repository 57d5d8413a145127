//! The CPU engine against the golden vectors of modules and nets.

mod support;

use ghostdet::engine::cpu::{Isa, Precision};
use ghostdet::engine::{Candidates, Engine, EngineOptions, Weights};
use ghostdet::model::{Activation, Config, builtin, modules};
use ghostdet::weights::Tensor;
use rayon::prelude::*;
use support::{channels_last, deviation, goldens, nets, part, single_modules};

fn with(precision: Precision) -> EngineOptions {
    EngineOptions { precision: Some(precision), ..EngineOptions::default() }
}

/// The widest instruction set is taken by itself; the others are asked for, as a user would.
#[test]
fn narrower_instruction_sets_do_too() {
    let widest = Isa::detect();
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_supported() && *isa != widest) {
        let tests = std::env::current_exe().unwrap();
        let mut tests = std::process::Command::new(tests);
        tests.env("GHOSTDET_SIMD", isa.name()).args(["equal_the_reference", "int16", "--nocapture"]);
        let output = tests.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}: {said}{}", isa.name(), String::from_utf8_lossy(&output.stderr));
        let results: Vec<&str> = said.lines().filter(|line| line.contains("largest deviation")).collect();
        assert!(
            results.len() >= 2 && results.iter().all(|line| line.ends_with(&format!("({})", isa.name()))),
            "{said}"
        );
    }
}

#[test]
fn modules_equal_the_reference() {
    for golden in goldens() {
        let (mut checked, mut largest) = (0, 0.0_f32);
        for case in single_modules(&golden) {
            let engine =
                Engine::for_module(&case.module, case.input.shape[1], &case.weights, &EngineOptions::in_floats())
                    .unwrap_or_else(|e| panic!("{}: {e}", case.name));
            for image in 0..case.input.shape[0] {
                let (pixels, size) = channels_last(&case.input, image);
                let (rows, _) = engine.forward_rows(&pixels, size).unwrap_or_else(|e| panic!("{}: {e}", case.name));
                largest = largest.max(case.check(image, rows[0].as_ref().expect("an output")));
            }
            checked += 1;
        }
        let isa = Isa::detect().name();
        println!("{}: {checked} modules, largest deviation {largest:e} ({isa})", golden.display());
        assert!(checked >= 40, "only {checked} modules were checked");
    }
}

/// Sizes that leave parts of tiles and vectors over, kernels with and without a path of their own, several threads.
#[test]
fn depthwise_convolutions_of_any_shape_equal_the_plain_sum() {
    let value = |i: usize| ((i * 7919 + 13) % 1009) as f32 / 504.5 - 1.0;
    for (channels, kernel, stride) in
        [3, 8, 20, 40].into_iter().flat_map(|c| [3, 5, 7].into_iter().flat_map(move |k| [(c, k, 1), (c, k, 2)]))
    {
        let arguments = format!("[{channels}, {kernel}, {stride}]");
        let module = modules::build("DWConv", "model.0", channels, &arguments, 1, Activation::Silu).unwrap();
        let weight: Vec<f32> = (0..channels * kernel * kernel).map(|i| value(i) / kernel as f32).collect();
        let bias: Vec<f32> = (0..channels).map(|i| value(i + 500)).collect();
        let tensors = [
            ("model.0.conv.weight", vec![channels, 1, kernel, kernel], weight.clone()),
            ("model.0.conv.bias", vec![channels], bias.clone()),
        ]
        .map(|(key, shape, data)| (key.to_owned(), Tensor { shape, data }));
        let weights = ghostdet::weights::Checkpoint { tensors: tensors.into(), folded: true, ..Default::default() };
        let engine = Engine::for_module(&module, channels, &weights, &EngineOptions::default()).unwrap();
        for [height, width] in [[1, 1], [2, 9], [7, 10], [13, 11], [25, 24]] {
            let input: Vec<f32> = (0..height * width * channels).map(|i| value(i + 77)).collect();
            let (rows, _) = engine.forward_rows(&input, [height, width]).unwrap();
            let output = rows[0].as_ref().expect("an output");
            let half = kernel / 2;
            let [oh, ow] = [height.div_ceil(stride), width.div_ceil(stride)];
            assert_eq!(output.shape, [channels, oh, ow]);
            for (at, &got) in output.data.iter().enumerate() {
                let (c, y, x) = (at / (oh * ow), at / ow % oh * stride, at % ow * stride);
                let mut sum = bias[c];
                for (ky, kx) in (0..kernel).flat_map(|ky| (0..kernel).map(move |kx| (ky, kx))) {
                    let (iy, ix) = (y + ky, x + kx);
                    if (half..half + height).contains(&iy) && (half..half + width).contains(&ix) {
                        let pixel = (iy - half) * width + ix - half;
                        sum += input[pixel * channels + c] * weight[(c * kernel + ky) * kernel + kx];
                    }
                }
                let expected = sum / (1.0 + (-sum).exp());
                let case = format!("{channels} channels, {kernel}x{kernel}/{stride}, {height}x{width}");
                assert!((got - expected).abs() < 1e-5, "{case}: {got} instead of {expected} at {at}");
            }
        }
    }
}

#[test]
fn nets_equal_the_reference() {
    for net in nets() {
        let engine = Engine::new(&net.graph, net.checkpoint(), &EngineOptions::in_floats()).unwrap();
        let input = net.input();
        let mut largest = 0.0_f32;
        for image in 0..input.shape[0] {
            let (pixels, size) = channels_last(&input, image);
            let (rows, maps) = engine.forward_rows(&pixels, size).unwrap();
            assert_eq!(maps, engine.forward(&pixels, size).unwrap(), "reusing memory changes nothing");
            for (index, row) in rows.iter().enumerate() {
                let (Some(row), Some(expected), 0) = (row, net.tensors.get(&format!("row{index}")), image) else {
                    continue;
                };
                let (over, most) = deviation(&row.data, &expected.data, net.tolerance(&expected.data), 1e-3);
                assert!(over <= 0.0, "{} row {index}: off by {most}", net.name);
                largest = largest.max(most);
            }
            largest = largest.max(net.check(image, &maps));
        }
        println!("{}: largest deviation {largest:e} ({})", net.name, Isa::detect().name());
    }
}

/// 16 bits, on the reference's nets (whose weights, rounded to halves alone, move their maps by up to 2e-2) and on one of the size
/// that people use.
#[test]
fn int16_are_close_to_floats() {
    for net in nets() {
        let engine = Engine::new(&net.graph, net.checkpoint(), &with(Precision::Int16)).unwrap();
        let input = net.input();
        for image in 0..input.shape[0] {
            let (pixels, size) = channels_last(&input, image);
            for (found, expected) in engine.forward(&pixels, size).unwrap().iter().zip(net.maps(image)) {
                let off = part(&found.data, &expected.data);
                println!("{}: {off:e}", net.name);
                assert!(off < 2e-2, "{}: {off:e} of the largest value", net.name);
            }
        }
    }
    let graph = builtin("yolov5n-ghost-backbone").unwrap().graph(Some(80)).unwrap();
    let engine = |precision| Engine::new(&graph, Weights::Random, &with(precision)).unwrap();
    let image: Vec<u8> = (0..160 * 224 * 3).map(|i: usize| (i * 31 % 251) as u8).collect();
    let [int16, float] =
        [Precision::Int16, Precision::Float].map(|precision| engine(precision).forward(&image, [160, 224]).unwrap());
    assert_eq!(engine(Precision::Int16).forward_in_floats(&image, [160, 224]).unwrap(), float);
    for (found, expected) in int16.iter().zip(&float) {
        let off = part(&found.data, &expected.data);
        println!("{off:e}");
        assert!(off < 1e-3, "{off:e} of the largest value");
        assert!(off > 0.0, "it was done in floats");
    }
}

#[test]
fn any_number_of_threads_gives_the_same_to_the_last_bit() {
    let graph = builtin("yolov5n-ghost-backbone").unwrap().graph(Some(3)).unwrap();
    let bytes: Vec<u8> = (0..160 * 224 * 3).map(|i: usize| (i * 31 % 251) as u8).collect();
    let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 254.0).collect();
    for precision in [Precision::Int16, Precision::Float] {
        let engine = Engine::new(&graph, Weights::Random, &with(precision)).unwrap();
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| [engine.forward(&bytes, [160, 224]).unwrap(), engine.forward(&values, [160, 224]).unwrap()])
        };
        let one = run(1);
        for threads in [2, 3, 5] {
            assert_eq!(run(threads), one, "{threads} threads, {}", precision.name());
        }
    }
}

#[test]
fn pictures_side_by_side_do_not_disturb_each_other() {
    let graph = builtin("yolov5n-ghost").unwrap().graph(Some(3)).unwrap();
    let engines = [0, 1].map(|_| Engine::new(&graph, Weights::Random, &EngineOptions::default()).unwrap());
    let image = |seed: usize| (0..96 * 64 * 3).map(|i: usize| (i * seed % 251) as u8).collect::<Vec<u8>>();
    let pictures: Vec<Vec<u8>> = (31..43).map(image).collect();
    let run = |i: usize| engines[i % 2].forward(&pictures[i], [96, 64]).unwrap();
    let expected: Vec<_> = (0..pictures.len()).map(run).collect();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
    for _ in 0..5 {
        // From threads of their own, which share the pool's, and from the pool's threads themselves.
        std::thread::scope(|scope| {
            for i in 0..pictures.len() {
                let (run, expected, pool) = (&run, &expected, &pool);
                scope.spawn(move || assert_eq!(pool.install(|| run(i)), expected[i]));
            }
        });
        let found: Vec<_> = pool.install(|| (0..pictures.len()).into_par_iter().map(run).collect());
        assert_eq!(found, expected);
    }
}

#[test]
fn what_is_no_number_stays_none() {
    let module =
        |kernel: usize| modules::build("Conv", "model.0", 8, &format!("[32, {kernel}]"), 1, Activation::Silu).unwrap();
    for kernel in [1, 3] {
        let engine = |spoil: Option<f32>| {
            let mut weight = vec![0.1; 32 * 8 * kernel * kernel];
            weight[0] = spoil.unwrap_or(0.1);
            let tensors = [
                ("model.0.conv.weight", vec![32, 8, kernel, kernel], weight),
                ("model.0.conv.bias", vec![32], vec![0.0; 32]),
            ]
            .map(|(key, shape, data)| (key.to_owned(), Tensor { shape, data }));
            let weights = ghostdet::weights::Checkpoint { tensors: tensors.into(), folded: true, ..Default::default() };
            Engine::for_module(&module(kernel), 8, &weights, &with(Precision::Int16)).unwrap()
        };
        let run = |engine: Engine, input: &[f32]| {
            let (rows, _) = engine.forward_rows(input, [5, 5]).unwrap();
            rows[0].as_ref().expect("an output").data.clone()
        };
        let mut input = vec![0.5; 5 * 5 * 8];
        assert!(run(engine(None), &input).iter().all(|v| v.is_finite()));
        assert!(run(engine(None), &vec![0.0; 5 * 5 * 8]).iter().all(|&v| v == 0.0));
        for spoilt in [f32::NAN, f32::INFINITY] {
            assert!(run(engine(Some(spoilt)), &input)[12].is_nan(), "a weight of {spoilt}");
            input[12 * 8 + 3] = spoilt;
            let found = run(engine(None), &input)[12];
            assert!(found.is_nan(), "{kernel}: an input of {spoilt} gives {found}");
        }
    }
}

#[test]
fn a_size_that_does_not_fit_is_refused() {
    let config = Config::parse(
        "nc: 1\ndepth_multiple: 1.0\nwidth_multiple: 1.0\nanchors: 1\nbackbone:\n  [[-1, 1, Conv, [8, 3, 2]], [-1, 1, Conv, [8, 3, 2]],\
         [-1, 1, nn.Upsample, [None, 2, 'nearest']], [[-1, 0], 1, Concat, [1]]]\nhead: [[[3], 1, Detect, [nc, anchors]]]\n",
    )
    .unwrap();
    let graph = config.graph(None).unwrap();
    let mut tensors = std::collections::BTreeMap::new();
    let mut put = |key: &str, shape: &[usize]| {
        tensors.insert(key.to_owned(), Tensor { shape: shape.to_vec(), data: vec![0.1; shape.iter().product()] });
    };
    put("model.0.conv.weight", &[8, 3, 3, 3]);
    put("model.0.conv.bias", &[8]);
    put("model.1.conv.weight", &[8, 8, 3, 3]);
    put("model.1.conv.bias", &[8]);
    put("model.4.m.0.weight", &[6, 16, 1, 1]);
    put("model.4.m.0.bias", &[6]);
    let weights = ghostdet::weights::Checkpoint { tensors, folded: true, ..Default::default() };
    let engine = Engine::new(&graph, &weights, &EngineOptions::default()).unwrap();
    assert!(engine.forward(&[0.5; 3 * 16 * 16], [16, 16]).is_ok());
    let error = engine.forward(&[0.5; 3 * 18 * 18], [18, 18]).unwrap_err();
    assert!(error.to_string().contains("joins maps"), "{error}");
}

#[test]
fn picked_cells_equal_the_whole_maps() {
    use ghostdet::detection::{decode_above, decode_candidates, threshold_logit};
    let graph = builtin("yolov5n-ghost").expect("a built-in").graph(Some(3)).unwrap();
    let engine = Engine::new(&graph, Weights::Random, &EngineOptions::default()).unwrap();
    let pixels: Vec<f32> = (0..96 * 64 * 3).map(|i| ((i * i) % 255) as f32 / 255.0).collect();
    let maps = engine.forward(&pixels, [96, 64]).unwrap();
    // From hardly a cell to all of them: both ways of computing the rows are taken.
    for threshold in [1e-4, 2e-5, 5e-6, 1e-6, 1e-9] {
        let expected = decode_above(&maps, &graph.strides, &graph.anchors, graph.nc, threshold).unwrap();
        let found = engine.candidates(&pixels, [96, 64], threshold_logit(threshold).unwrap()).unwrap();
        let Candidates { levels, sizes } = found.expect("1x1 heads");
        let got = decode_candidates(&levels, &sizes, &graph.strides, &graph.anchors, graph.nc).unwrap();
        assert_eq!(got.len(), expected.len(), "threshold {threshold}");
        let (over, most) = deviation(&got.rows, &expected.rows, 1e-5, 1e-4);
        assert!(over <= 0.0, "threshold {threshold}: off by {most}");
    }
}
