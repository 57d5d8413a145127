//! What the program says about files that it can't take, collected in `tests/messages.txt` for people to read. What it says
//! about data sets is in `crates/cli/tests/messages.txt`.
//!
//! Each message says what is wrong, where, what was expected and what to do. `GHOSTDET_WRITE_MESSAGES=1` writes the file
//! anew; read the difference before committing it.

#[path = "support/pickle.rs"]
#[allow(dead_code)]
mod pickle;

use std::fmt::Write;
use std::path::Path;

use ghostdet::detector::DetectorOptions;
use ghostdet::image::Image;
use ghostdet::model::Config;
use ghostdet::{Detector, Result, text};
use pickle::{checkpoint, legacy, object, state_dict, zip};

/// Files given as weights.
fn weights() -> Vec<(&'static str, Vec<u8>)> {
    let pickled = |class: &str| checkpoint(&[b"\x80\x02".to_vec(), object(class, &[]), b".".to_vec()].concat(), b"");
    let named = |key: &str| checkpoint(&state_dict(key, 1, 0, &[1], &[1]), &1f32.to_le_bytes());
    vec![
        ("empty file", Vec::new()),
        ("HTML page", b"<!doctype html><title>404</title>".to_vec()),
        ("Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
        (
            "PyTorch before 1.6, cut off",
            legacy(&state_dict("model.0.conv.weight", 4, 0, &[4], &[1]), &[("0", 4, b"1234")]),
        ),
        ("PyTorch before 1.6, big-endian", {
            let whole = legacy(&state_dict("model.0.conv.weight", 4, 0, &[4], &[1]), &[("0", 4, &[0; 16])]);
            let at = whole.windows(14).position(|w| w == b"little_endian\x88").unwrap() + 13;
            [&whole[..at], &[0x89], &whole[at + 1..]].concat()
        }),
        ("tar archive", [&[b'a'; 257][..], b"ustar"].concat()),
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

const PICTURES: [(&str, &[u8]); 9] = [
    ("empty file", b""),
    ("HTML page", b"<html>"),
    ("TIFF, cut off", b"II*\0\x08\0\0\0"),
    ("a camera's raw file", b"II*\0\x10\0\0\0CR\x02\0"),
    ("AVIF", b"\0\0\0\x18ftypavif\0\0\0\0"),
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

fn said<T>(result: Result<T>) -> String {
    result.err().map_or_else(|| "taken".to_owned(), |error| error.to_string())
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
