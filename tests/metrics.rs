//! Metrics against the reference's and pycocotools's numbers, and the data sets that feed them.

use std::fs;
use std::path::{Path, PathBuf};

use ghostdet::data::{Bounds, Dataset, Split};
use ghostdet::detection::Detection;
use ghostdet::detection::metrics::{Evaluator, GroundTruth, Metric, average_precision, correct, found_labels};
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("golden/map.json")).unwrap()
}

fn floats(v: &Value) -> Vec<f64> {
    v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn labels(image: &Value) -> Vec<GroundTruth> {
    let rows = image["labels"].as_array().unwrap();
    rows.iter().map(floats).map(|l| GroundTruth::new(l[0] as usize, [l[1], l[2], l[3], l[4]])).collect()
}

fn detections(image: &Value) -> Vec<Detection> {
    let rows = image["detections"].as_array().unwrap();
    rows.iter()
        .map(floats)
        .map(|d| Detection {
            bounds: [d[0] as f32, d[1] as f32, d[2] as f32, d[3] as f32],
            score: d[4] as f32,
            class: d[5] as usize,
        })
        .collect()
}

fn evaluate(case: &Value, metric: Metric) -> ghostdet::detection::metrics::Report {
    let mut evaluator = Evaluator::new(case["nc"].as_u64().unwrap() as usize, metric);
    for image in case["images"].as_array().unwrap() {
        evaluator.add(&labels(image), &detections(image));
    }
    evaluator.finish()
}

#[track_caller]
fn near(what: &str, got: f64, want: f64) {
    assert!((got - want).abs() < 1e-9, "{what}: {got} instead of {want}");
}

#[test]
fn matching_is_the_references() {
    for case in golden()["cases"].as_array().unwrap() {
        for (image, want) in
            case["images"].as_array().unwrap().iter().zip(case["yolov5"]["correct"].as_array().unwrap())
        {
            let want: Vec<Vec<bool>> =
                want.as_array().unwrap().iter().map(|row| floats(row).iter().map(|v| *v != 0.0).collect()).collect();
            let got: Vec<Vec<bool>> = correct(&labels(image), &detections(image)).iter().map(|r| r.to_vec()).collect();
            assert_eq!(got, want, "{}", case["name"]);
        }
    }
}

#[test]
fn yolo_metric_is_the_references() {
    for case in golden()["cases"].as_array().unwrap() {
        let (name, want) = (case["name"].as_str().unwrap(), &case["yolov5"]);
        let got = evaluate(case, Metric::Yolo);
        if let Some(classes) = want["ap_class"].as_array().filter(|c| !c.is_empty()) {
            assert_eq!(got.classes.len(), classes.len(), "{name}");
            for (i, class) in got.classes.iter().enumerate() {
                assert_eq!(class.class as u64, classes[i].as_u64().unwrap(), "{name}");
                let at = |key: &str| want[key][i].as_f64().unwrap();
                near(&format!("{name} p {i}"), class.precision, at("p"));
                near(&format!("{name} r {i}"), class.recall, at("r"));
                near(&format!("{name} f1 {i}"), class.f1, at("f1"));
                near(&format!("{name} ap50 {i}"), class.map50, at("ap50"));
                near(&format!("{name} ap {i}"), class.map, at("ap50_95"));
            }
        }
        let at = |key: &str| want[key].as_f64().unwrap_or(0.0);
        near(&format!("{name} mp"), got.precision, at("mp"));
        near(&format!("{name} mr"), got.recall, at("mr"));
        near(&format!("{name} map50"), got.map50, at("map50"));
        near(&format!("{name} map"), got.map, at("map50_95"));
        near(&format!("{name} fitness"), got.fitness(), at("fitness"));
        if let Some(rows) = want["confusion_matrix"].as_array() {
            let want: Vec<Vec<u64>> = rows.iter().map(|r| floats(r).iter().map(|v| *v as u64).collect()).collect();
            let got: Vec<Vec<u64>> = got.confusion.rows().collect();
            assert_eq!(got, want, "{name}");
        }
    }
}

#[test]
fn coco_metric_is_pycocotools() {
    for case in golden()["cases"].as_array().unwrap() {
        let (name, want) = (case["name"].as_str().unwrap(), &case["pycocotools"]);
        let got = evaluate(case, Metric::Coco);
        if want.is_null() {
            near(name, got.map, 0.0);
            continue;
        }
        for (i, (got, want)) in got.stats.unwrap().into_iter().zip(floats(&want["stats12"])).enumerate() {
            near(&format!("{name} stat {i}"), got, want);
        }
        for class in &got.classes {
            let row = floats(&want["per_class_ap50_ap"][class.class]);
            near(name, class.map50, row[0]);
            near(name, class.map, row[1]);
        }
    }
}

#[test]
fn average_precision_alone() {
    for case in golden()["compute_ap"].as_array().unwrap() {
        let right: Vec<bool> = floats(&case["tp"]).iter().map(|v| *v != 0.0).collect();
        let got = average_precision(&right, case["n_labels"].as_u64().unwrap() as usize);
        near("compute_ap", got, case["ap"].as_f64().unwrap());
    }
}

#[test]
fn the_area_under_a_curve_is_the_average_precision() {
    for case in golden()["cases"].as_array().unwrap() {
        let mut evaluator = Evaluator::new(case["nc"].as_u64().unwrap() as usize, Metric::Yolo);
        for image in case["images"].as_array().unwrap() {
            evaluator.add(&labels(image), &detections(image));
        }
        let curves = evaluator.curves();
        let report = evaluator.finish();
        assert_eq!(curves.len(), report.classes.len());
        for (curve, class) in curves.iter().zip(&report.classes) {
            assert_eq!(curve.class, class.class);
            assert!(curve.precision.is_sorted_by(|a, b| a >= b));
            let area: f64 = curve.precision.windows(2).map(|p| (p[0] + p[1]) / 200.0).sum();
            near(&format!("{} class {}", case["name"], class.class), area, class.map50);
        }
    }
}

#[test]
fn crowds_are_neither_right_nor_wrong() {
    let crowd = GroundTruth { crowd: true, ..GroundTruth::new(0, [0.0, 0.0, 100.0, 100.0]) };
    let single = GroundTruth::new(0, [200.0, 0.0, 240.0, 40.0]);
    let found = |bounds, score| Detection { bounds, score, class: 0 };
    let mut evaluator = Evaluator::new(1, Metric::Coco);
    let inside = [found([5.0, 5.0, 30.0, 30.0], 0.9), found([40.0, 40.0, 70.0, 70.0], 0.8)];
    evaluator.add(&[crowd, single], &[inside[0], inside[1], found([200.0, 0.0, 240.0, 40.0], 0.7)]);
    let report = evaluator.finish();
    assert_eq!(report.labels, 1);
    near("map", report.map, 1.0);
}

#[test]
fn report_as_json() {
    let mut evaluator = Evaluator::new(2, Metric::Yolo).with_names(&["cat".into(), "dog".into()]);
    let bounds = [0.0, 0.0, 10.0, 10.0];
    let nan = Detection { bounds: [f32::NAN; 4], score: 0.95, class: 1 };
    evaluator.add(&[GroundTruth::new(1, bounds.map(f64::from))], &[Detection { bounds, score: 0.9, class: 1 }, nan]);
    let json = serde_json::to_value(evaluator.finish()).unwrap();
    assert_eq!((&json["metric"], &json["images"], &json["labels"]), (&"yolo".into(), &1.into(), &1.into()));
    assert_eq!(json["classes"][0]["name"], "dog");
    near("map50", json["classes"][0]["map50"].as_f64().unwrap(), 0.995);
    let mut keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["classes", "images", "labels", "map", "map50", "metric", "precision", "recall"]);
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("data-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn yolo_data_set() {
    let dir = folder("yolo");
    write(dir.join("data.yaml"), "path: set\nval: images/val\nnames:\n  0: cat\n  1: dog\n");
    for name in ["a.jpg", "b.PNG", "c.jpg", "d.jpg", "deep/e.webp", "notes.md"] {
        write(dir.join("set/images/val").join(name), name);
    }
    let label = |name: &str, text: &str| write(dir.join("set/labels/val").join(name), text);
    label("a.txt", "0 0.5 0.5 0.2 0.1\n\n0 0.5 0.5 0.2 0.1\n1 0.1 0.1 0.3 0.1 0.3 0.5 0.1 0.5\n");
    label("c.txt", "0 0.5 0.5 0.2 0.1\n1 0.5 1.5 0.2 0.1\n");
    label("d.txt", "0 0.5 0.5 0.2\n");
    label("deep/e.txt", "7 0.5 0.5 0.2 0.1\n");
    let set = Dataset::open(&dir.join("data.yaml"), None).unwrap();
    assert_eq!(set.names(), ["cat", "dog"]);
    assert_eq!(set.len(), 2);
    let item = set.item(0).unwrap();
    assert_eq!((item.bytes.as_slice(), item.labels.len()), (&b"a.jpg"[..], 2));
    let truth = item.labels[1].truth(100, 200);
    assert_eq!(truth.class, 1);
    for (got, want) in truth.bounds.into_iter().zip([10.0, 20.0, 30.0, 100.0]) {
        near("polygon", got, want);
    }
    assert!(set.item(1).unwrap().labels.is_empty());
    assert!(set.item(2).is_err());
    let warnings = set.warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].contains("c.txt: line 2") && warnings[1].contains("d.txt: line 1"), "{warnings:?}");

    write(dir.join("set/val.txt"), "./images/val/a.jpg\n./images/val/nowhere.jpg\n");
    write(dir.join("list.yaml"), "path: set\nval: val.txt\nnames: [cat, dog]\n");
    let mut set = Dataset::open(&dir.join("list.yaml"), None).unwrap();
    assert_eq!((set.len(), set.warnings().len()), (1, 1));
    set.align(&["dog".into(), "bird".into()]).unwrap();
    assert_eq!((set.labels(0).len(), set.labels(0)[0].class), (1, 0));
    assert!(set.align(&["fish".into()]).is_err());
    set.align(&["x".into(), "y".into()]).unwrap();
    assert_eq!((set.labels(0)[0].class, set.names()), (0, &["x".to_owned(), "y".to_owned()][..]));
    let missing = Dataset::open_split(&dir.join("list.yaml"), None, Split::Train).unwrap_err().to_string();
    assert!(missing.contains("train, the pictures to train on, is missing"), "{missing}");
    write(dir.join("both.yaml"), "path: set\ntrain: images/val/deep\nval: val.txt\nnames: 8\nnc: 8\n");
    let train = Dataset::open_split(&dir.join("both.yaml"), None, Split::Train).unwrap();
    assert_eq!((train.len(), train.labels(0)[0].class, train.labels(0)[0].score), (1, 7, 1.0));
    write(dir.join("bad.yaml"), "val: nowhere\nnames: [cat]\n");
    let error = Dataset::open(&dir.join("bad.yaml"), None).unwrap_err().to_string();
    assert!(error.contains("bad.yaml") && error.contains("nowhere"), "{error}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn coco_data_set() {
    let dir = folder("coco");
    write(dir.join("images/a.jpg"), "a");
    write(
        dir.join("a.json"),
        r#"{"images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "../a.jpg"}, {"id": 9, "file_name": "b.jpg"}],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [{"image_id": 7, "category_id": 18, "bbox": [1, 2, 3, 4], "area": 9.5, "iscrowd": 1},
          {"image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 4]}, {"image_id": 7, "category_id": 1, "bbox": [1, 2]}]}"#,
    );
    assert!(Dataset::open(&dir.join("a.json"), None).unwrap_err().to_string().contains("--images"));
    let set = Dataset::open(&dir.join("a.json"), Some(&dir.join("images"))).unwrap();
    assert_eq!(set.names(), ["person", "dog"]);
    assert_eq!((set.len(), set.warnings().len()), (1, 4), "{:?}", set.warnings());
    let label = set.item(0).unwrap().labels[0];
    assert_eq!((label.class, label.bounds), (1, Bounds::Pixels([1.0, 2.0, 4.0, 6.0])));
    assert!(label.crowd && label.area == Some(9.5));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn packs() {
    let dir = folder("pack");
    write(dir.join("p.bin"), "onetwo");
    write(
        dir.join("p.jsonl"),
        r#"{"offset": 3, "bytes": 3, "width": 100, "height": 50, "source": "x", "boxes": [[15, 0.5, 0.5, 0.2, 0.4, 1.0], [0, 0.5, 0.5, 0.1, 0.1, 0.3]]}
{"offset": 4, "bytes": 3, "width": 100, "height": 50, "boxes": []}
"#,
    );
    let set = Dataset::open(&dir.join("p.bin"), None).unwrap();
    assert_eq!((set.len(), set.names().len(), set.warnings().len()), (1, 80, 1));
    let item = set.item(0).unwrap();
    assert_eq!((item.bytes.as_slice(), item.labels.len()), (&b"two"[..], 1));
    assert_eq!(set.names()[item.labels[0].class], "cat");
    near("area", item.labels[0].area.unwrap(), 400.0);
    let train = Dataset::open_split(&dir.join("p.bin"), None, Split::Train).unwrap();
    assert_eq!(train.labels(0).iter().map(|l| (l.class, l.score)).collect::<Vec<_>>(), [(15, 1.0), (0, 0.3)]);
    let all = Dataset::join([set, train]).unwrap();
    assert_eq!((all.len(), all.labels(0).len(), all.labels(1).len(), all.warnings().len()), (2, 1, 2, 2));
    assert_eq!(all.item(1).unwrap().bytes, b"two");
    assert!(Dataset::join([]).is_err());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn the_validation_pack() {
    let shared = std::env::var_os("GHOSTDET_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = shared.join("data/val.bin");
    if !path.is_file() {
        eprintln!("skipped: {} is not there", path.display());
        return;
    }
    let set = Dataset::open(&path, None).unwrap();
    assert_eq!((set.len(), set.warnings()), (375, Vec::new()));
    for i in [0, 374] {
        assert!(set.item(i).unwrap().bytes.starts_with(b"RIFF"));
    }
}

#[test]
fn packs_say_which_classes_are_labelled_and_what_scores_mean() {
    let dir = folder("pack-exhaustive");
    let open = |fields: &str| {
        write(dir.join("p.bin"), "one");
        let head = r#"{"offset": 0, "bytes": 3, "width": 100, "height": 50, "boxes": []}"#;
        let line = format!(r#"{{"offset": 0, "bytes": 3, "width": 100, "height": 50, {fields}}}"#);
        write(dir.join("p.jsonl"), &format!("{head}\n{line}\n"));
        Dataset::open_split(&dir.join("p.bin"), None, Split::Train)
    };
    let mut set = open(r#""boxes": [], "exhaustive": [0, 15]"#).unwrap();
    assert!(set.exhaustive(0).is_none());
    let classes = |set: &Dataset| set.exhaustive(1).map(|classes| classes.iter().collect::<Vec<_>>());
    assert_eq!(classes(&set), Some(vec![0, 15]));
    assert_eq!(set.item(1).unwrap().exhaustive.map(|set| set.contains(15)), Some(true));
    set.align(&["cat".to_owned(), "dog".to_owned()]).unwrap();
    assert_eq!(classes(&set), Some(vec![0]));
    let every: Vec<String> = (0..80).map(|class| class.to_string()).collect();
    assert_eq!(classes(&open(&format!(r#""boxes": [], "exhaustive": [{}]"#, every.join(","))).unwrap()), None);
    for (fields, what) in [
        (r#""boxes": [], "exhaustive": [3, 80]"#, "class 80"),
        (r#""boxes": [[0, 0.5, 0.5, 0.1, 0.1, 1.2]]"#, "score 1.2"),
        (r#""boxes": [[0, 0.5, 0.5, 0.1, 0.1, -0.1]]"#, "score -0.1"),
    ] {
        let error = open(fields).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("p.jsonl: line 2"), "{error}");
    }
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_label_is_found_by_the_best_detection_of_its_class() {
    let labels = [GroundTruth::new(0, [0.0, 0.0, 10.0, 10.0]), GroundTruth::new(1, [20.0, 0.0, 30.0, 10.0])];
    let detection = |class, bounds, score| Detection { bounds, score, class };
    let found = [
        detection(0, [0.0, 0.0, 10.0, 9.0], 0.9),
        detection(0, [0.0, 0.0, 10.0, 10.0], 0.8),
        detection(0, [20.0, 0.0, 30.0, 10.0], 0.7),
        detection(1, [20.0, 0.0, 30.0, 10.0], 0.6),
    ];
    assert_eq!(found_labels(&labels, &found, 0.5), [Some(0), None, None, Some(1)]);
    assert_eq!(found_labels(&labels, &found, 0.95), [None, Some(0), None, Some(1)]);
    assert_eq!(found_labels(&[], &found[..1], 0.5), [None]);
}
