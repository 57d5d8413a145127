//! `train` and `data` on a few synthetic pictures.

use std::path::Path;
use std::process::{Command, Output};

fn ghostdet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ghostdet")).args(args).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Pictures of 64x64 with a light square, and COCO annotations for them.
fn coco(folder: &Path, count: usize) {
    std::fs::create_dir_all(folder.join("pictures")).expect("a folder");
    let (mut images, mut annotations) = (Vec::new(), Vec::new());
    for i in 0..count {
        let (left, top) = (4 + i * 5 % 30, 2 + i * 7 % 34);
        let image = image::RgbImage::from_fn(64, 64, |x, y| {
            let inside = |at: u32, from: usize| (from..from + 24).contains(&(at as usize));
            image::Rgb([if inside(x, left) && inside(y, top) { 230 } else { 50 }; 3])
        });
        image.save(folder.join(format!("pictures/{i}.png"))).expect("a picture");
        images.push(serde_json::json!({ "id": i, "file_name": format!("{i}.png"), "width": 64, "height": 64 }));
        annotations.push(serde_json::json!({
            "id": i, "image_id": i, "category_id": 7, "bbox": [left, top, 24, 24], "area": 576, "iscrowd": 0,
        }));
    }
    let json = serde_json::json!({
        "images": images, "annotations": annotations, "categories": [{ "id": 7, "name": "square" }],
    });
    std::fs::write(folder.join("coco.json"), json.to_string()).expect("a file");
}

#[test]
fn from_coco_annotations_to_trained_weights_and_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    coco(folder.path(), 10);
    let done = ghostdet(&[
        "data",
        "convert",
        &at("coco.json"),
        "--images",
        &at("pictures"),
        "--out",
        &at("set"),
        "--val",
        "0.3",
    ]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).starts_with("7 pictures to train on, 3 to validate on, 10 boxes of 1 classes"));

    let data = at("set/data.yaml");
    let common = ["train", "--data", &data, "--imgsz", "64", "--batch", "4", "--nominal-batch", "4", "--epochs", "2"];
    let out = at("out");
    let done = ghostdet(&[&common[..], &["--out", &out]].concat());
    let said = text(&done.stderr);
    assert!(done.status.success(), "{said}");
    assert!(said.contains("tensors taken over") || said.contains("epoch    2"), "{said}");
    for name in ["best.safetensors", "last.safetensors", "results.csv", "results.svg", "pictures/0.jpg"] {
        assert!(folder.path().join("out").join(name).exists(), "{name}");
    }
    let best = at("out/best.safetensors");
    let found = ghostdet(&["val", &data, "--weights", &best, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&found.stdout).expect("JSON");
    assert_eq!((report["images"].as_u64(), report["labels"].as_u64()), (Some(3), Some(3)));
}

#[test]
fn what_does_not_fit_is_said_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    coco(folder.path(), 4);
    let (json, pictures) = (at("coco.json"), at("pictures"));
    for (args, word) in [
        (vec!["train", "--data", &json, "--images", &pictures, "--imgsz", "100", "--noval"], "multiple of 32"),
        (vec!["train", "--data", &json, "--images", &pictures, "--epochs", "0"], "--epochs"),
        (vec!["train", "--data", "nowhere.yaml"], "nowhere.yaml"),
        (vec!["train", "--data", &json, "--images", &pictures, "--cfg", "yolov9"], "yolov9"),
        (vec!["data", "convert", &json, "--images", &pictures, "--out", &pictures], "pictures"),
    ] {
        let out = at("out");
        let args = if args[0] == "train" { [&args[..], &["--out", &out]].concat() } else { args };
        let done = ghostdet(&args);
        assert_eq!(done.status.code(), Some(1), "{args:?}: {}", text(&done.stderr));
        assert!(text(&done.stderr).contains(word), "{args:?}: {}", text(&done.stderr));
        assert!(!text(&done.stderr).contains("panicked"), "{args:?}");
    }
}
