//! From a checkpoint and a picture to boxes, against the reference's detections.
#![cfg(feature = "decode")]

mod support;

use ghostdet::Detector;
use ghostdet::detection::NmsOptions;
use ghostdet::detector::{DetectorOptions, PredictOptions};
use ghostdet::engine::cpu::Precision;
use ghostdet::image::Image;
use support::{part, reference};

fn with(precision: Precision) -> DetectorOptions {
    DetectorOptions { precision: Some(precision), ..DetectorOptions::default() }
}

fn iou(a: [f64; 4], b: [f64; 4]) -> f64 {
    let area = |r: [f64; 4]| (r[2] - r[0]).max(0.0) * (r[3] - r[1]).max(0.0);
    let inner = area([a[0].max(b[0]), a[1].max(b[1]), a[2].min(b[2]), a[3].min(b[3])]);
    inner / (area(a) + area(b) - inner)
}

#[test]
fn an_official_checkpoint_finds_what_the_reference_finds() {
    finds_what_the_reference_finds(Precision::Float, 0.05, 1e-3);
}

#[test]
fn int16_find_it_too() {
    finds_what_the_reference_finds(Precision::Int16, 0.3, 2e-3);
}

/// How far off boxes (in pixels) and scores may be where decoders of pictures agree.
fn finds_what_the_reference_finds(precision: Precision, pixels_off: f64, score_off: f64) {
    let Some(folder) = reference() else { return };
    let folder = folder.join("checkpoints");
    let expected: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("expected_detections.json")).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join("yolov5n_coco_official.pt")).unwrap();
    let detector = Detector::load(&bytes, &with(precision)).unwrap();
    assert_eq!((detector.info().architecture.as_str(), detector.info().nc), ("yolov5n", 80));
    assert_eq!(detector.info().parameters, 1_867_405);
    let mut worst = (0.0_f64, 0.0_f64);
    for case in expected["cases"].as_array().unwrap() {
        let name = case["picture"].as_str().unwrap();
        let image = Image::decode(&std::fs::read(folder.join("pictures").join(name)).unwrap()).unwrap();
        let side = case["imgsz"].as_u64().unwrap() as usize;
        let (imgsz, auto) = (Some([side; 2]), case["auto"].as_bool().unwrap());
        let options = PredictOptions { imgsz, auto, threshold: 0.001, ..PredictOptions::default() };
        let predicted = detector.predict(&image, &options).unwrap();
        let wanted = &case["detect"];
        let found = predicted.boxes(&NmsOptions { max_det: 1000, ..NmsOptions::default() });
        assert_eq!(found.len() as u64, wanted["n"].as_u64().unwrap(), "{name} at {side}");
        // Decoders of JPEG differ a little (at 320 a pixel of the input is two of the picture); PNG must agree closely.
        let (pixels, score) = if name.ends_with("png") { (pixels_off, score_off) } else { (3.0, 0.02) };
        for (index, bounds) in wanted["boxes_xyxy_picture"].as_array().unwrap().iter().enumerate() {
            let bounds: Vec<f64> = bounds.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let bounds = [bounds[0], bounds[1], bounds[2], bounds[3]];
            let class = wanted["classes"][index].as_u64().unwrap() as usize;
            let best = found
                .iter()
                .filter(|d| d.class == class)
                .max_by(|a, b| iou(a.bounds.map(f64::from), bounds).total_cmp(&iou(b.bounds.map(f64::from), bounds)))
                .unwrap_or_else(|| panic!("{name} at {side}: class {class} is missing"));
            let off = best.bounds.iter().zip(bounds).map(|(g, w)| (f64::from(*g) - w).abs()).fold(0.0, f64::max);
            let less = (f64::from(best.score) - wanted["scores"][index].as_f64().unwrap()).abs();
            assert!(off <= pixels && less <= score, "{name} at {side}: off by {off} px, {less} in score");
            if name.ends_with("png") {
                worst = (worst.0.max(off), worst.1.max(less));
            }
        }
    }
    println!("PNG pictures: largest deviation {} px, {} in score", worst.0, worst.1);
}

#[test]
fn shipped_weights_see_the_astronaut() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let weights = std::fs::read(root.join("weights/yolov5n-ghost-backbone.safetensors")).unwrap();
    let detector = Detector::load(&weights, &DetectorOptions::default()).unwrap();
    assert_eq!(detector.info().architecture, "yolov5n-ghost-backbone");
    let image = Image::decode(&std::fs::read(root.join("www/samples/astronaut.jpg")).unwrap()).unwrap();
    let predicted = detector.predict(&image, &PredictOptions::default()).unwrap();
    let strict = predicted.boxes(&NmsOptions::default());
    assert!(strict.iter().any(|d| detector.names()[d.class] == "person" && d.score > 0.5), "{strict:?}");
    let loose = predicted.boxes(&NmsOptions { conf: 0.02, ..NmsOptions::default() });
    assert!(loose.len() > strict.len(), "a lower threshold shows more without another run");
    assert!(predicted.boxes(&NmsOptions { classes: Some(vec![16]), ..NmsOptions::default() }).is_empty());
}

#[test]
fn int16_are_close_to_floats_on_photographs() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let weights = std::fs::read(root.join("weights/yolov5n-ghost-backbone.safetensors")).unwrap();
    let [int16, float] =
        [Precision::Int16, Precision::Float].map(|precision| Detector::load(&weights, &with(precision)).unwrap());
    for name in ["astronaut", "coffee"] {
        let image = Image::decode(&std::fs::read(root.join(format!("tests/samples/{name}.jpg"))).unwrap()).unwrap();
        let prepared = float.prepare(&image, Some([320, 320]), true).unwrap();
        let maps = |detector: &Detector| detector.engine().forward(&prepared.image.rgb, prepared.size()).unwrap();
        for (found, expected) in maps(&int16).iter().zip(maps(&float)) {
            let off = part(&found.data, &expected.data);
            println!("{name}: {off:e} of the largest value");
            assert!(off > 0.0 && off < 3e-3, "{name}: {off:e} of the largest value");
        }
    }
}

#[test]
fn weights_of_another_network_are_refused() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let weights = std::fs::read(root.join("weights/yolov5n-ghost-backbone.safetensors")).unwrap();
    let options = DetectorOptions { config: ghostdet::model::builtin("yolov5s"), ..DetectorOptions::default() };
    let error = Detector::load(&weights, &options).err().expect("an error");
    assert_eq!(error.kind(), ghostdet::ErrorKind::Weights);
    assert!(error.to_string().contains("model.0.conv"), "{error}");
}
