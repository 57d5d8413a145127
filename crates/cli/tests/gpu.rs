//! `--device gpu` on whatever adapter there is: the commands give what they give on the CPU, and say what ran.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

/// Both executors of Burn's WebGPU backend, and the name of the fused shaders in one configuration.
const DEVICES: [[&str; 2]; 3] = [["gpu", "fused"], ["gpu/full-4096-4x2", "fused"], ["gpu/burn-ops", "burn-ops"]];

fn run(arguments: &[&str]) -> Output {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples");
    Command::new(env!("CARGO_BIN_EXE_ghostdet")).args(arguments).current_dir(samples).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines of JSON that a command prints.
fn json(arguments: &[&str]) -> Vec<Value> {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Whether there is an adapter. Without one nothing can be tested.
static ADAPTER: LazyLock<bool> = LazyLock::new(|| {
    let said = text(&run(&["detect", "cat.jpg", "--device", "gpu"]).stderr);
    let there = !said.to_lowercase().contains("no adapter");
    if !there {
        eprintln!("skipped, no GPU: {said}");
    }
    there
});

fn check_who_ran(json: &Value, executor: &str) {
    assert_eq!([&json["device"], &json["backend"], &json["executor"]], ["gpu", "burn-wgpu", executor]);
    assert!(json["adapter"].as_str().is_some_and(|name| !name.is_empty()), "{json}");
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
}

fn intersection_over_union(a: &[f64], b: &[f64]) -> f64 {
    let side = |from: usize| (a[from + 2].min(b[from + 2]) - a[from].max(b[from])).max(0.0);
    let area = |bounds: &[f64]| (bounds[2] - bounds[0]) * (bounds[3] - bounds[1]);
    let both = side(0) * side(1);
    both / (area(a) + area(b) - both)
}

#[test]
fn photos_have_the_boxes_that_the_cpu_finds() {
    if !*ADAPTER {
        return;
    }
    let photos = ["astronaut.jpg", "cat.jpg", "coffee.jpg"];
    let detect = |device: &str| json(&[&["detect"][..], &photos, &["--json", "--device", device]].concat());
    let expected = detect("cpu/float");
    assert!(expected.iter().all(|line| line["device"] == "cpu" && line["backend"].is_null()));
    assert!(expected.iter().all(|line| line["detections"].as_array().is_some_and(|found| !found.is_empty())));
    for [device, executor] in DEVICES {
        let found = detect(device);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(&expected) {
            check_who_ran(found, executor);
            let [found, expected] = [found, expected].map(|line| line["detections"].as_array().expect("a list"));
            assert_eq!(found.len(), expected.len(), "{device}: {found:?} {expected:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert_eq!(found["class"], expected["class"]);
                let [a, b] = [found, expected].map(|one| one["score"].as_f64().expect("a score"));
                assert!((a - b).abs() < 0.01, "{device}: {found} {expected}");
                let [a, b] = [found, expected].map(|one| numbers(&one["box"]));
                assert!(intersection_over_union(&a, &b) > 0.99, "{device}: {found} {expected}");
            }
        }
    }
}

#[test]
fn rows_and_maps_are_those_of_the_cpu() {
    if !*ADAPTER {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let [height, width] = [64, 96];
    let values: Vec<u8> = (0..3 * height * width).flat_map(|i| ((i * i % 257) as f32 / 256.0).to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F32, vec![1, 3, height, width], &values).expect("a tensor");
    std::fs::write(at("x"), safetensors::serialize([("x", view)], None).expect("a file")).expect("a file");
    let forward = |device: &str| {
        let output = run(&["forward", "--input", &at("x"), "--output", &at("y"), "--rows", "all", "--device", device]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        std::fs::read(at("y")).expect("what it wrote")
    };
    let expected = forward("cpu/float");
    let expected = SafeTensors::deserialize(&expected).expect("tensors");
    for [device, _] in DEVICES {
        let found = forward(device);
        let found = SafeTensors::deserialize(&found).expect("tensors");
        // Burn's operations make rows, too, that the others fuse into the next one.
        assert!(found.len() >= expected.len() && expected.len() > 20, "{device}: {} tensors", found.len());
        for (name, expected) in expected.iter().filter(|(name, _)| *name != "decoded") {
            let found = found.tensor(name).expect("the same tensors");
            assert_eq!(found.shape(), expected.shape(), "{device}, {name}");
            let [found, expected] = [found.data(), expected.data()].map(floats);
            let top = expected.iter().fold(1.0_f32, |top, value| top.max(value.abs()));
            for (a, b) in found.iter().zip(&expected) {
                assert!((a - b).abs() < 1e-4 * top, "{device}, {name}: {a} {b}");
            }
        }
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect()
}

#[test]
fn validation_measures_the_same() {
    if !*ADAPTER {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples");
    for part in ["images", "labels"] {
        std::fs::create_dir(folder.path().join(part)).expect("a folder");
    }
    std::fs::copy(samples.join("cat.jpg"), folder.path().join("images/cat.jpg")).expect("a copy");
    std::fs::write(folder.path().join("labels/cat.txt"), "15 0.5 0.5 0.9 0.9\n").expect("labels");
    let names: String = (0..80).map(|class| format!("  {class}: class {class}\n")).collect();
    let data = folder.path().join("data.yaml");
    std::fs::write(&data, format!("val: images\nnames:\n{names}")).expect("a data.yaml");
    let data = data.display().to_string();
    let val = |device: &str| json(&["val", &data, "--json", "--device", device]).remove(0);
    let expected = val("cpu/float");
    for [device, executor] in [DEVICES[0], DEVICES[2]] {
        let found = val(device);
        check_who_ran(&found, executor);
        for key in ["labels", "precision", "recall", "map50", "map"] {
            let [found, expected] = [&found, &expected].map(|json| json[key].as_f64().expect("a number"));
            assert!((found - expected).abs() < 0.01, "{device}, {key}: {found} {expected}");
        }
    }
}

#[test]
fn steps_and_rows_are_timed_on_the_gpu() {
    if !*ADAPTER {
        return;
    }
    let network = "yolov5n-ghost-backbone";
    for (device, executor) in [("gpu", "fused"), ("gpu/burn-ops", "burn-ops")] {
        let summary = &json(&["summary", network, "--imgsz", "64", "--line-profile", "--device", device, "--json"])[0];
        let profile = summary.as_object().and_then(|all| all.values().find(|part| part["backend"].is_string()));
        let profile = profile.unwrap_or_else(|| panic!("{summary}"));
        check_who_ran(profile, executor);
        let rows = profile["rows"].as_array().expect("rows");
        let milliseconds: f64 = rows.iter().filter_map(|row| row["milliseconds"].as_f64()).sum();
        assert!(milliseconds > 0.0);
    }
    let plan = &json(&["plan", network, "--imgsz", "64", "--executor", "gpu", "--time", "--json"])[0];
    check_who_ran(plan, "fused");
}

#[test]
fn an_unknown_configuration_is_wrong_usage() {
    let refused = run(&["detect", "cat.jpg", "--device", "gpu/fast"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("gpu/burn-ops"), "{}", text(&refused.stderr));
}
