//! Files that aren't checkpoints, and checkpoints that mean harm: each gets a typed error in little time and memory.

#[path = "support/pickle.rs"]
#[allow(dead_code)]
mod pickle;

use ghostdet::ErrorKind;
use ghostdet::weights::Checkpoint;
use pickle::{checkpoint, dict, floats, list, object, state_dict, tensor, text, zip};

/// The error of loading `bytes`.
fn refused(bytes: &[u8]) -> String {
    let error = Checkpoint::load(bytes).expect_err("should be refused");
    assert_eq!(error.kind(), ErrorKind::Weights);
    error.to_string()
}

fn assert_refused(bytes: &[u8], why: &str) {
    let error = refused(bytes);
    assert!(error.contains(why), "{error:?} doesn't say {why:?}");
}

#[test]
fn state_dicts_load_with_their_strides() {
    let data = floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let file = checkpoint(&state_dict("0.conv.weight", 6, 0, &[3, 2], &[1, 3]), &data);
    let found = Checkpoint::load(&file).unwrap();
    let tensor = &found.tensors["model.0.conv.weight"];
    assert_eq!((tensor.shape.as_slice(), tensor.data.as_slice()), (&[3, 2][..], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0][..]));
    assert_eq!(found.format, "PyTorch .pt (state dict, float32)");
}

#[test]
fn the_configuration_says_what_the_trained_model_is() {
    let slope = [b"G".as_slice(), &0.1f64.to_be_bytes()].concat();
    let act = object("torch.nn.modules.activation.LeakyReLU", &[("negative_slope", slope)]);
    let conv = object("models.common.Conv", &[("_modules", dict(&[("act", act)]))]);
    let anchors = tensor(0, &[1, 1, 2], &[2, 2, 1]);
    let detect = object(
        "models.yolo.Detect",
        &[("nc", b"K\x02".to_vec()), ("stride", tensor(2, &[1], &[1])), ("_buffers", dict(&[("anchors", anchors)]))],
    );
    let rows = dict(&[("0", conv), ("1", detect)]);
    let sequential = object("torch.nn.modules.container.Sequential", &[("_modules", rows)]);
    let row = list(&[
        b"J\xff\xff\xff\xff".to_vec(),
        b"K\x01".to_vec(),
        text("Conv"),
        list(&[b"K\x40".to_vec(), b"N".to_vec()]),
    ]);
    let yaml = dict(&[
        ("nc", b"K\x50".to_vec()),
        ("anchors", b"K\x03".to_vec()),
        ("backbone", list(&[row])),
        ("head", list(&[list(&[text("it's: #1")])])),
    ]);
    let names = list(&[text("cat"), text("dog")]);
    let model =
        object("models.yolo.Model", &[("_modules", dict(&[("model", sequential)])), ("yaml", yaml), ("names", names)]);
    let root = [b"\x80\x02".to_vec(), dict(&[("ema", b"N".to_vec()), ("model", model)]), b".".to_vec()].concat();
    let found = Checkpoint::load(&checkpoint(&root, &floats(&[1.5, 2.0, 8.0, 0.0]))).unwrap();
    assert_eq!(found.names, ["cat", "dog"]);
    assert_eq!(found.tensors["model.1.anchors"].data, [1.5, 2.0]);
    let yaml = "nc: 2\nactivation: nn.LeakyReLU(0.1)\nanchors:\n  - [12, 16]\nbackbone:\n  - [-1, 1, Conv, [64, None]]\nhead:\n  - [\"it's: #1\"]\n";
    assert_eq!(found.yaml.as_deref(), Some(yaml));
}

#[test]
fn other_files_are_named() {
    let mut tar = vec![0; 512];
    tar[..5].copy_from_slice(b"names");
    tar[257..262].copy_from_slice(b"ustar");
    for (bytes, why) in [
        (&b""[..], "empty"),
        (b"  <!DOCTYPE html><html>404", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.", "cut off"),
        (&tar, "tar archive"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.0.0", "ONNX"),
        (b"PK\x05\x06\0\0\0\0", "empty or damaged zip"),
        (b"nc: 80\n", "text"),
        (b"\xff\xd8\xff\xe0 a photo", "neither"),
        (b"\xff\0\0\0\0\0\0\0{\"a\"", "cut off"),
        (b"PK\x03\x04 and nothing more", "directory at its end"),
    ] {
        assert_refused(bytes, why);
    }
    assert_refused(&zip(&[("word/document.xml", b"<a/>", None, 0)]), "no data.pkl");
    assert_refused(&zip(&[("a/data.pkl", b".", None, 0), ("a/constants.pkl", b".", None, 0)]), "TorchScript");
}

#[test]
fn code_is_refused_by_its_name() {
    for (global, name) in [
        ("cos\nsystem\n", "os.system"),
        ("cposix\nsystem\n", "posix.system"),
        ("c__builtin__\neval\n", "builtins.eval"),
        ("cbuiltins\ngetattr\n", "builtins.getattr"),
        ("ctorch.hub\nload\n", "torch.hub.load"),
        ("ctorch.nn.modules.container\nSequential.__init__\n", "torch.nn.modules.container.Sequential.__init__"),
        ("cultralytics.nn.tasks\nDetectionModel\n", "later YOLO"),
    ] {
        let call = [b"\x80\x02".as_slice(), global.as_bytes(), b"(", &text("echo harm"), b"tR."].concat();
        assert_refused(&checkpoint(&call, b""), name);
    }
    let stack = [b"\x80\x04".as_slice(), &text("subprocess"), &text("Popen"), b"\x93."].concat();
    assert_refused(&checkpoint(&stack, b""), "subprocess.Popen");
}

#[test]
fn declared_sizes_are_checked_against_the_file() {
    let data = floats(&[1.0; 4]);
    let cases: [(i64, i64, &[i64], &[i64]); 9] = [
        (4, 0, &[1 << 60], &[1]),
        (4, 0, &[1 << 60], &[0]),
        (4, 0, &[1 << 40, 1 << 40], &[0, 0]),
        (4, 0, &[5], &[1]),
        (4, i64::MAX, &[4], &[1]),
        (4, 1, &[4], &[1]),
        (4, 0, &[2, 2], &[i64::MAX, 1]),
        (1 << 60, 0, &[4], &[1]),
        (4, 0, &[2, 2], &[1]),
    ];
    for (elements, offset, shape, strides) in cases {
        refused(&checkpoint(&state_dict("0.w", elements, offset, shape, strides), &data));
    }
    refused(&checkpoint(&state_dict("0.w", 4, -1, &[4], &[1]), &data));
    assert_refused(&checkpoint(&state_dict("0.w", 4, 0, &[1; 9], &[1; 9]), &data), "9 dimensions");
    assert_refused(&checkpoint(&state_dict("weight", 4, 0, &[4], &[1]), &data), "those of YOLOv5");
}

#[test]
fn not_a_number_is_named() {
    let file = checkpoint(&state_dict("0.conv.weight", 2, 0, &[2], &[1]), &floats(&[1.0, f32::NAN]));
    assert_refused(&file, "model.0.conv.weight: element 1 is NaN");
}

#[test]
fn bombs_are_bounded() {
    let start = std::time::Instant::now();
    // A zip that says it unpacks to 4 GB, one that is compressed too well, one whose entry lies.
    assert_refused(&zip(&[("a/data.pkl", b".", Some(0xffff_fff0), 8)]), "unpacks to");
    let zeros = miniz_oxide::deflate::compress_to_vec(&vec![0; 1 << 20], 6);
    assert_refused(&zip(&[("a/data.pkl", &zeros, Some(1 << 10), 8)]), "inflate");
    // Lists in lists, marks without end, a dictionary doubling itself, a cycle in the configuration.
    refused(&checkpoint(&b"(".repeat(1 << 20), b""));
    refused(&checkpoint(&[b"]".repeat(1 << 20), b"a".repeat((1 << 20) - 1), b".".to_vec()].concat(), b""));
    refused(&checkpoint(&b"N".repeat(1 << 23), b""));
    let mut p = b"\x80\x02cmodels.yolo\nModel\n)\x81}".to_vec();
    p.extend(text("yaml"));
    p.extend(b"}(");
    p.extend(text("backbone"));
    p.extend(b"]q\x00h\x00a");
    p.extend(text("head"));
    p.extend(b"]us");
    p.extend(text("_parameters"));
    p.extend(state_dict("model.0.w", 1, 0, &[1], &[1]).strip_prefix(b"\x80\x02").unwrap().strip_suffix(b".").unwrap());
    p.extend(b"sb.");
    assert_refused(&checkpoint(&p, &floats(&[1.0])), "too deep");
    // A long name, taken from the memo again and again.
    let mut p =
        [b"\x80\x04".to_vec(), text(&format!("torch.nn.modules.{}", "a".repeat(1 << 22))), b"q\x00".to_vec()].concat();
    p.extend([text("B"), b"q\x01\x93".to_vec()].concat());
    p.extend(b"h\x00h\x01\x93".repeat(1 << 16));
    assert_refused(&checkpoint(&[p, b".".to_vec()].concat(), b""), "longer than 512 bytes");
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn damage_anywhere_is_an_error_or_harmless() {
    let file = checkpoint(&state_dict("0.conv.weight", 2, 0, &[2], &[1]), &floats(&[1.0, 2.0]));
    for length in 0..file.len() {
        refused(&file[..length]);
    }
    for at in 0..file.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = file.clone();
            damaged[at] ^= flip;
            let _ = Checkpoint::load(&damaged);
        }
    }
    let ours = Checkpoint::load(&file).unwrap().to_safetensors(false).unwrap();
    for length in 0..ours.len() {
        refused(&ours[..length]);
    }
    let overlap = br#"{"0.a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"0.b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let huge = br#"{"0.a":{"dtype":"F32","shape":[1152921504606846976,1152921504606846976],"data_offsets":[0,4]}}"#;
    for header in [&overlap[..], huge] {
        assert_refused(&[&(header.len() as u64).to_le_bytes(), header, &[0; 4]].concat(), "damaged safetensors");
    }
}
