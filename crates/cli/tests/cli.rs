//! The program from outside: what it prints, and how it ends.

use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> Output {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostdet"));
    command.args(arguments).current_dir(samples).stdin(Stdio::null()).output().expect("the program starts")
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// Fails with exit code 1 and says `part` on stderr.
fn fails(arguments: &[&str], part: &str) {
    let output = run(arguments);
    assert_eq!(code(&output), Some(1), "{arguments:?}");
    let said = text(&output.stderr);
    assert!(said.contains(part), "{arguments:?} said {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn summary_counts_the_backbone() {
    let output = run(&["summary", "yolov5s-ghost-backbone", "--json"]);
    assert_eq!(code(&output), Some(0));
    let summary = &lines(&output)[0];
    assert_eq!(summary["nc"], 80);
    assert_eq!(summary["rows"].as_array().map(Vec::len), Some(25));
    let table = text(&run(&["summary", "yolov5s-ghost-backbone"]).stdout);
    assert!(table.contains("YOLOv5s-ghost-backbone summary: 321 layers"), "{table}");
}

#[test]
fn compare_takes_the_three_by_default() {
    let output = run(&["compare", "--json"]);
    let comparison = &lines(&output)[0];
    let models = comparison["models"].as_array().expect("models");
    assert_eq!(models.len(), 3);
    assert!(models.iter().all(|model| model["nc"] == 5));
    assert_eq!(comparison["imgsz"], 640);
}

#[test]
fn detect_without_flags() {
    let output = run(&["detect", "astronaut.jpg"]);
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("astronaut.jpg 512x512: "));
}

#[test]
fn detect_as_json_over_folder_and_glob() {
    let output = run(&["detect", ".", "c*.jpg", "--json", "--conf", "0.1"]);
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let found = lines(&output);
    assert_eq!(found.len(), 6);
    for line in &found {
        let (width, height) = (line["width"].as_f64().expect("width"), line["height"].as_f64().expect("height"));
        assert_eq!(line["model"], "yolov5n-ghost-backbone");
        assert!(line["speed"]["network"].as_f64().is_some_and(|ms| ms > 0.0));
        for detection in line["detections"].as_array().expect("detections") {
            let side = |i: usize| detection["box"][i].as_f64().expect("a number");
            assert!(0.0 <= side(0) && side(0) <= side(2) && side(2) <= width, "{detection}");
            assert!(0.0 <= side(1) && side(1) <= side(3) && side(3) <= height, "{detection}");
            assert!(detection["score"].as_f64().is_some_and(|score| score > 0.1 && score <= 1.0));
        }
    }
}

#[test]
fn classes_by_name_and_number_agree() {
    let by = |classes| run(&["detect", "lifeboat.jpg", "--json", "--conf", "0.05", "--classes", classes]);
    let (name, number) = (lines(&by("person,boat")), lines(&by("0,8")));
    assert_eq!(name[0]["detections"], number[0]["detections"]);
    let only = name[0]["detections"].as_array().expect("detections");
    assert!(only.iter().all(|d| d["class"] == 0 || d["class"] == 8));
}

#[test]
fn standard_input_and_saving() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ghostdet"))
        .args(["detect", "-", "--json", "--save-txt", "--save-dir"])
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let photo = include_bytes!("../../../tests/samples/astronaut.jpg");
    child.stdin.take().expect("stdin").write_all(photo).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(code(&output), Some(0));
    let found = &lines(&output)[0];
    assert_eq!(found["source"], "-");
    assert!(folder.path().join("stdin.jpg").is_file());
    let labels = std::fs::read_to_string(folder.path().join("labels/stdin.txt")).expect("labels");
    assert_eq!(Some(labels.lines().count()), found["detections"].as_array().map(Vec::len));
}

#[test]
fn one_bad_picture_does_not_stop_the_others() {
    let output = run(&["detect", "README.md", "cat.jpg", "nothere.jpg", "--json"]);
    assert_eq!(code(&output), Some(1));
    assert_eq!(lines(&output).len(), 1);
    let said = text(&output.stderr);
    assert!(said.contains("README.md") && said.contains("nothere.jpg"), "{said}");
}

#[test]
fn bad_input_is_named() {
    fails(&["detect", "cat.jpg", "--weights", "README.md"], "README.md");
    fails(&["detect", "cat.jpg", "--weights", "nothere.pt"], "nothere.pt");
    fails(&["detect", "cat.jpg", "--classes", "unicorn"], "unicorn");
    fails(&["detect", "nothing*.jpg"], "nothing*.jpg");
    fails(&["summary", "nothere"], "yolov5s-ghost-backbone");
    fails(&["val", "nothere.yaml"], "nothere.yaml");
    fails(&["convert", "cat.jpg", "out.safetensors"], "cat.jpg");
    fails(&["forward", "--input", "cat.jpg", "--output", "y.safetensors"], "cat.jpg");
    if !cfg!(feature = "gpu") {
        fails(&["detect", "cat.jpg", "--device", "gpu"], "--device cpu");
    }
}

#[test]
fn a_bad_configuration_is_shown_with_a_caret() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bad.yaml");
    let yaml = include_str!("../../../configs/yolov5-ghost.yaml").replacen("GhostConv", "GohstConv", 1);
    std::fs::write(&path, yaml).expect("written");
    let path = path.to_string_lossy();
    fails(&["summary", &path], "GhostConv");
    fails(&["summary", &path], "^^^^^^^^^");
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in
        [&["detect"][..], &["detect", "cat.jpg", "--conf", "7"], &["nonsense"], &["summary", "yolov5s", "--imgsz", "0"]]
    {
        assert_eq!(code(&run(arguments)), Some(2), "{arguments:?}");
    }
}

#[test]
fn every_help_ends_in_examples() {
    for command in ["summary", "compare", "detect", "val", "convert", "forward", "completions"] {
        let output = run(&[command, "--help"]);
        assert_eq!(code(&output), Some(0));
        assert!(text(&output.stdout).contains("Examples:\n  "), "{command}");
    }
}

#[test]
fn converting_the_default_weights_keeps_what_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out.safetensors");
    let out = out.to_string_lossy();
    let output = run(&["convert", "../../weights/yolov5n-ghost-backbone.safetensors", &out, "--half"]);
    assert_eq!(code(&output), Some(0), "{}", text(&output.stderr));
    let (before, after) =
        (run(&["detect", "cat.jpg", "--json"]), run(&["detect", "cat.jpg", "--json", "--weights", &out]));
    assert_eq!(lines(&before)[0]["detections"], lines(&after)[0]["detections"]);
}
