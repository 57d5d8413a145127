//! Checkpoints as people have them: prefixes, extra tensors, foreign metadata, wrappers, other networks.

#[path = "support/pickle.rs"]
#[allow(dead_code)]
mod pickle;

use std::collections::BTreeMap;
use std::path::Path;

use ghostdet::Detector;
use ghostdet::detector::DetectorOptions;
use ghostdet::model::builtin;
use ghostdet::weights::{Checkpoint, Tensor};
use pickle::{checkpoint, dict, floats, legacy, list, object, state_dict, tensor, text, zip};
use serde_json::{Map, Value, json};

/// The network that ships, 80 classes.
fn shipped() -> BTreeMap<String, Tensor> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let bytes = std::fs::read(folder.join("yolov5n-ghost-backbone.safetensors")).unwrap();
    Checkpoint::load(&bytes).unwrap().tensors
}

/// A safetensors file with these metadata, as JSON wants them or not.
fn file(tensors: &BTreeMap<String, Tensor>, metadata: Value) -> Vec<u8> {
    let (mut header, mut data) = (Map::new(), Vec::new());
    header.insert("__metadata__".into(), metadata);
    for (key, tensor) in tensors {
        let start = data.len();
        data.extend(floats(&tensor.data));
        let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [start, data.len()]});
        header.insert(key.clone(), entry);
    }
    let header = Value::Object(header).to_string().into_bytes();
    [&(header.len() as u64).to_le_bytes(), header.as_slice(), &data].concat()
}

fn renamed(tensors: &BTreeMap<String, Tensor>, name: impl Fn(&str) -> String) -> BTreeMap<String, Tensor> {
    tensors.iter().map(|(key, tensor)| (name(key), tensor.clone())).collect()
}

fn scalar(value: f32) -> Tensor {
    Tensor { shape: vec![1], data: vec![value] }
}

fn refused(bytes: &[u8]) -> String {
    let error =
        Checkpoint::load(bytes).and_then(|found| Detector::from_checkpoint(found, &DetectorOptions::default())).err();
    error.expect("should be refused").to_string()
}

fn says(text: &str, words: &[&str]) {
    words.iter().for_each(|word| assert!(text.contains(word), "{word:?} in {text:?}"));
}

#[test]
fn prefixes_that_all_keys_share_are_taken_off() {
    let own = shipped();
    let fronts = [
        "module.",
        "_orig_mod.",
        "module._orig_mod.",
        "net.",
        "ema.module.",
        "student.detector.",
        "model.model.",
        "0.",
    ];
    for front in fronts {
        let found = Checkpoint::load(&file(&renamed(&own, |key| format!("{front}{key}")), json!({}))).unwrap();
        assert!(found.tensors == own, "{front}");
        assert!(found.notes.is_empty(), "{front}: {:?}", found.notes);
    }
    // Without `model`, and with a part that torch.compile puts into the middle.
    let bare = |key: &str| key.strip_prefix("model.").unwrap().to_owned();
    assert!(Checkpoint::load(&file(&renamed(&own, bare), json!({}))).unwrap().tensors == own);
    let inner = |key: &str| key.replacen(".conv.", "._orig_mod.conv.", 1);
    assert!(Checkpoint::load(&file(&renamed(&own, inner), json!({}))).unwrap().tensors == own);
}

#[test]
fn extra_tensors_are_left_aside_with_a_note() {
    let own = shipped();
    let mut all = own.clone();
    // What profilers, losses and averages leave behind; one of them is not a number.
    for key in
        ["total_ops", "model.0.total_ops", "model.0.conv.total_params", "model.24.stride_buffer", "loss.pos_weight"]
    {
        all.insert(key.into(), scalar(f32::NAN));
    }
    all.extend(renamed(&own, |key| format!("ema.{key}")));
    all.insert("model.24.aux.0.weight".into(), scalar(1.0));
    let mut found = Checkpoint::load(&file(&all, json!({}))).unwrap();
    let graph = builtin("yolov5n-ghost-backbone").unwrap().graph(None).unwrap();
    found.keep_owned(&graph).unwrap();
    assert!(found.tensors == own);
    let notes = found.notes.join("\n");
    says(&notes, &["left aside", "ema.model.0", "total_ops", "model.24.aux.0.weight"]);

    let detector = Detector::load(&file(&all, json!({})), &DetectorOptions::default()).unwrap();
    assert_eq!(detector.info().architecture, "yolov5n-ghost-backbone");
    assert!(!detector.notes().is_empty());

    // Weights that another architecture has are no extras.
    let mut deeper = own.clone();
    deeper.insert("model.2.m.9.conv.0.cv1.conv.weight".into(), scalar(1.0));
    says(
        &refused(&file(&deeper, json!({"yaml": builtin("yolov5n-ghost-backbone").unwrap().to_yaml()}))),
        &["no place for"],
    );
}

#[test]
fn foreign_metadata_never_refuse_good_tensors() {
    let own = shipped();
    let load = |metadata: Value| Checkpoint::load(&file(&own, metadata)).unwrap();
    let eighty: Vec<String> = (0..80).map(|i| format!("thing {i}")).collect();
    let python = format!("{{{}}}", (0..80).map(|i| format!("{i}: 'it\\'s {i}'")).collect::<Vec<_>>().join(", "));
    assert_eq!(load(json!({"names": json!(eighty).to_string(), "imgsz": "[320, 320]"})).names, eighty);
    let found = load(json!({"names": python, "imgsz": "640x480"}));
    assert_eq!((found.names[7].as_str(), found.imgsz), ("it's 7", Some(640)));
    assert_eq!(load(json!({"names": eighty.join(",")})).names, eighty);
    let odd = [
        ("names", json!("cat,dog")),
        ("names", json!("just a remark")),
        ("card", json!("trained on a laptop")),
        ("imgsz", json!("large")),
        ("yaml", json!("yolov5s.yaml")),
    ];
    for (key, value) in odd {
        let found = load(json!({key: value}));
        assert!(found.tensors == own && found.names.is_empty() && found.inferred.is_some(), "{key}");
        assert!(found.notes.iter().any(|note| note.contains("passed over")), "{key}: {:?}", found.notes);
    }
    let anchors = load(json!({"anchors": "default", "strides": "8,16,32"}));
    assert!(anchors.tensors == own);
    // Metadata that are not text, against the format.
    let found = load(json!({"epoch": 3, "names": eighty, "nested": {"a": [1]}, "nothing": null}));
    assert!(found.tensors == own && found.names == eighty);
}

#[test]
fn parts_of_networks_are_named() {
    let backbone: BTreeMap<_, _> = shipped()
        .into_iter()
        .filter(|(key, _)| key.split('.').nth(1).and_then(|row| row.parse::<usize>().ok()).is_some_and(|row| row < 10))
        .collect();
    says(&refused(&file(&backbone, json!({}))), &["rows 10 to 24", "not a whole detector"]);
    let yaml = builtin("yolov5n-ghost-backbone").unwrap().to_yaml();
    says(&refused(&file(&backbone, json!({ "yaml": yaml }))), &["rows 10 to 24", "not a whole detector"]);
    let mut one = shipped();
    one.remove("model.13.cv1.conv.weight");
    says(&refused(&file(&one, json!({}))), &["no tensor model.13.cv1.conv.weight"]);
}

#[test]
fn other_networks_are_named() {
    let named = |keys: &[&str], words: &[&str]| {
        let tensors = keys.iter().map(|key| ((*key).to_owned(), scalar(1.0))).collect();
        says(&refused(&file(&tensors, json!({}))), words);
    };
    named(
        &["model.0.conv.weight", "model.22.dfl.conv.weight", "model.22.cv2.0.0.conv.weight"],
        &["YOLOv8", "YOLOv5's"],
    );
    named(&["model.0.conv.weight", "model.10.m.0.attn.qkv.conv.weight", "model.23.dfl.conv.weight"], &["YOLO11"]);
    named(&["model.23.one2one_cv2.0.0.conv.weight", "model.23.dfl.conv.weight"], &["YOLOv10"]);
    named(&["model.0.conv.weight", "model.24.proto.cv1.conv.weight", "model.24.m.0.weight"], &["segmentation"]);
    named(&["model.0.conv.weight", "model.9.conv.conv.weight", "model.9.linear.weight"], &["classification"]);
    named(&["model.0.conv.weight", "model.105.ia.0.implicit", "model.105.m.0.weight"], &["YOLOv7"]);
    named(&["conv1.weight", "layer1.0.conv1.weight", "fc.weight"], &["ResNet"]);
    named(&["features.0.weight", "classifier.0.weight"], &["torchvision"]);
    named(&["model.layers.0.self_attn.q_proj.weight", "lm_head.weight"], &["language model"]);
    named(
        &["backbone.body.conv1.weight", "rpn.head.conv.0.0.weight", "roi_heads.box_head.fc6.weight"],
        &["Faster R-CNN"],
    );
    named(&["backbone.backbone.dark2.0.conv.weight"], &["YOLOX"]);
    named(&["blocks.0.attn.qkv.weight", "cls_token"], &["Vision Transformer"]);
    named(&["something.else"], &["something.else", "model.0.conv.weight"]);
}

/// A model's only row, with a convolution; `more` are attributes of it.
fn model(class: &str, head: &str, more: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let weight =
        object("torch.nn.modules.conv.Conv2d", &[("_parameters", dict(&[("weight", tensor(0, &[2, 2], &[2, 1]))]))]);
    let attributes = [&[("_modules", dict(&[("conv", weight)]))], more].concat();
    let rows = dict(&[("0", object(head, &attributes))]);
    let rows = object("torch.nn.modules.container.Sequential", &[("_modules", rows)]);
    object(class, &[("_modules", dict(&[("model", rows)])), ("names", dict(&[]))])
}

fn saved(root: Vec<u8>) -> Vec<u8> {
    checkpoint(&[b"\x80\x02".to_vec(), root, b".".to_vec()].concat(), &floats(&[1.0, 2.0, 3.0, 4.0]))
}

#[test]
fn wrappers_are_seen_through() {
    let plain = || model("models.yolo.DetectionModel", "models.yolo.Detect", &[]);
    let inside = |class: &str, name: &str| object(class, &[("_modules", dict(&[(name, plain())]))]);
    let wrapped = [
        plain(),
        inside("torch.nn.parallel.data_parallel.DataParallel", "module"),
        inside("torch.nn.parallel.distributed.DistributedDataParallel", "module"),
        inside("torch._dynamo.eval_frame.OptimizedModule", "_orig_mod"),
        inside("models.common.AutoShape", "model"),
        inside("models.common.DetectMultiBackend", "model"),
        inside("models.experimental.Ensemble", "0"),
        object("utils.torch_utils.ModelEMA", &[("ema", plain())]),
    ];
    for root in wrapped {
        let found = Checkpoint::load(&saved(root.clone())).unwrap();
        assert_eq!(found.tensors.keys().collect::<Vec<_>>(), ["model.0.conv.weight"]);
        let found = Checkpoint::load(&saved(dict(&[("ema", b"N".to_vec()), ("model", root)]))).unwrap();
        assert_eq!(found.tensors["model.0.conv.weight"].data, [1.0, 2.0, 3.0, 4.0]);
    }
    // State dicts under other names, also in a dictionary inside.
    let dictionary = || dict(&[("model.0.conv.weight", tensor(0, &[2, 2], &[2, 1]))]);
    for root in [
        dict(&[("model_state_dict", dictionary()), ("epoch", b"K\x01".to_vec())]),
        dict(&[("model", dict(&[("state_dict", dictionary())]))]),
        dict(&[("weights_of_mine", dictionary())]),
    ] {
        assert_eq!(Checkpoint::load(&saved(root)).unwrap().tensors.len(), 1);
    }
}

#[test]
fn fused_models_saved_whole_load() {
    // `forward` is the bound method `forward_fuse`: getattr(conv, 'forward_fuse').
    let bound =
        [b"c__builtin__\ngetattr\n(".to_vec(), object("models.common.Conv", &[]), text("forward_fuse"), b"tR".to_vec()];
    let fused = model("models.yolo.DetectionModel", "models.yolo.Detect", &[("forward", bound.concat())]);
    assert_eq!(Checkpoint::load(&saved(fused)).unwrap().tensors.len(), 1);
    // Of anything but an object, and called, it is refused.
    let of_text = [b"c__builtin__\ngetattr\n(".to_vec(), text("os"), text("system"), b"tR".to_vec()].concat();
    says(&refused(&saved(of_text)), &["builtins.getattr"]);
    let called = [bound.concat(), b"(".to_vec(), text("echo"), b"tR".to_vec()].concat();
    says(&refused(&saved(called)), &["called"]);
}

#[test]
fn whole_models_of_other_kinds_are_named() {
    let named = |class: &str, head: &str, words: &[&str]| says(&refused(&saved(model(class, head, &[]))), words);
    named("models.yolo.SegmentationModel", "models.yolo.Segment", &["segmentation", "models.yolo.SegmentationModel"]);
    named("models.yolo.ClassificationModel", "models.common.Classify", &["classification", "ClassificationModel"]);
    named("models.yolo.Model", "models.yolo.IDetect", &["YOLOv7", "IDetect"]);
    named("models.yolo.DetectionModel", "models.yolo.DualDDetect", &["YOLOv9"]);
    named("ultralytics.nn.tasks.SegmentationModel", "models.yolo.Detect", &["later YOLO", "YOLOv8 to YOLO11"]);
    named("torchvision.models.resnet.ResNet", "models.yolo.Detect", &["torchvision"]);
    named("__main__.Net", "models.yolo.Detect", &["__main__.Net", "state_dict"]);
    says(&refused(&zip(&[("x.npy", b"", None, 0)])), &["NumPy"]);
    says(&refused(b"\x89HDF\r\n\x1a\n"), &["HDF5"]);
    // Integers only.
    let mut bytes = state_dict("model.0.conv.weight", 4, 0, &[4], &[1]);
    let at = bytes.windows(12).position(|w| w == b"FloatStorage").unwrap();
    bytes.splice(at..at + 12, *b"CharStorage");
    says(&refused(&checkpoint(&bytes, &[1, 2, 3, 4])), &["integers", "quantised"]);
}

#[test]
fn checkpoints_of_pytorch_before_1_6_load() {
    let four = floats(&[1.0, 2.0, 3.0, 4.0]);
    let dictionary = || state_dict("model.0.conv.weight", 4, 0, &[2, 2], &[2, 1]);
    let load = |bytes: &[u8]| Checkpoint::load(bytes);
    let found = load(&legacy(&dictionary(), &[("0", 4, &four)])).unwrap();
    assert_eq!(found.tensors["model.0.conv.weight"].data, [1.0, 2.0, 3.0, 4.0]);
    assert!(found.format.contains("before 1.6"), "{}", found.format);

    // A whole model. Its classes come with their source, which is neither run nor kept; its storages with a view, `None`.
    let whole = model("models.yolo.Model", "models.yolo.Detect", &[]);
    let at = whole.windows(24).position(|w| w == b"ctorch.nn.modules.conv\nC".as_slice()).unwrap();
    let class = b"ctorch.nn.modules.conv\nConv2d\n".to_vec();
    let sourced =
        [b"(".to_vec(), text("module"), class.clone(), text("conv.py"), text("import os; os.abort()"), b"tQ".to_vec()];
    let whole = [&whole[..at], &sourced.concat(), &whole[at + class.len()..]].concat();
    let whole = [b"\x80\x02".to_vec(), dict(&[("model", whole)]), b".".to_vec()].concat();
    let file = legacy(&whole, &[("0", 4, &four)]);
    assert_eq!(load(&file).unwrap().tensors.len(), 1);
    for length in 0..file.len() {
        assert!(load(&file[..length]).is_err(), "cut to {length}");
    }

    let cut = |storages: &[(&str, i64, &[u8])]| refused(&legacy(&dictionary(), storages));
    says(&cut(&[("0", 4, &four[..15])]), &["ends in storage 1 of 1", "again"]);
    says(&cut(&[("0", -1, &four)]), &["ends in storage 1 of 1"]);
    says(&cut(&[("0", 1 << 61, &four)]), &["ends in storage 1 of 1"]);
    says(&cut(&[("0", 2, &four)]), &["storage 0 has 8 bytes, 4 elements"]);
    says(&cut(&[("7", 4, &four)]), &["a storage that no tensor has"]);
    says(&cut(&[]), &["model.0.conv.weight", "storage 0 is missing"]);
    // The allow-list counts in every pickle of the file.
    let code = || [b"cos\nsystem\n(".to_vec(), text("echo"), b"tR".to_vec()].concat();
    let pickled = |value: Vec<u8>| [b"\x80\x02".to_vec(), value, b".".to_vec()].concat();
    says(&refused(&legacy(&pickled(dict(&[("model", code())])), &[])), &["os.system", "nothing of it was run"]);
    let head = legacy(&dictionary(), &[]);
    let keys = head.len() - pickled(list(&[])).len();
    says(&refused(&[&head[..keys], &pickled(code())].concat()), &["list of storages", "os.system"]);
    let big = head.windows(14).position(|w| w == b"little_endian\x88").unwrap() + 13;
    let mut file = head.clone();
    file[big] = 0x89;
    says(&refused(&file), &["big-endian"]);
    let mut file = head;
    file[18] = 0xe8;
    says(&refused(&file), &["protocol", "not known"]);
}
