//! What the program says about files that it can't take, collected in `tests/messages.txt` for people to read.
//!
//! Each message says what is wrong, where, what was expected and what to do. `GHOSTDET_WRITE_MESSAGES=1` writes the file
//! anew; read the difference before committing it.

#[path = "support/pickle.rs"]
#[allow(dead_code)]
mod pickle;

use std::fmt::Write;
use std::path::Path;

use ghostdet::data::Dataset;
use ghostdet::detector::DetectorOptions;
use ghostdet::image::Image;
use ghostdet::model::Config;
use ghostdet::{Detector, Result, text};
use pickle::{checkpoint, object, state_dict, zip};

/// Files given as weights.
fn weights() -> Vec<(&'static str, Vec<u8>)> {
    let pickled = |class: &str| checkpoint(&[b"\x80\x02".to_vec(), object(class, &[]), b".".to_vec()].concat(), b"");
    let named = |key: &str| checkpoint(&state_dict(key, 1, 0, &[1], &[1]), &1f32.to_le_bytes());
    vec![
        ("empty file", Vec::new()),
        ("HTML page", b"<!doctype html><title>404</title>".to_vec()),
        ("Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
        ("PyTorch before 1.6", b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.".to_vec()),
        ("ONNX", b"\x08\x07\x12\x07pytorch\x1a\x052.0.0".to_vec()),
        ("TorchScript", zip(&[("a/data.pkl", b".", None, 0), ("a/constants.pkl", b".", None, 0)])),
        ("zip without a checkpoint", zip(&[("readme.txt", b"hello", None, 0)])),
        ("Keras", b"\x89HDF\r\n\x1a\n".to_vec()),
        ("a picture", b"\xff\xd8\xff\xe0".to_vec()),
        ("text", b"nc: 80\n".to_vec()),
        ("safetensors, cut off", b"\xff\0\0\0\0\0\0\0{\"a\"".to_vec()),
        ("code", pickled("os.system")),
        ("a class of one's own", pickled("__main__.Net")),
        ("YOLOv8, whole", pickled("ultralytics.nn.tasks.DetectionModel")),
        ("torchvision, whole", pickled("torchvision.models.resnet.ResNet")),
        ("segmentation, whole", pickled("models.yolo.SegmentationModel")),
        ("YOLOv8, tensors", named("model.22.dfl.conv.weight")),
        ("segmentation, tensors", named("model.24.proto.cv1.conv.weight")),
        ("ResNet, tensors", named("layer1.0.conv1.weight")),
        ("other tensors", named("weight")),
        ("one tensor", named("model.0.conv.weight")),
    ]
}

const PICTURES: [(&str, &[u8]); 7] = [
    ("empty file", b""),
    ("HTML page", b"<html>"),
    ("TIFF", b"II*\0\x08\0\0\0"),
    ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0"),
    ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
    ("video", b"\0\0\0\x18ftypisom\0\0\0\0"),
    ("PNG, cut off", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
];

const CONFIGURATIONS: [(&str, &str); 5] = [
    ("empty", ""),
    ("a list", "[1, 2]"),
    ("no rows", "nc: 80\nanchors: 3\n"),
    (
        "misspelt module",
        "nc: 1\nanchors: 1\nbackbone:\n  - [-1, 1, GostConv, [8, 3]]\nhead:\n  - [[0], 1, Detect, [nc, anchors]]\n",
    ),
    ("data.yaml", "train: images\nval: images\nnames: [a]\n"),
];

/// Lines of a label file with one class.
const LABELS: [&str; 8] = [
    "0,0.5,0.5,0.2,0.2",
    "0 0,5 0,5 0,2 0,2",
    "fire 0.5 0.5 0.2 0.2",
    "0 120 80 40 40",
    "7 0.5 0.5 0.2 0.2",
    "-1 0.5 0.5 0.2 0.2",
    "0 0.5 0.5 0.2",
    "0 0.5 0.5 0.2 nan",
];

fn said<T>(result: Result<T>) -> String {
    result.err().map_or_else(|| "taken".to_owned(), |error| error.to_string())
}

fn labels() -> String {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("data.yaml", b"nc: 2\nval: images\nnames: [a]\n");
    write("images/good.jpg", b"");
    for (i, line) in LABELS.iter().enumerate() {
        write(&format!("images/{i}.jpg"), b"");
        write(&format!("labels/{i}.txt"), line.as_bytes());
    }
    let data = Dataset::open(&folder.path().join("data.yaml"), None).unwrap();
    let place = folder.path().join("").display().to_string();
    data.warnings().iter().chain(&data.contradictions()).fold(String::new(), |mut all, warning| {
        let _ = writeln!(all, "{}\n", warning.replace(&place, ""));
        all
    })
}

#[test]
fn messages_are_those_that_were_read() {
    let mut all = String::from("What ghostdet says about files that it can't take. Written by tests/messages.rs.\n");
    let mut chapter = |title: &str, messages: Vec<(&str, String)>| {
        let _ = writeln!(all, "\n== {title}\n");
        for (name, message) in messages {
            let _ = writeln!(all, "{name}\n    {message}\n");
        }
    };
    let weights = weights();
    let load = |bytes: &Vec<u8>| said(Detector::load(bytes, &DetectorOptions::default()));
    chapter("Weights", weights.iter().map(|(name, bytes)| (*name, load(bytes))).collect());
    chapter("Pictures", PICTURES.iter().map(|(name, bytes)| (*name, said(Image::decode(bytes)))).collect());
    let parse = |text: &str| said(Config::parse(text).and_then(|config| config.graph(None)));
    chapter("Configurations", CONFIGURATIONS.iter().map(|(name, text)| (*name, parse(text))).collect());
    chapter("Text", vec![("binary", said(text::decode(b"0 0.5\n\0\x01".to_vec())))]);
    let _ = write!(all, "\n== Labels\n\n{}", labels());

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages.txt");
    if std::env::var_os("GHOSTDET_WRITE_MESSAGES").is_some() {
        std::fs::write(&path, &all).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == all,
        "messages have changed: GHOSTDET_WRITE_MESSAGES=1 writes tests/messages.txt; read what differs"
    );
}
