//! The loss against the reference's cases: matches, value, parts, gradients.

mod common;

use common::{Golden, apart, planes};
use ghostdet::detection::RawMap;
use ghostdet_train::loss::{DetectionLoss, Hyperparameters, Map, Target, ciou, match_level};
use serde_json::Value;

const ANCHORS: [[[f32; 2]; 3]; 3] = [
    [[10.0, 13.0], [16.0, 30.0], [33.0, 23.0]],
    [[30.0, 61.0], [62.0, 45.0], [59.0, 119.0]],
    [[116.0, 90.0], [156.0, 198.0], [373.0, 326.0]],
];

fn anchors() -> Vec<Vec<[f32; 2]>> {
    let level = |(level, stride): (&[[f32; 2]; 3], f32)| level.map(|side| side.map(|side| side / stride)).to_vec();
    ANCHORS.iter().zip([8.0, 16.0, 32.0]).map(level).collect()
}

fn number(value: &Value, key: &str) -> f32 {
    value[key].as_f64().unwrap_or_else(|| panic!("no number {key}")) as f32
}

fn targets(golden: &Golden, case: &str) -> Vec<Target> {
    let (_, values) = golden.floats(&format!("{case}/targets"));
    let one = |row: &[f32]| Target {
        image: row[0] as usize,
        class: row[1] as usize,
        bounds: [row[2], row[3], row[4], row[5]],
        weight: 1.0,
    };
    values.chunks_exact(6).map(one).collect()
}

#[test]
fn every_reference_case_gives_the_same_loss_and_gradient() {
    let Some(golden) = Golden::open("loss") else { return };
    let cases = golden.facts["cases"].as_array().expect("cases");
    assert!(cases.len() >= 12);
    let (mut worst_loss, mut worst_gradient) = (0.0_f32, 0.0_f32);
    for case in cases {
        let name = case["name"].as_str().expect("a name");
        let hyp = &case["hyp"];
        let hyp = Hyperparameters {
            box_gain: number(hyp, "box"),
            cls_gain: number(hyp, "cls"),
            obj_gain: number(hyp, "obj"),
            cls_pw: number(hyp, "cls_pw"),
            obj_pw: number(hyp, "obj_pw"),
            anchor_t: number(hyp, "anchor_t"),
            fl_gamma: number(hyp, "fl_gamma"),
            label_smoothing: number(hyp, "label_smoothing"),
            ..Hyperparameters::default()
        };
        let (nc, batch) = (number(case, "nc") as usize, number(case, "bs") as usize);
        let mut loss = DetectionLoss::new(hyp, nc, anchors());
        if case["autobalance"] == true {
            loss = loss.with_autobalance(1);
        }
        let targets = targets(&golden, name);
        let levels: Vec<_> = (0..3).map(|level| planes(golden.floats(&format!("{name}/p{level}")))).collect();
        for (level, (height, width, _)) in levels.iter().enumerate() {
            let found = match_level(&anchors()[level], [*height, *width], &targets, hyp.anchor_t);
            let expected = case["n_matched"][level].as_u64().expect("a count") as usize;
            assert_eq!(found.len(), expected, "{name}, level {level}");
            if expected == 0 {
                continue;
            }
            let cells: Vec<i64> = found
                .iter()
                .flat_map(|one| [one.image, one.anchor, one.row, one.column].map(|place| place as i64))
                .collect();
            assert_eq!(cells, golden.whole(&format!("{name}/bt{level}/indices")), "{name}, level {level}");
            let boxes: Vec<f32> = found.iter().flat_map(|one| one.bounds).collect();
            assert!(apart(&boxes, &golden.floats(&format!("{name}/bt{level}/tbox")).1) < 1e-5, "{name}");
        }
        let maps: Vec<Map<'_>> =
            levels.iter().map(|(height, width, values)| Map { values, height: *height, width: *width }).collect();
        let (found, gradients) = loss.compute(batch, &maps, &targets).expect("a loss");
        let expected = number(case, "loss");
        let off = (found.total - expected).abs() / expected.abs();
        assert!(off < 1e-5, "{name}: {} instead of {expected}", found.total);
        for (part, expected) in found.parts.iter().zip(case["items_box_obj_cls"].as_array().expect("parts")) {
            assert!((part - expected.as_f64().expect("a number") as f32).abs() < 1e-5, "{name}: {:?}", found.parts);
        }
        worst_loss = worst_loss.max(off);
        for (level, gradient) in gradients.iter().enumerate() {
            let (_, _, expected) = planes(golden.floats(&format!("{name}/grad{level}")));
            let off = apart(gradient, &expected);
            assert!(off < 1e-5, "{name}, level {level}: the gradient is off by {off}");
            worst_gradient = worst_gradient.max(off);
        }
        if let Some(balance) = case["balance_after"].as_array() {
            for (found, expected) in loss.balance().iter().zip(balance) {
                assert!((f64::from(*found) - expected.as_f64().expect("a number")).abs() < 1e-5, "{name}");
            }
        }
    }
    println!("{} cases: loss within {worst_loss:.1e}, gradients within {worst_gradient:.1e}", cases.len());
}

#[test]
fn ciou_and_its_gradient_are_the_references() {
    let Some(golden) = Golden::open("loss") else { return };
    let boxes = |key: &str| -> Vec<[f64; 4]> {
        let (_, values) = golden.floats(key);
        values.as_chunks::<4>().0.iter().map(|b| b.map(f64::from)).collect()
    };
    let (predicted, truth, slopes) = (boxes("ciou/box1"), boxes("ciou/box2"), boxes("ciou/grad_box1"));
    let (_, values) = golden.floats("ciou/ciou");
    for i in 0..values.len() {
        let (found, slope) = ciou(predicted[i], truth[i]);
        assert!((found - f64::from(values[i])).abs() < 1e-5, "pair {i}: {found} instead of {}", values[i]);
        for (found, expected) in slope.iter().zip(slopes[i]) {
            assert!((found - expected).abs() < 1e-4 * (1.0 + expected.abs()), "pair {i}: {slope:?}, {:?}", slopes[i]);
        }
    }
}

#[test]
fn a_target_outside_of_the_batch_is_an_error() {
    let mut loss = DetectionLoss::new(Hyperparameters::default(), 1, vec![vec![[1.0, 1.0]]]);
    let values = vec![0.0; 6];
    let map = Map { values: &values, height: 1, width: 1 };
    let target = Target { image: 1, class: 0, bounds: [0.5; 4], weight: 1.0 };
    assert!(loss.compute(1, &[map], &[target]).is_err());
    assert!(loss.compute(1, &[map], &[Target { image: 0, class: 1, ..target }]).is_err());
    assert!(loss.compute(1, &[map], &[Target { image: 0, bounds: [f32::NAN; 4], ..target }]).is_err());
    assert!(loss.compute(1, &[map], &[Target { image: 0, ..target }]).is_ok());
}

/// Maps of one level and a teacher that says the same, channels last.
fn echoed(nc: usize, [height, width]: [usize; 2], batch: usize) -> (Vec<f32>, Vec<Vec<RawMap>>) {
    let (size, area) = (nc + 5, height * width);
    let value = |at: usize| ((at * 37 % 101) as f32 - 50.0) / 12.0;
    let values: Vec<f32> = (0..batch * 3 * size * area).map(value).collect();
    let picture = |picture: usize| {
        let at = |cell: usize, anchor: usize, k: usize| ((picture * 3 + anchor) * size + k) * area + cell;
        let cells = (0..area).flat_map(|cell| (0..3).flat_map(move |anchor| (0..size).map(move |k| (cell, anchor, k))));
        vec![RawMap { height, width, data: cells.map(|(cell, anchor, k)| values[at(cell, anchor, k)]).collect() }]
    };
    let taught = (0..batch).map(picture).collect();
    (values, taught)
}

#[test]
fn who_says_what_the_teacher_says_has_nothing_to_learn() {
    let loss = DetectionLoss::new(Hyperparameters::default(), 4, vec![anchors()[1].clone()]);
    let (values, taught) = echoed(4, [3, 5], 2);
    let map = Map { values: &values, height: 3, width: 5 };
    let (same, gradients) = loss.distill(&[map], &taught).expect("a loss");
    assert!(gradients[0].iter().all(|slope| slope.abs() < 1e-5));
    assert!(same.parts[0].abs() < 1e-5, "{:?}", same.parts);
    // A step along the gradient of somebody else makes the loss smaller.
    let other: Vec<f32> = values.iter().enumerate().map(|(i, v)| v + ((i % 7) as f32 - 3.0) / 4.0).collect();
    let (before, gradients) = loss.distill(&[Map { values: &other, height: 3, width: 5 }], &taught).expect("a loss");
    let moved: Vec<f32> = other.iter().zip(&gradients[0]).map(|(v, slope)| v - 0.5 * slope).collect();
    let (after, _) = loss.distill(&[Map { values: &moved, height: 3, width: 5 }], &taught).expect("a loss");
    assert!(same.total < after.total && after.total < before.total, "{same:?} {after:?} {before:?}");
    let smaller = vec![vec![RawMap { height: 3, width: 4, data: vec![0.0; 3 * 4 * 27] }]; 2];
    assert!(loss.distill(&[map], &smaller).is_err());
}
