//! The CPU engine against the golden vectors of modules and nets.

mod support;

use ghostdet::engine::Engine;
use ghostdet::model::{Activation, Config, Module, builtin};
use ghostdet::weights::Tensor;
use support::{channels_last, checkpoint, deviation, reference, tensors};

/// `Conv(8, 16, k=3, s=2)` as the golden file writes it, as a module.
fn module(text: &str) -> Option<(Module, usize)> {
    let (name, rest) = text.split_once('(')?;
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    let mut numbers = Vec::new();
    let mut named = std::collections::HashMap::new();
    let mut level = 0;
    for argument in rest[..end].split(|c| {
        level += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && level == 0
    }) {
        match argument.trim().split_once('=') {
            Some((key, value)) => drop(named.insert(key.trim(), value.trim())),
            None => numbers.push(argument.trim()),
        }
    }
    let word = |key: &str, at: usize| named.get(key).copied().or(numbers.get(at).copied());
    let number = |key: &str, at: usize, default: usize| word(key, at).and_then(|v| v.parse().ok()).unwrap_or(default);
    let pair = |key: &str, at: usize| {
        let text = word(key, at).unwrap_or("1").trim_matches(['(', ')']).to_owned();
        let v: Vec<usize> = text.split(',').map(|n| n.trim().parse().expect("a number")).collect();
        [v[0], *v.last().expect("a value")]
    };
    let truth = |key: &str, at: usize, default: bool| word(key, at).map_or(default, |v| v == "True");
    let activation = if truth("act", 99, true) { Activation::Silu } else { Activation::Identity };
    let (c1, c2) = (number("c1", 0, 0), number("c2", 1, 0));
    let (k, s) = (number("k", 98, 1), number("s", 98, 1));
    let expansion = |at: usize, default: f64| word("e", at).map_or(default, |v| v.parse().expect("a number"));
    let csp = |text: &str| (number("n", 98, 1), truth("shortcut", 98, true), expansion(98, 0.5), text.len());
    let module = match name {
        "Conv" => {
            let (kernel, dilation) = (pair("k", 98), number("d", 98, 1));
            let padding =
                word("p", 98).map_or(kernel.map(|k| (dilation * (k - 1)).div_ceil(2)), |p| [p.parse().unwrap(); 2]);
            let groups = number("g", 98, 1);
            Module::Conv { c1, c2, kernel, stride: pair("s", 98), padding, groups, dilation, activation }
        }
        "DWConv" => Module::DwConv { c1, c2, kernel: k, stride: s, dilation: 1, activation },
        "GhostConv" => Module::GhostConv { c1, c2, kernel: k, stride: s, groups: number("g", 98, 1), activation },
        "GhostBottleneck" => Module::GhostBottleneck { c1, c2, kernel: number("k", 2, 3), stride: number("s", 3, 1) },
        "Bottleneck" => {
            Module::Bottleneck { c1, c2, shortcut: truth("shortcut", 2, true), groups: 1, expansion: expansion(4, 0.5) }
        }
        "C3" | "C3Ghost" | "C3x" | "BottleneckCSP" => {
            let (n, shortcut, expansion, _) = csp(name);
            let groups = 1;
            match name {
                "C3" => Module::C3 { c1, c2, n, shortcut, groups, expansion },
                "C3Ghost" => Module::C3Ghost { c1, c2, n, shortcut, groups, expansion },
                "C3x" => Module::C3x { c1, c2, n, shortcut, groups, expansion },
                _ => Module::BottleneckCsp { c1, c2, n, shortcut, groups, expansion },
            }
        }
        "CrossConv" => Module::CrossConv {
            c1,
            c2,
            kernel: number("k", 2, 3),
            stride: number("s", 3, 1),
            groups: number("g", 4, 1),
            expansion: expansion(5, 1.0),
            shortcut: truth("shortcut", 6, false),
        },
        "SPP" => Module::Spp { c1, c2, kernels: vec![5, 9, 13] },
        "SPPF" => Module::Sppf { c1, c2, kernel: number("k", 2, 5) },
        "Focus" => Module::Focus { c1, c2, kernel: k, stride: 1, padding: None, groups: 1, activation },
        "Upsample" => Module::Upsample { scale: 2 },
        "ConvTranspose2d" | "DWConvTranspose2d" => {
            let deep = name.starts_with("DW");
            Module::ConvTranspose {
                c1,
                c2,
                kernel: number("k", 2, 2),
                stride: number("s", 3, 2),
                padding: number("p1", 4, 0),
                output_padding: 0,
                groups: if deep { c1 } else { 1 },
                bias: true,
                dilation: 1,
            }
        }
        "Contract" => return Some((Module::Contract { gain: c1 }, 0)),
        "Expand" => return Some((Module::Expand { gain: c1 }, 0)),
        _ => return None,
    };
    Some((module, c1))
}

#[test]
fn modules_equal_the_reference() {
    let Some(folder) = reference() else { return };
    let golden = folder.join("golden");
    let index: serde_json::Value =
        serde_json::from_slice(&std::fs::read(golden.join("modules.json")).unwrap()).unwrap();
    let all = tensors(golden.join("modules.safetensors"));
    let (mut checked, mut largest) = (0, 0.0_f32);
    for case in index["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let Some((module, _)) = module(case["module"].as_str().unwrap()) else { continue };
        let weights = checkpoint(&all, &format!("{name}/weights/"), "model.0.");
        let input = &all[&format!("{name}/input0")];
        let expected = &all[&format!("{name}/output")];
        let engine = Engine::module(&module, input.shape[1], &weights).unwrap_or_else(|e| panic!("{name}: {e}"));
        let each = expected.data.len() / expected.shape[0];
        for image in 0..input.shape[0] {
            let (pixels, size) = channels_last(input, image);
            let (rows, _) = engine.forward_rows(&pixels, size).unwrap_or_else(|e| panic!("{name}: {e}"));
            let got = rows[0].as_ref().expect("an output");
            assert_eq!(got.shape[..], expected.shape[1..], "{name}");
            let (over, most) = deviation(&got.data, &expected.data[image * each..][..each], 1e-4, 1e-4);
            assert!(over <= 0.0, "{name}: off by {most}");
            largest = largest.max(most);
        }
        checked += 1;
    }
    println!("{checked} modules, largest deviation {largest:e}");
    assert!(checked >= 40, "only {checked} modules were checked");
}

#[test]
fn nets_equal_the_reference() {
    let Some(folder) = reference() else { return };
    for arch in ["yolov5", "yolov5-ghost", "yolov5-ghost-backbone"] {
        let all = tensors(folder.join(format!("golden/net_{arch}-n-nc3.safetensors")));
        let graph = builtin(&arch.replacen("yolov5", "yolov5n", 1)).expect("a built-in").graph(Some(3)).unwrap();
        let engine = Engine::new(&graph, &checkpoint(&all, "weights/", "")).unwrap();
        let input = &all["input_u8"];
        let scaled = Tensor { shape: input.shape.clone(), data: input.data.iter().map(|v| v / 255.0).collect() };
        let mut largest = 0.0_f32;
        for image in 0..2 {
            let (pixels, size) = channels_last(&scaled, image);
            let (rows, maps) = engine.forward_rows(&pixels, size).unwrap();
            assert_eq!(maps, engine.forward(&pixels, size).unwrap(), "reusing memory changes nothing");
            for (index, row) in rows.iter().enumerate() {
                let (Some(row), Some(expected), 0) = (row, all.get(&format!("row{index}")), image) else { continue };
                let (over, most) = deviation(&row.data, &expected.data, 2e-4, 1e-3);
                assert!(over <= 0.0, "{arch} row {index}: off by {most}");
                largest = largest.max(most);
            }
            for (level, map) in maps.iter().enumerate() {
                // (2, na, ny, nx, no) against [ny][nx][na * no]
                let expected = &all[&format!("raw{level}")];
                let [_, na, ny, nx, no] = expected.shape[..] else { panic!("five dimensions") };
                let at = |y: usize, x: usize, a: usize, o: usize| (((image * na + a) * ny + y) * nx + x) * no + o;
                let wanted: Vec<f32> = (0..ny * nx * na * no)
                    .map(|i| expected.data[at(i / (no * na * nx), i / (no * na) % nx, i / no % na, i % no)])
                    .collect();
                let (over, most) = deviation(&map.data, &wanted, 2e-4, 1e-3);
                assert!(over <= 0.0, "{arch} level {level}: off by {most}");
                largest = largest.max(most);
            }
        }
        println!("{arch}: largest deviation {largest:e}");
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
    let engine = Engine::new(&graph, &weights).unwrap();
    assert!(engine.forward(&[0.5; 3 * 16 * 16], [16, 16]).is_ok());
    let error = engine.forward(&[0.5; 3 * 18 * 18], [18, 18]).unwrap_err();
    assert!(error.to_string().contains("joins maps"), "{error}");
}

#[test]
fn picked_cells_equal_the_whole_maps() {
    use ghostdet::detection::{candidates, decode_cells, floor_logit};
    let graph = builtin("yolov5n-ghost").expect("a built-in").graph(Some(3)).unwrap();
    let engine = Engine::unweighted(&graph).unwrap();
    let pixels: Vec<f32> = (0..96 * 64 * 3).map(|i| ((i * i) % 255) as f32 / 255.0).collect();
    let maps = engine.forward(&pixels, [96, 64]).unwrap();
    // From hardly a cell to all of them: both ways of computing the rows are taken.
    for floor in [1e-4, 2e-5, 5e-6, 1e-6, 1e-9] {
        let expected = candidates(&maps, &graph.strides, &graph.anchors, graph.nc, floor).unwrap();
        let (cells, sizes) = engine.cells(&pixels, [96, 64], floor_logit(floor).unwrap()).unwrap();
        let got = decode_cells(&cells, &sizes, &graph.strides, &graph.anchors, graph.nc).unwrap();
        assert_eq!(got.len(), expected.len(), "floor {floor}");
        let (over, most) = deviation(&got.rows, &expected.rows, 1e-5, 1e-4);
        assert!(over <= 0.0, "floor {floor}: off by {most}");
    }
}
