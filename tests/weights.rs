//! Checkpoints through the public interface: golden files, our format, and the YAML they carry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ghostdet::weights::manifest::Manifest;
use ghostdet::weights::{Checkpoint, Part, Tensor, infer_config};

fn shared(path: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("GHOSTDET_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let root = if root.exists() { root } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared") };
    let found = std::fs::read(root.join(path)).ok();
    if found.is_none() {
        eprintln!("skipped: {path} of the shared reference files isn't there");
    }
    found
}

/// Tensors below `prefix` of a golden file, rounded to fp16.
fn golden(path: &str, prefix: &str) -> Option<BTreeMap<String, Tensor>> {
    let bytes = shared(path)?;
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut all = BTreeMap::new();
    for (key, view) in file.iter() {
        let Some(key) = key.strip_prefix(prefix).filter(|key| !key.ends_with("num_batches_tracked")) else { continue };
        let data = match view.dtype() {
            safetensors::Dtype::F16 => {
                let halves = view.data().chunks_exact(2);
                halves.map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()
            }
            safetensors::Dtype::F32 => {
                let floats = view.data().chunks_exact(4);
                floats.map(|b| half::f16::from_f32(f32::from_le_bytes([b[0], b[1], b[2], b[3]])).to_f32()).collect()
            }
            other => panic!("{key}: {other:?}"),
        };
        all.insert(key.to_owned(), Tensor { shape: view.shape().to_vec(), data });
    }
    assert!(!all.is_empty());
    Some(all)
}

fn assert_same(found: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (key, tensor) in expected {
        assert_eq!(&found[key], tensor, "{key}");
    }
}

const TINY: &str = "reference/checkpoints/tiny-ghost-backbone_w0.0625_nc2_last_unstripped.pt";
const NC3: &str = "reference/checkpoints/yolov5n-ghost-backbone_nc3_half.pt";
const OFFICIAL: &str = "reference/checkpoints/yolov5n_coco_official.pt";

#[test]
fn unstripped_checkpoint_gives_the_moving_average_or_the_model() {
    let Some(bytes) = shared(TINY) else { return };
    let ema = Checkpoint::load(&bytes).unwrap();
    let step = "reference/golden/train_step.safetensors";
    assert_same(&ema.tensors, &golden(step, "ema/").unwrap());
    let model = Checkpoint::load_part(&bytes, Part::Model).unwrap();
    assert_same(&model.tensors, &golden(step, "after1/").unwrap());
    assert_eq!(ema.format, "PyTorch .pt (ema, float16)");
    assert_eq!(ema.names, ["cat", "dog"]);
    assert_eq!(ema.imgsz, Some(64));
    assert!(!ema.folded);
    let inferred = infer_config(&ema.tensors).unwrap();
    assert_eq!((inferred.architecture, inferred.width, inferred.nc), ("yolov5-ghost-backbone", 0.0625, 2));
}

#[test]
fn stripped_half_checkpoint_equals_the_golden_network() {
    let Some(bytes) = shared(NC3) else { return };
    let found = Checkpoint::load(&bytes).unwrap();
    let net = "reference/golden/net_yolov5-ghost-backbone-n-nc3.safetensors";
    assert_same(&found.tensors, &golden(net, "weights/").unwrap());
    assert_eq!(found.names, ["alpha", "beta", "gamma"]);
    let yaml = found.yaml.unwrap();
    assert!(yaml.starts_with("nc: 3\ndepth_multiple: 0.33\nwidth_multiple: 0.25\nanchors: [[10, 13, "), "{yaml}");
    assert!(yaml.contains("  - [-1, 3, C3Ghost, [128]]\n"), "{yaml}");
    assert!(yaml.contains("  - [-1, 1, nn.Upsample, [None, 2, 'nearest']]\n"), "{yaml}");
    assert!(yaml.ends_with("  - [[17, 20, 23], 1, Detect, [nc, anchors]]\n"), "{yaml}");
}

#[test]
fn official_checkpoint_loads_and_folds() {
    let Some(bytes) = shared(OFFICIAL) else { return };
    let mut found = Checkpoint::load(&bytes).unwrap();
    assert_eq!(found.names.len(), 80);
    assert_eq!(found.names[79], "toothbrush");
    assert_eq!(found.tensors["model.24.m.0.weight"].shape, [255, 64, 1, 1]);
    assert_eq!(found.tensors["model.24.anchors"].data[..2], [1.25, 1.625]);
    let yaml = found.yaml.clone().unwrap();
    assert!(yaml.starts_with("nc: 80\n") && !yaml.contains("activation"), "{yaml}");
    found.fold().unwrap();
    assert!(found.folded && !found.tensors.keys().any(|key| key.contains(".bn.")));
    let inferred = infer_config(&found.tensors).unwrap();
    assert_eq!((inferred.architecture, inferred.depth, inferred.width, inferred.nc), ("yolov5", 0.33, 0.25, 80));
}

#[test]
fn folding_gives_the_weights_the_reference_fuses_to() {
    let Some(bytes) = shared("reference/golden/modules.safetensors") else { return };
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let read = |key: &str| {
        let view = file.tensor(key).unwrap();
        let data = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Tensor { shape: view.shape().to_vec(), data }
    };
    let cases: Vec<String> =
        file.names().iter().filter_map(|k| Some(k.split_once("/fused/weights/")?.0.to_owned())).collect();
    assert!(!cases.is_empty());
    let mut compared = 0;
    for case in cases.into_iter().collect::<std::collections::BTreeSet<_>>() {
        let below = |prefix: &str| -> BTreeMap<String, Tensor> {
            let keys = file.names();
            let keys = keys.iter().filter_map(|k| Some((k.strip_prefix(prefix)?, *k)));
            let keys = keys.filter(|(k, _)| !k.ends_with("num_batches_tracked"));
            keys.map(|(k, full)| (format!("model.0.x.{k}"), read(full))).collect()
        };
        let mut checkpoint = Checkpoint { tensors: below(&format!("{case}/weights/")), ..Checkpoint::default() };
        checkpoint.fold().unwrap();
        let expected = below(&format!("{case}/fused/weights/"));
        let names = |tensors: &BTreeMap<String, Tensor>| tensors.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&checkpoint.tensors), names(&expected), "{case}");
        for (key, tensor) in expected {
            for (a, b) in checkpoint.tensors[&key].data.iter().zip(&tensor.data) {
                assert!((a - b).abs() <= 1e-5 + 1e-5 * b.abs(), "{case} {key}: {a} {b}");
                compared += 1;
            }
        }
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn configurations_are_told_from_names_and_shapes() {
    let Some(bytes) = shared("reference/state_dict_keys.json") else { return };
    let nets: BTreeMap<String, BTreeMap<String, Vec<usize>>> = serde_json::from_slice(&bytes).unwrap();
    let sizes = BTreeMap::from([("n", (0.33, 0.25)), ("s", (0.33, 0.5)), ("m", (0.67, 0.75)), ("l", (1.0, 1.0))]);
    for (net, keys) in nets {
        let tensor = |shape: Vec<usize>| Tensor { shape, data: Vec::new() };
        let tensors = keys.into_iter().map(|(key, shape)| (key, tensor(shape))).collect();
        let found = infer_config(&tensors).unwrap();
        let (architecture, size) = net.rsplit_once('-').unwrap();
        let (depth, width) = sizes.get(size).copied().unwrap_or((1.33, 1.25));
        assert_eq!((found.architecture, found.depth, found.width, found.nc), (architecture, depth, width, 80));
    }
}

#[test]
fn trained_safetensors_without_a_configuration_are_recognised() {
    for (file, folded) in [("", true), ("-raw", false)] {
        let Some(bytes) = shared(&format!("weights/yolov5n-ghost-backbone{file}.safetensors")) else { return };
        let found = Checkpoint::load(&bytes).unwrap();
        assert_eq!(found.folded, folded);
        assert_eq!(found.names.len(), 80);
        let inferred = found.inferred.unwrap();
        assert_eq!((inferred.architecture, inferred.nc), ("yolov5-ghost-backbone", 80));
        assert_eq!(found.tensors["model.24.anchors"].shape, [3, 3, 2]);
        assert_eq!(found.tensors["model.24.anchors"].data[..2], [1.25, 1.625]);
    }
}

#[test]
fn shipped_weights_fit_the_manifest_and_survive_writing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let manifest = Manifest::parse(&std::fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest.find("yolov5n-ghost-backbone").unwrap(), &manifest.weights[0], "the default comes first");
    for entry in &manifest.weights {
        let bytes = std::fs::read(folder.join(&entry.file)).unwrap();
        entry.check(&bytes).unwrap();
        assert!(entry.check(&bytes[1..]).unwrap_err().to_string().contains("SHA-256"));
        assert!(folder.join(&entry.card).exists());
        let found = Checkpoint::load(&bytes).unwrap();
        assert!(found.folded);
        assert_eq!((found.imgsz, &found.names), (Some(entry.imgsz), &entry.names));
        assert!(found.yaml.as_ref().unwrap().contains("C3Ghost") && found.inferred.is_none() && found.card.is_some());
        let again = found.to_safetensors(true).unwrap();
        assert!(again == bytes, "{} is not as `ghostdet convert --half` writes it", entry.file);
        let full = Checkpoint::load(&found.to_safetensors(false).unwrap()).unwrap();
        assert_eq!(full, Checkpoint { format: "safetensors (float32)".into(), ..found });
    }
}
