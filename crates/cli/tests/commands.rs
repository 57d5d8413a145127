//! The commands as a user runs them: exit codes, JSON, files.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sample(name: &str) -> String {
    root().join(format!("tests/samples/{name}.jpg")).display().to_string()
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ghostdet")).args(arguments).current_dir(root()).output().expect("the command runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The JSON lines of a command that must succeed.
fn json(arguments: &[&str]) -> Vec<Value> {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_articles_lines() {
    let output = run(&["summary", "yolov5s-ghost-backbone"]);
    let last = "YOLOv5s-ghost-backbone summary: 321 layers, 5301141 parameters, 5301141 gradients, 11.4 GFLOPs";
    assert_eq!(stdout(&output).lines().last(), Some(last));
    let compared = &json(&["compare", "--nc", "5", "--json"])[0]["models"];
    let figures = |i: usize| (compared[i]["parameters"].as_u64(), compared[i]["gflops"].as_f64());
    assert_eq!(figures(0), (Some(7_033_114), Some(16.0)));
    assert_eq!(figures(1), (Some(3_695_330), Some(8.2)));
    assert_eq!(figures(2), (Some(5_098_866), Some(10.8)));
}

#[test]
fn the_plan_copies_nothing() {
    for name in ["yolov5n", "yolov5s-ghost", "yolov5m-ghost-backbone"] {
        let plan = &json(&["plan", name, "--imgsz", "320", "--json"])[0];
        let steps = plan["steps"].as_array().expect("steps");
        assert!(steps.len() > 40);
        assert!(steps.iter().all(|step| step["what"] != "copy"), "{name} copies");
        let bytes = |key: &str| plan[key].as_u64().expect("bytes");
        assert!(3 * bytes("activation_bytes") < bytes("activation_bytes_without_reuse"), "{name} reuses little");
    }
}

#[test]
fn rows_are_timed() {
    let profile = &json(&["summary", "yolov5n-ghost", "--imgsz", "64", "--line-profile", "--json"])[0]["profile"];
    assert_eq!(profile["rows"].as_array().map(Vec::len), Some(25));
    assert!(profile["rows"][0]["milliseconds"].as_f64() > Some(0.0));
}

#[test]
fn validation_of_our_own_boxes_is_nearly_perfect() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let images = folder.path().join("images");
    let labels = folder.path().join("labels");
    std::fs::create_dir_all(&images).unwrap();
    std::fs::create_dir_all(&labels).unwrap();
    json(&["detect", &sample("astronaut"), &sample("cat"), "--json", "--save-dir", &out, "--save-txt"]);
    for name in ["astronaut", "cat"] {
        std::fs::copy(sample(name), images.join(format!("{name}.jpg"))).unwrap();
        let text = std::fs::read_to_string(Path::new(&out).join(format!("labels/{name}.txt"))).unwrap();
        std::fs::write(labels.join(format!("{name}.txt")), text).unwrap();
    }
    let data = folder.path().join("data.yaml");
    let coco: Value = serde_json::from_slice(&std::fs::read(root().join("weights/manifest.json")).unwrap()).unwrap();
    let classes = &coco["weights"][0]["names"];
    std::fs::write(&data, format!("path: {}\nval: images\nnames: {classes}\n", folder.path().display())).unwrap();
    let report = &json(&["val", &data.display().to_string(), "--json"])[0];
    assert_eq!(report["images"], 2);
    assert!(report["map50"].as_f64() > Some(0.9), "{report}");
}

#[test]
fn tensors_go_through_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("x.safetensors"), folder.path().join("y.safetensors"));
    let values: Vec<u8> = (0..3 * 64 * 96).flat_map(|i| ((i % 255) as f32 / 255.0).to_le_bytes()).collect();
    let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![1, 3, 64, 96], &values).unwrap();
    std::fs::write(&input, safetensors::serialize([("images", view)], None).unwrap()).unwrap();
    let (from, to) = (input.display().to_string(), output.display().to_string());
    let done = run(&["forward", "--input", &from, "--output", &to, "--rows", "0,9"]);
    assert!(done.status.success(), "{}", stderr(&done));
    let bytes = std::fs::read(&output).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let shape = |name: &str| tensors.tensor(name).unwrap().shape().to_vec();
    assert_eq!(shape("raw.0"), [1, 3, 8, 12, 85]);
    assert_eq!(shape("decoded"), [1, 3 * (96 + 24 + 6), 85]);
    assert_eq!(shape("row.0"), [1, 16, 32, 48]);
}

#[test]
fn shells_are_completed() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&run(&["completions", shell])).contains("ghostdet"), "{shell}");
    }
}
