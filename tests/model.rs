//! Configurations, graphs, costs and summaries against the reference's numbers.

use std::path::PathBuf;

use ghostdet::ErrorKind;
use ghostdet::model::{Activation, Config, Cost, Graph, builtin, builtin_names, size_of_name, summary};
use serde_json::Value;

fn shared(file: &str) -> Option<Value> {
    let root = std::env::var_os("GHOSTDET_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(root.join("reference").join(file)) else {
        eprintln!("skipped: no shared/reference/{file}");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn graph(name: &str, nc: usize) -> Graph {
    builtin(name).unwrap().graph(Some(nc)).unwrap()
}

fn grid_anchors(graph: &Graph) -> Value {
    let level = |(level, stride): (&Vec<[f32; 2]>, &f64)| {
        level.iter().map(|pair| pair.map(|side| f64::from(side) / stride)).collect::<Vec<_>>()
    };
    serde_json::json!(graph.anchors.iter().zip(&graph.strides).map(level).collect::<Vec<_>>())
}

fn lines(graph: &Graph) -> Vec<String> {
    let head = 1 + usize::from(graph.activation_text.is_some());
    summary::table(graph).lines().skip(head).map(str::to_owned).collect()
}

#[test]
fn the_published_lines() {
    let line = |name, nc| summary::line(name, &Cost::of(&graph(name, nc), false), 640);
    assert_eq!(
        line("yolov5s-ghost-backbone", 80),
        "YOLOv5s-ghost-backbone summary: 321 layers, 5301141 parameters, 5301141 gradients, 11.4 GFLOPs"
    );
    assert_eq!(line("yolov5s", 5), "YOLOv5s summary: 214 layers, 7033114 parameters, 7033114 gradients, 16.0 GFLOPs");
    assert_eq!(
        line("yolov5s-ghost", 5),
        "YOLOv5s-ghost summary: 389 layers, 3695330 parameters, 3695330 gradients, 8.2 GFLOPs"
    );
    assert_eq!(
        line("yolov5s-ghost-backbone", 5),
        "YOLOv5s-ghost-backbone summary: 321 layers, 5098866 parameters, 5098866 gradients, 10.8 GFLOPs"
    );
}

#[test]
fn all_nets_of_the_reference() {
    let Some(facts) = shared("facts.json") else { return };
    let nets = facts["nets"].as_object().unwrap();
    assert_eq!(nets.len(), 75);
    for (key, net) in nets {
        let mut parts = key.split('/');
        let (arch, size, nc) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let name = arch.replace("yolov5", &format!("yolov5{size}"));
        let graph = graph(&name, nc.trim_start_matches("nc").parse().unwrap());
        let rows = net["rows"].as_array().unwrap();
        assert_eq!(summary::table(&graph).lines().next(), net["header"].as_str(), "{key}");
        assert_eq!(lines(&graph), rows.iter().map(|row| row["line"].as_str().unwrap()).collect::<Vec<_>>(), "{key}");
        assert_eq!(serde_json::json!(graph.save), net["save"], "{key}");
        assert_eq!(serde_json::json!(graph.strides), net["stride"], "{key}");
        assert_eq!(grid_anchors(&graph), net["anchors_grid"], "{key}");
        for (fused, facts) in [(false, net), (true, &net["fused"])] {
            let cost = Cost::of(&graph, fused);
            assert_eq!(serde_json::json!(cost.layers), facts["layers"], "{key} fused {fused}");
            assert_eq!(serde_json::json!(cost.gradients), facts["gradients"], "{key} fused {fused}");
            assert_eq!(Some(summary::line("Model", &cost, 640).as_str()), facts["summary_line"].as_str(), "{key}");
            assert_eq!(
                cost.total().operations.unwrap() as f64,
                facts["thop_ops_32"].as_f64().unwrap(),
                "{key} fused {fused}"
            );
            assert_eq!(serde_json::json!(cost.total().multiply_adds), facts["formula_32"]["conv"], "{key}");
            for size in [640_usize, 320, 416] {
                let gflops = &facts["gflops"][size.to_string()];
                assert_eq!(
                    format!("{:.1} GFLOPs", cost.gflops(size).unwrap()),
                    gflops["printed"].as_str().unwrap(),
                    "{key}"
                );
                assert!((cost.gflops(size).unwrap() / gflops["exact"].as_f64().unwrap() - 1.0).abs() < 1e-12, "{key}");
            }
        }
    }
}

#[test]
fn other_configurations_of_the_reference() {
    let Some(parse) = shared("golden/parse.json") else { return };
    for case in parse["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let result = &case["result"];
        // JSON is YAML too.
        let graph = Config::parse(&case["cfg"].to_string()).unwrap().graph(None).unwrap();
        assert_eq!(serde_json::json!(lines(&graph)), result["rows"], "{name}");
        assert_eq!(serde_json::json!(graph.save), result["save"], "{name}");
        assert_eq!(serde_json::json!(graph.strides), result["stride"], "{name}");
        assert_eq!(grid_anchors(&graph), result["anchors_grid"], "{name}");
        let cost = Cost::of(&graph, false);
        assert_eq!(serde_json::json!(cost.parameters), result["parameters"], "{name}");
        assert_eq!(serde_json::json!(cost.layers), result["layers"], "{name}");
    }
}

/// The rarer modules, other activations and the reference's quirks of counting.
#[test]
fn rarer_configurations_of_the_reference() {
    let parse: Value = serde_json::from_str(include_str!("golden/parse2.json")).unwrap();
    for case in parse["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let result = &case["result"];
        let graph = Config::parse(&case["cfg"].to_string()).and_then(|config| config.graph(None));
        let graph = graph.unwrap_or_else(|error| panic!("{name}: {error}"));
        let rows: Vec<&str> = result["rows"].as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
        assert_eq!(lines(&graph), rows, "{name}");
        assert_eq!(serde_json::json!(graph.save), result["save"], "{name}");
        assert_eq!(serde_json::json!(graph.strides), result["stride"], "{name}");
        let flat = |value: &Value| value.to_string().replace(['[', ']'], "");
        for (found, expected) in flat(&grid_anchors(&graph)).split(',').zip(flat(&result["anchors_grid"]).split(',')) {
            let [found, expected] = [found, expected].map(|number| number.parse::<f64>().unwrap());
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{name}");
        }
        if let Some(line) = result["activation_line"].as_str() {
            assert_eq!(summary::table(&graph).lines().nth(1), Some(line), "{name}");
        }
        for (fused, facts) in [(false, result), (true, &result["fused"])] {
            let cost = Cost::of(&graph, fused);
            let case = format!("{name} fused {fused}");
            assert_eq!(serde_json::json!(cost.layers), facts["layers"], "{case}");
            assert_eq!(serde_json::json!(cost.parameters), facts["parameters"], "{case}");
            assert_eq!(Some(summary::line("Model", &cost, 640).as_str()), facts["summary_line"].as_str(), "{case}");
            let operations = cost.total().operations.map(|count| count as f64);
            assert_eq!(operations, facts["thop_ops"].as_f64(), "{case}");
            let exact = facts["gflops"]["640"]["exact"].as_f64();
            assert_eq!(cost.gflops(640).is_some(), exact.is_some(), "{case}");
            assert!(cost.gflops(640).zip(exact).is_none_or(|(a, b)| (a / b - 1.0).abs() < 1e-12), "{case}");
            if let (false, Some(rows)) = (fused, facts["row_params"].as_array()) {
                let found: Vec<u64> = cost.rows.iter().map(|row| row.parameters).collect();
                assert_eq!(serde_json::json!(found), serde_json::json!(rows), "{case}");
            }
        }
    }
}

/// YAMLs that YOLOv5 publishes, written from their description.
#[test]
fn published_configurations() {
    let parse: Value = serde_json::from_str(include_str!("golden/parse2.json")).unwrap();
    let plain = include_str!("../configs/yolov5.yaml");
    let transformer = plain.replacen("C3, [1024]]", "C3TR, [1024]]", 1);
    let leaky = format!("activation: nn.LeakyReLU(0.1)\n{plain}");
    let tiny = "nc: 80
depth_multiple: 1.0
width_multiple: 1.0
anchors: [[10,14, 23,27, 37,58], [81,82, 135,169, 344,319]]
backbone: [
  [-1, 1, Conv, [16, 3, 1]], [-1, 1, nn.MaxPool2d, [2, 2, 0]], [-1, 1, Conv, [32, 3, 1]], [-1, 1, nn.MaxPool2d, [2, 2, 0]],
  [-1, 1, Conv, [64, 3, 1]], [-1, 1, nn.MaxPool2d, [2, 2, 0]], [-1, 1, Conv, [128, 3, 1]], [-1, 1, nn.MaxPool2d, [2, 2, 0]],
  [-1, 1, Conv, [256, 3, 1]], [-1, 1, nn.MaxPool2d, [2, 2, 0]], [-1, 1, Conv, [512, 3, 1]],
  [-1, 1, nn.ZeroPad2d, [[0, 1, 0, 1]]], [-1, 1, nn.MaxPool2d, [2, 1, 0]]]
head: [
  [-1, 1, Conv, [1024, 3, 1]], [-1, 1, Conv, [256, 1, 1]], [-1, 1, Conv, [512, 3, 1]], [-2, 1, Conv, [128, 1, 1]],
  [-1, 1, nn.Upsample, [None, 2, 'nearest']], [[-1, 8], 1, Concat, [1]], [-1, 1, Conv, [256, 3, 1]],
  [[19, 15], 1, Detect, [nc, anchors]]]
";
    let line = |name: &str, text: &str| {
        let graph = Config::parse(text).and_then(|config| config.graph(None)).unwrap();
        let cost = Cost::of(&graph, false);
        (summary::line(name, &cost, 640), cost.gflops(640).unwrap())
    };
    for (name, text) in [("yolov5s-transformer", transformer.as_str()), ("yolov3-tiny", tiny)] {
        let (found, exact) = line(name, text);
        assert_eq!(Some(found.as_str()), parse["hub"][name]["summary_line"].as_str());
        assert!((exact - parse["hub"][name]["gflops"]["640"]["exact"].as_f64().unwrap()).abs() < 1e-9, "{name}");
    }
    let (found, exact) = line("yolov5s", &leaky);
    assert_eq!(found, "YOLOv5s summary: 214 layers, 7235389 parameters, 7235389 gradients, 16.6 GFLOPs");
    assert!((exact - 16.6252544).abs() < 1e-9);
}

/// Configurations that the reference refuses, at the row or in its first pass.
#[test]
fn what_the_reference_refuses_is_refused() {
    let parse: Value = serde_json::from_str(include_str!("golden/parse2.json")).unwrap();
    for case in parse["refused"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        // Without a multiple everybody means 1: that is taken.
        if name == "missing_depth" {
            continue;
        }
        let text = case["cfg"].to_string();
        let error = Config::parse(&text).and_then(|config| config.graph(None)).err();
        let error = error.unwrap_or_else(|| panic!("{name} was accepted ({})", case["note"])).to_string();
        println!("{name}: {error}");
        assert!(error.contains("line 1, column") || name == "missing_anchors", "{name}: {error}");
    }
}

/// YAMLs of other families of networks are named as what they are.
#[test]
fn other_families_are_refused_by_name() {
    for (module, family) in
        [("C2f", "YOLOv8"), ("C3k2", "YOLO11"), ("SCDown", "YOLOv8"), ("ELAN1", "YOLOv9"), ("MP", "YOLOv7")]
    {
        let error = failure(&small(&format!("  - [-1, 1, {module}, [32]]"), "[[1], 1, Detect, [nc, anchors]]"));
        assert!(error.contains(family) && error.contains("line 5, column 13"), "{error}");
    }
}

#[test]
fn names_and_sizes() {
    assert_eq!(builtin_names().len(), 15);
    for name in builtin_names() {
        let config = builtin(&name).unwrap();
        let again = Config::parse(&config.to_yaml()).unwrap();
        assert_eq!(again, config);
    }
    assert_eq!(size_of_name("configs/yolov5n-ghost.yaml"), Some(("configs/yolov5-ghost.yaml".into(), 'n')));
    assert_eq!(size_of_name("yolov5x"), Some(("yolov5".into(), 'x')));
    assert_eq!(size_of_name("yolov5-ghost"), None);
    assert_eq!(size_of_name("yolov5small"), None);
    assert_eq!(builtin("configs/yolov5-ghost.yaml"), builtin("yolov5-ghost"));
    assert_eq!(builtin("yolov5l").unwrap().width_multiple(), 1.0);
    assert!(builtin("yolov9").is_none());
    let config = builtin("yolov5n").unwrap().with_nc(7).unwrap();
    assert_eq!(config.graph(None).unwrap().nc, 7);
    let bare = Config::parse("{anchors: 1, backbone: [[-1, 1, Conv, [8]]], head: [[[0], 1, Detect, [nc, anchors]]]}");
    let config = bare.unwrap().with_nc(2).unwrap().with_multiples(0.5, 2.0).unwrap();
    assert_eq!(config.graph(None).unwrap().rows[0].channels, 16);
}

#[test]
fn comparison_and_json() {
    let models: Vec<(&str, Graph)> =
        ["yolov5s", "yolov5s-ghost", "yolov5s-ghost-backbone"].map(|name| (name, graph(name, 5))).into();
    let comparison = summary::compare(&models, 640, false);
    let reductions: Vec<String> = comparison
        .models
        .iter()
        .map(|m| format!("{:.2} {:.2}", m.parameters_reduction, m.gflops_reduction.unwrap()))
        .collect();
    assert_eq!(reductions, ["0.00 0.00", "47.46 48.44", "27.50 32.65"]);
    assert_eq!(format!("{:.2}", comparison.models[1].gflops_reduction_printed.unwrap()), "48.75");
    assert!(comparison.to_string().contains("YOLOv5s-ghost-backbone"));
    let json = summary::json("yolov5s", &models[0].1, 640, false);
    assert_eq!(json["parameters"], 7_033_114);
    assert_eq!(json["gflops"], 16.0);
    assert_eq!(json["rows"].as_array().unwrap().len(), 25);
    assert_eq!(json["rows"][12]["from"], serde_json::json!([-1, 6]));
}

/// A small sound model; `rows` stand before its Detect row.
fn small(rows: &str, detect: &str) -> String {
    format!("nc: 2\nanchors: 1\nbackbone:\n  - [-1, 1, Conv, [16, 3, 2]]\n{rows}\nhead:\n  - {detect}\n")
}

fn failure(text: &str) -> String {
    let result = Config::parse(text).and_then(|config| config.graph(None));
    let error = result.err().unwrap_or_else(|| panic!("accepted: {text:.300}"));
    assert!(matches!(error.kind(), ErrorKind::Config | ErrorKind::Argument));
    error.to_string()
}

#[test]
fn block_style_comments_and_activations() {
    let text = "nc: 2 # two\nanchors: 1\nactivation: torch.nn.LeakyReLU(0.1)\nbackbone:\n  -\n    - -1\n    - 1\n    - Conv\n    - \
                [16, 3, 2, None, 1, 1, nn.ReLU()]\nhead:\n  - [[0], 1, Detect, [nc, anchors]]\n";
    let graph = Config::parse(text).unwrap().graph(None).unwrap();
    assert_eq!(graph.rows[0].printed_arguments, "[3, 16, 3, 2, None, 1, 1, ReLU()]");
    assert_eq!(graph.activation, Activation::LeakyRelu(0.1));
    assert_eq!(graph.strides, [2.0]);
}

#[test]
fn bad_rows_are_named_with_their_place() {
    let detect = "[[-1], 1, Detect, [nc, anchors]]";
    let cases = [
        ("  - [-1, 1, GohstConv, [16]]", detect, "line 5, column 13: unknown module `GohstConv`"),
        ("  - [-1, 1, GohstConv, [16]]", detect, "did you mean `GhostConv`?"),
        ("  - [7, 1, Conv, [16]]", detect, "line 5, column 6: row 1 takes from row 7"),
        ("  - [1, 1, Conv, [16]]", detect, "a cycle"),
        ("  - [-3, 1, Conv, [16]]", detect, "before the first row"),
        ("  - [-1, 1, Conv, [99999999]]", detect, "output channels"),
        ("  - [-1, 1, Conv, [-16]]", detect, "output channels"),
        ("  - [-1, 1, Conv, []]", detect, "output channels"),
        ("  - [-1, 1, Conv, [16, 0]]", detect, "the kernel size"),
        ("  - [-1, 1, Conv, [16, 3, 0]]", detect, "the stride"),
        ("  - [-1, 1, Conv, [16, 3, 1, None, 5]]", detect, "5 groups don't divide"),
        ("  - [-1, 1, Conv, [16, 3, 1, None, 1, 1, True, 4]]", detect, "at most 7 arguments"),
        ("  - [-1, 1, Conv, [16, 3, 1, None, 1, 1, nn.Relu()]]", detect, "an activation"),
        ("  - [-1, 1000000000, Conv, [16]]", detect, "line 5, column 10: expected `number`"),
        ("  - [-1, -1, Conv, [16]]", detect, "expected `number`"),
        ("  - [-1, 1, Conv, [16, 3, 2, None, 1, 1, swish]]", detect, "an activation such as nn.ReLU()"),
        ("  - [-1, 1, C3TR, [16, True, 1, 0.4]]", detect, "4 attention heads do not divide"),
        ("  - [-1, 1, TransformerBlock, [16, 16, 5, 1]]", detect, "5 attention heads do not divide 16"),
        ("  - [-1, 1, DWConvTranspose2d, [16, 4, 2, 1, 2]]", detect, "the output padding 2 must be smaller"),
        ("  - [-1, 1, DWConvTranspose2d, [16, 2, 1, 70]]", detect, "nothing is left"),
        ("  - [-1, 1, MixConv2d, [16, [1, 2]]]", detect, "all odd or all even"),
        ("  - [-1, 1, nn.ZeroPad2d, [[1, 2]]]", detect, "left, right, top, bottom"),
        ("  - [-1, 1, nn.Conv2d, [32, 16, 1]]", detect, "made for 32 channels, its source gives 16"),
        ("  - [-1, 1, C2f, [16]]", detect, "YOLOv8"),
        ("  - [-1, 2, Conv, [32]]", detect, "made for 16 channels, its source gives 32"),
        ("  - [-1, 1, GhostBottleneck, [32, 3, 1]]", detect, "16 channels come in, 32 go out"),
        ("  - [-1, 1, GhostBottleneck, [32, 3, 3]]", detect, "the stride"),
        ("  - [-1, 1, SPPF, [16, 4]]", detect, "must be odd"),
        ("  - [-1, 1, Concat, [1]]", detect, "a list of rows"),
        ("  - [-1, 1, nn.Upsample, [None, 2, 'bicubic']]", detect, "'nearest', 'bilinear'"),
        ("  - [-1, 1, nn.Upsample, [None, 2000000, 'nearest']]", detect, "the scale"),
        ("  - [-1, 1, Conv, [16, 3, 2]]\n  - [[-1, 0], 1, Concat, [1]]", detect, "maps of one size"),
        ("  - [-1, 1, Expand, [8]]", detect, "Expand can't divide"),
        ("  - [-1, 1, Conv]", detect, "a row `[from, number, module, arguments]`"),
        ("  - 5", detect, "a row"),
        ("  - [[-1], 1, Detect, [nc, anchors]]", detect, "Detect must be the last row"),
        ("", "[-1, 1, Conv, [16]]", "the last row must be Detect"),
        ("", "[[-1], 1, Detect, [80, anchors]]", "write `nc` here"),
        ("", "[[-1], 1, Detect, [nc, [[1, 2], [3, 4]]]]", "Detect has 1 levels, anchors have 2"),
        ("", "[[-1], 1, Detect, [nc, [[1, 2, 3]]]]", "the same even number"),
        ("", "[[], 1, Detect, [nc, anchors]]", "`from` to name"),
    ];
    for (rows, detect, message) in cases {
        let error = failure(&small(rows, detect));
        assert!(error.contains(message), "{rows} {detect}\n{error}\ndoesn't say {message}");
        assert!(error.starts_with("line "), "{error}");
    }
}

#[test]
fn a_caret_stands_under_the_fault() {
    let error = failure(&small("  - [-1, 1, GohstConv, [16]]", "[[-1], 1, Detect, [nc, anchors]]"));
    let drawn = "5 |   - [-1, 1, GohstConv, [16]]\n  |             ^^^^^^^^^ (did you mean";
    assert!(error.contains(drawn), "{error}");
}

#[test]
fn bad_files_fail_fast() {
    let good = small("", "[[-1], 1, Detect, [nc, anchors]]");
    let net = |rows: String| format!("nc: 1\nanchors: 1\nbackbone: [{rows}]\nhead: [[[-1], 1, Detect, []]]");
    let cases = [
        (String::new(), "empty"),
        ("[]".into(), "a mapping"),
        ("nc: [".into(), "not valid YAML"),
        ("a: &a [1]\nb: *a\n".into(), "aliases"),
        ("nc: 1\nnc: 2\n".into(), "given twice"),
        ("[".repeat(10 << 20), "bytes"),
        ("[".repeat(200_000), "nested deeper"),
        ("{a: ".repeat(50_000), "nested deeper"),
        ("- ".repeat(100_000), "nested deeper"),
        (good.replace("nc: 2", "nc: 0"), "`nc` to be a whole number"),
        (good.replace("nc: 2", "nc: 99999999999999999999"), "`nc` to be a whole number"),
        (good.replace("nc: 2\n", ""), "number of classes is missing"),
        (good.replace("nc: 2", "nc: 2\nwidth_multipel: 1"), "did you mean `width_multiple`?"),
        (good.replace("nc: 2", "nc: 2\nwidth_multiple: -1"), "above 0"),
        (good.replace("nc: 2", "nc: 2\nwidth_multiple: .nan"), "above 0"),
        (good.replace("nc: 2", "nc: 2\nactivation: nn.Relu()"), "did you mean `nn.ReLU()`?"),
        (good.replace("nc: 2", "nc: 2\nactivation: nn.ReLU"), "write the object, not the class: `nn.ReLU()`"),
        (good.replace("nc: 2", "nc: 2\nactivation: nn.Softmax()"), "unknown activation"),
        (good.replace("anchors: 1", "anchors: 1000000000"), "expected anchors"),
        (good.replace("anchors: 1\n", ""), "`anchors` is missing"),
        (good.replace("backbone", "backbones"), "did you mean `backbone`?"),
        (good.replace("nc: 2", "nc: 2\ndepth_multiple: 100").replace("1, Conv", "900, Conv"), "at most 1000"),
        (net("[-1, 1, Conv, [8]],".repeat(1001)), "1000 rows"),
        (net("[-1, 1000, C3, [8]],".repeat(11)), "repeats in all"),
        (net("[-1, 1, Conv, [65536, 255]],".repeat(3)), "parameters"),
    ];
    let begun = std::time::Instant::now();
    for (text, message) in cases {
        let error = failure(&text);
        assert!(error.contains(message), "{error}\ndoesn't say {message}");
        assert!(error.len() < 1000, "{error}");
    }
    assert!(begun.elapsed().as_secs() < 10);
    assert!(Config::parse(&good).unwrap().graph(Some(0)).is_err());
    assert!(Config::parse(&good).unwrap().with_multiples(f64::NAN, 1.0).is_err());
}

/// Every cut and many small changes of a sound file: an error or a graph, never a panic.
#[test]
fn damaged_files_never_panic() {
    let text = builtin("yolov5s-ghost").unwrap().to_yaml();
    let attempt = |text: &str| {
        if let Ok(config) = Config::parse(text)
            && let Ok(graph) = config.graph(None)
        {
            Cost::of(&graph, true);
        }
    };
    text.char_indices().step_by(7).for_each(|(at, _)| attempt(&text[..at]));
    let pieces =
        ["-", "0", "9999999", "[", "]", "{", "}", ":", "\n", "\t", "'", "nc", "None", "é", "1e308", "&a ", "*a"];
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..400 {
        let mut damaged: Vec<char> = text.chars().collect();
        for _ in 0..=random(2) {
            let (at, length) = (random(damaged.len()), random(6));
            let end = (at + length).min(damaged.len());
            damaged.splice(at..end, pieces[random(pieces.len())].chars());
        }
        attempt(&damaged.into_iter().collect::<String>());
    }
}

#[test]
fn rows_know_their_lines() {
    let config = builtin("yolov5s-ghost-backbone").unwrap();
    let lines: Vec<&str> = config.text().lines().collect();
    for row in config.graph(None).unwrap().rows {
        let (line, module) = (lines[row.line - 1], row.printed_module.rsplit('.').next().unwrap());
        assert!(line.contains("[") && line.contains(module), "row {}: {line}", row.index);
    }
}

#[test]
fn a_value_that_is_missing_is_added() {
    let text = builtin("yolov5n").unwrap().text().to_owned();
    let without: String =
        text.lines().filter(|line| !line.starts_with("nc:")).map(|line| format!("{line}\n")).collect();
    for front in ["", "---\n", "# a comment\n---\n", "\u{feff}"] {
        let config = Config::parse(&format!("{front}{without}")).unwrap();
        let more = config.with_nc(3).unwrap();
        assert_eq!((config.nc(), more.nc()), (None, Some(3)), "{front:?}");
        let lines = |config: &Config| -> Vec<usize> {
            config.graph(Some(3)).unwrap().rows.iter().map(|row| row.line).collect()
        };
        assert_eq!(lines(&config), lines(&more), "{front:?}");
        let other = Config::parse(&format!("{front}{text}")).unwrap().with_nc(3).unwrap();
        assert_eq!(other.nc(), Some(3), "{front:?}");
    }
}
