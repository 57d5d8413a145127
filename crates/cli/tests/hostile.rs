//! Files that are not what they seem: a typed error that names them, or a correct result; never a panic.

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

/// Fails with exit code 1 and words that contain all of `words`; never a panic.
fn refused(arguments: &[&str], words: &[&str]) {
    let output = run(arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{arguments:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{arguments:?} says {said:?}, not {word:?}");
    }
}

#[test]
fn hostile_pictures_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    refused(&["detect", &file("empty.jpg", b"")], &["empty.jpg"]);
    refused(&["detect", &file("page.png", b"<!doctype html><title>404</title>")], &["page.png"]);
    let whole = std::fs::read(sample("cat")).unwrap();
    // Half a JPEG: refused, or its upper half detected; never a crash.
    let half = run(&["detect", &file("half.jpg", &whole[..whole.len() / 2])]);
    assert!(matches!(half.status.code(), Some(0 | 1)), "{}", stderr(&half));
    // 30000 x 30000 by header only.
    let mut huge = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    huge.extend([30000u32.to_be_bytes(), 30000u32.to_be_bytes()].concat());
    huge.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    refused(&["detect", &file("huge.png", &huge)], &["huge.png"]);
    for (width, height) in [(1, 1), (1, 20000), (20000, 1)] {
        let path = folder.path().join(format!("{width}x{height}.png"));
        image::RgbImage::new(width, height).save(&path).unwrap();
        let line = &json(&["detect", &path.display().to_string(), "--json"])[0];
        assert_eq!((line["width"].as_u64(), line["height"].as_u64()), (Some(width.into()), Some(height.into())));
    }
}

#[test]
fn hostile_weights_and_configurations_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let weights = |path: &str, words: &[&str]| refused(&["detect", &sample("cat"), "--weights", path], words);
    weights(&file("page.pt", b"<html>not found</html>"), &["page.pt"]);
    weights(&file("empty.pt", b""), &["empty.pt"]);
    weights(&file("huge.safetensors", &[0xff; 64]), &["huge.safetensors"]);
    let ours = std::fs::read(root().join("weights/yolov5n-ghost-backbone.safetensors")).unwrap();
    weights(&file("cut.safetensors", &ours[..ours.len() / 2]), &["cut.safetensors"]);
    let yaml = |text: &str, words: &[&str]| refused(&["summary", &file("model.yaml", text.as_bytes())], words);
    let head = "nc: 80\ndepth_multiple: 1.0\nwidth_multiple: 1.0\nanchors: 1\nbackbone:\n";
    yaml(
        &format!("{head}  - [-1, 1, GostConv, [8, 3]]\nhead:\n  - [[0], 1, Detect, [nc, anchors]]\n"),
        &["GostConv", "GhostConv", "line 6"],
    );
    yaml(&format!("{head}  - [7, 1, Conv, [8, 3]]\nhead:\n  - [[0], 1, Detect, [nc, anchors]]\n"), &["line 6"]);
    yaml(&format!("{}{}", head, "[".repeat(100_000)), &["model.yaml"]);
    refused(&["summary", "yolov5s", "--nc", "0"], &["classes"]);
}

/// A network of 1.3 billion parameters: looking at it is cheap, running it is refused before any memory is taken.
#[test]
fn a_network_too_large_to_run_is_planned_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let yaml = std::fs::read_to_string(root().join("configs/yolov5.yaml")).unwrap();
    let wide: String = yaml
        .lines()
        .map(
            |line| {
                if line.starts_with("width_multiple") { "width_multiple: 7.0\n".into() } else { format!("{line}\n") }
            },
        )
        .collect();
    let path = folder.path().join("wide.yaml");
    std::fs::write(&path, wide).unwrap();
    let path = path.display().to_string();
    let summary = json(&["summary", &path, "--json"]).remove(0);
    assert!(summary["parameters"].as_u64().is_some_and(|count| count > 1_000_000_000), "{summary}");
    let plan = json(&["plan", &path, "--imgsz", "320", "--json"]).remove(0);
    assert!(plan["weight_bytes"].as_u64().is_some_and(|bytes| bytes > 4_000_000_000), "{plan}");
    let words = ["parameters", "lower width_multiple"];
    refused(&["plan", &path, "--time"], &words);
    refused(&["summary", &path, "--line-profile"], &words);
    let weights = root().join("weights/yolov5n-ghost-backbone.safetensors").display().to_string();
    refused(&["detect", &sample("cat"), "--weights", &weights, "--config", &path], &words);
}
