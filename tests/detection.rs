//! Decode, NMS and boxes against the reference.

use std::path::{Path, PathBuf};

use ghostdet::ErrorKind;
use ghostdet::detection::boxes::{self, RatioPad};
use ghostdet::detection::{
    Candidate, Detection, NmsOptions, Predictions, RawMap, decode, decode_above, decode_candidates, nms, scale_boxes,
};
use safetensors::SafeTensors;
use serde_json::Value;

/// The repository's own golden data, and the large ones where they are.
fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("GHOSTDET_SHARED").map_or_else(|| here.join("../shared"), PathBuf::from);
    let large = shared.join("reference/golden");
    if !large.is_dir() {
        eprintln!("skipped: {} is not there", large.display());
    }
    [here.join("tests/golden"), large].into_iter().filter(|folder| folder.is_dir()).collect()
}

fn read(folder: &Path, file: &str) -> Vec<u8> {
    std::fs::read(folder.join(file)).unwrap_or_else(|e| panic!("{}/{file}: {e}", folder.display()))
}

fn tensor(file: &SafeTensors, name: &str) -> (Vec<usize>, Vec<f32>) {
    let view = file.tensor(name).unwrap();
    let (words, rest) = view.data().as_chunks::<4>();
    assert!(rest.is_empty());
    (view.shape().to_vec(), words.iter().map(|b| f32::from_le_bytes(*b)).collect())
}

fn bounds(v: &Value) -> Vec<[f32; 4]> {
    v.as_array().unwrap().iter().map(|b| std::array::from_fn(|i| b[i].as_f64().unwrap() as f32)).collect()
}

#[track_caller]
fn near(what: &str, got: &[[f32; 4]], want: &[[f32; 4]]) {
    assert_eq!(got.len(), want.len());
    for (a, b) in got.iter().flatten().zip(want.iter().flatten()) {
        assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{what}: {a} instead of {b}");
    }
}

#[test]
fn nms_is_the_references() {
    folders().iter().for_each(|folder| nms_is_that_of(folder));
}

fn nms_is_that_of(folder: &Path) {
    let (cases, file) = (read(folder, "nms.json"), read(folder, "nms.safetensors"));
    let cases: Value = serde_json::from_slice(&cases).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    for case in cases["cases"].as_array().unwrap() {
        let (name, args) = (case["name"].as_str().unwrap(), &case["args"]);
        let (shape, pred) = tensor(&file, case["pred"].as_str().unwrap());
        let options = NmsOptions {
            conf: args["conf_thres"].as_f64().unwrap() as f32,
            iou: args["iou_thres"].as_f64().unwrap(),
            classes: args["classes"].as_array().map(|c| c.iter().map(|v| v.as_u64().unwrap() as usize).collect()),
            agnostic: args["agnostic"].as_bool().unwrap(),
            multi_label: args["multi_label"].as_bool().unwrap(),
            max_det: args["max_det"].as_u64().unwrap() as usize,
        };
        for (i, rows) in pred.chunks_exact(shape[1] * shape[2]).enumerate() {
            let got = nms(&Predictions { nc: shape[2] - 5, rows: rows.to_vec() }, &options);
            let mut got: Vec<[f32; 6]> = got
                .iter()
                .map(|d| [d.bounds[0], d.bounds[1], d.bounds[2], d.bounds[3], d.score, d.class as f32])
                .collect();
            let want = tensor(&file, &format!("{name}/out{i}")).1;
            let mut want: Vec<[f32; 6]> = want.as_chunks::<6>().0.to_vec();
            if !case["order_unique"].as_bool().unwrap() {
                let key = |r: &[f32; 6]| r.map(|v| v.to_bits());
                got.sort_by_key(key);
                want.sort_by_key(key);
            }
            assert_eq!(got, want, "{name} picture {i}");
        }
    }
}

#[test]
fn decode_is_the_references() {
    let anchors: Vec<Vec<[f32; 2]>> = vec![
        vec![[10., 13.], [16., 30.], [33., 23.]],
        vec![[30., 61.], [62., 45.], [59., 119.]],
        vec![[116., 90.], [156., 198.], [373., 326.]],
    ];
    for folder in folders() {
        let size = if folder.ends_with("tests/golden") { "tiny" } else { "n" };
        for net in ["yolov5", "yolov5-ghost", "yolov5-ghost-backbone"] {
            let file = read(&folder, &format!("net_{net}-{size}-nc3.safetensors"));
            decode_is_that_of(&SafeTensors::deserialize(&file).unwrap(), "", &[8.0, 16.0, 32.0], &anchors);
        }
        let (cases, file) = (read(&folder, "modules.json"), read(&folder, "modules.safetensors"));
        let (cases, file): (Value, _) =
            (serde_json::from_slice(&cases).unwrap(), SafeTensors::deserialize(&file).unwrap());
        let mut detects = 0;
        for case in cases["cases"].as_array().unwrap() {
            let Some((_, strides)) = case["module"].as_str().unwrap().split_once("strides ") else { continue };
            let strides: Vec<f64> = serde_json::from_str(strides).unwrap();
            let grid: Vec<Vec<[f32; 2]>> = serde_json::from_value(case["anchors_grid"].clone()).unwrap();
            let scaled = grid.iter().zip(&strides);
            let anchors: Vec<_> =
                scaled.map(|(level, &s)| level.iter().map(|a| a.map(|v| v * s as f32)).collect()).collect();
            decode_is_that_of(&file, &format!("{}/", case["name"].as_str().unwrap()), &strides, &anchors);
            detects += 1;
        }
        assert_eq!(detects, 4);
    }
}

fn decode_is_that_of(file: &SafeTensors, prefix: &str, strides: &[f64], anchors: &[Vec<[f32; 2]>]) {
    let decoded = if prefix.is_empty() { "decoded" } else { "output" };
    let (shape, want) = tensor(file, &format!("{prefix}{decoded}"));
    let nc = shape[2] - 5;
    for image in 0..shape[0] {
        let maps: Vec<RawMap> = (0..strides.len())
            .map(|level| {
                // (picture, anchor, y, x, value) to (y, x, anchor, value)
                let (s, raw) = tensor(file, &format!("{prefix}raw{level}"));
                let (na, height, width, no) = (s[1], s[2], s[3], s[4]);
                let mut data = Vec::new();
                for cell in 0..height * width {
                    for a in 0..na {
                        let start = ((image * na + a) * height * width + cell) * no;
                        data.extend_from_slice(&raw[start..start + no]);
                    }
                }
                RawMap { height, width, data }
            })
            .collect();
        let all = decode(&maps, strides, anchors, nc).unwrap();
        let rows = &want[image * shape[1] * shape[2]..(image + 1) * shape[1] * shape[2]];
        assert_eq!(all.rows.len(), rows.len());
        for (got, want) in all.rows.iter().zip(rows) {
            assert!((got - want).abs() <= 1e-5 * (1.0 + want.abs()), "{prefix}: {got} instead of {want}");
        }
        for conf in [0.01, 0.25, 0.9] {
            let options = NmsOptions { conf, ..NmsOptions::validation() };
            let few = decode_above(&maps, strides, anchors, nc, conf).unwrap();
            assert!(few.len() < all.len() || all.iter().all(|r| r[4] > conf));
            assert_eq!(nms(&few, &options), nms(&all, &options));
        }
    }
}

#[test]
fn boxes_are_the_references() {
    let golden: Value = serde_json::from_str(include_str!("golden/boxes.json")).unwrap();
    let size = |v: &Value| [v[0].as_u64().unwrap() as usize, v[1].as_u64().unwrap() as usize];
    for case in golden["scale_boxes"].as_array().unwrap() {
        let ratio_pad = case["ratio_pad"].as_array().map(|r| RatioPad {
            gain: r[0][0].as_f64().unwrap(),
            pad: [r[1][0].as_f64().unwrap(), r[1][1].as_f64().unwrap()],
        });
        let mut got = bounds(&case["boxes"]);
        scale_boxes(size(&case["img1_hw"]), &mut got, size(&case["img0_hw"]), ratio_pad);
        near("scale_boxes", &got, &bounds(&case["out"]));
    }
    let c = &golden["conversions"];
    let map = |key: &str, f: &dyn Fn([f32; 4]) -> [f32; 4]| bounds(&c[key]).into_iter().map(f).collect::<Vec<_>>();
    let check = |key: &str, got: Vec<[f32; 4]>| near(key, &got, &bounds(&c[key]));
    check("xywh2xyxy", map("xywhn", &boxes::xywh_to_xyxy));
    check("xywhn2xyxy_w640_h480_padw3_padh7", map("xywhn", &|b| boxes::xywhn_to_xyxy(b, (640.0, 480.0), (3.0, 7.0))));
    check("xyxy2xywh", map("xywhn", &boxes::xyxy_to_xywh));
    check("xyxy2xywhn_w10_h20", map("xywhn", &|b| boxes::xyxy_to_xywhn(b, (10.0, 20.0), None)));
    check(
        "xyxy2xywhn_w1_h1_clip_eps0.001",
        map("xyxy_for_clip", &|b| boxes::xyxy_to_xywhn(b, (1.0, 1.0), Some(0.001))),
    );
}

#[test]
fn decode_by_hand() {
    let mut data = vec![-20.0_f32; 2 * 6];
    data[..6].copy_from_slice(&[0.0, 0.0, 0.0, 0.0, 20.0, 20.0]);
    let mut map = RawMap { height: 1, width: 2, data };
    let anchors = [vec![[10.0, 20.0]]];
    let all = decode(std::slice::from_ref(&map), &[8.0], &anchors, 1).unwrap();
    assert_eq!((all.len(), &all.rows[..4]), (2, &[4.0, 4.0, 10.0, 20.0][..]));
    let few = decode_above(std::slice::from_ref(&map), &[8.0], &anchors, 1, 0.01).unwrap();
    assert_eq!(few.rows, all.rows[..6]);
    let found = nms(&few, &NmsOptions::default());
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].bounds, found[0].class), ([-1.0, -6.0, 9.0, 14.0], 0));

    for at in [0, 4, 5] {
        let kept = std::mem::replace(&mut map.data[at], f32::NAN);
        for result in [
            decode(std::slice::from_ref(&map), &[8.0], &anchors, 1),
            decode_above(std::slice::from_ref(&map), &[8.0], &anchors, 1, 0.01),
        ] {
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Numeric);
        }
        map.data[at] = kept;
    }
    map.width = 3;
    assert_eq!(decode(&[map], &[8.0], &anchors, 1).unwrap_err().kind(), ErrorKind::Argument);
    let cells = [vec![Candidate { index: 0, logits: vec![0.0; 6] }]];
    let error = decode_candidates(&cells, &[[0, 4]], &[8.0], &anchors, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Argument, "a level without cells");
}

#[test]
fn nms_by_hand() {
    let row = |x: f32, score: f32, class: usize| {
        let mut row = vec![x, 50.0, 20.0, 20.0, score, 0.0, 0.0];
        row[5 + class] = 1.0;
        row
    };
    let rows = [row(50.0, 0.8, 0), row(51.0, 0.9, 0), row(52.0, 0.7, 1), row(f32::NAN, 0.9, 0), row(10.0, f32::NAN, 0)];
    let predictions = Predictions { nc: 2, rows: rows.concat() };
    let classes = |options: &NmsOptions| {
        nms(&predictions, options).iter().map(|d: &Detection| (d.class, d.score)).collect::<Vec<_>>()
    };
    let default = NmsOptions::default();
    assert_eq!(classes(&default), [(0, 0.9), (1, 0.7)]);
    assert_eq!(classes(&NmsOptions { agnostic: true, ..default.clone() }), [(0, 0.9)]);
    assert_eq!(classes(&NmsOptions { classes: Some(vec![1]), ..default.clone() }), [(1, 0.7)]);
    assert_eq!(classes(&NmsOptions { max_det: 1, ..default.clone() }), [(0, 0.9)]);
    assert_eq!(classes(&NmsOptions { max_det: 0, ..default }), []);
}
