//! The loss on pictures in which not everything is labelled: what is unknown has no gradient, the rest is unchanged.

use ghostdet::data::ClassSet;
use ghostdet_train::loss::{DetectionLoss, Hyperparameters, Map, Region, Target};

const NC: usize = 3;
const SIDE: usize = 8;
const AREA: usize = SIDE * SIDE;

fn loss(hyp: Hyperparameters) -> DetectionLoss {
    DetectionLoss::new(hyp, NC, vec![vec![[2.0, 2.0]]])
}

/// A map of one anchor whose cells say `class(cell)`, with boxes of two cells around themselves.
fn map(class: impl Fn(usize) -> usize) -> Vec<f32> {
    let mut values = vec![0.0; (NC + 5) * AREA];
    for cell in 0..AREA {
        values[(5 + class(cell)) * AREA + cell] = 2.0;
    }
    values
}

/// The gradient on every value; the map's values are `values`.
fn gradient(hyp: Hyperparameters, values: &[f32], targets: &[Target], regions: &[Region]) -> Vec<f32> {
    let map = Map { values, height: SIDE, width: SIDE };
    let (_, mut gradients) = loss(hyp).compute_masked(1, &[map], targets, regions).expect("a loss");
    gradients.remove(0)
}

fn objectness(gradient: &[f32], column: usize, row: usize) -> f32 {
    gradient[4 * AREA + row * SIDE + column]
}

#[test]
fn finds_of_classes_that_are_not_labelled_are_neither_right_nor_wrong() {
    // The left half says class 2, the right half class 0; only 0 and 1 are labelled in the upper half.
    let values = map(|cell| if cell % SIDE < SIDE / 2 { 2 } else { 0 });
    let upper = Region { image: 0, corners: [0.0, 0.0, 1.0, 0.5], exhaustive: ClassSet::new([0, 1]) };
    let target = Target { image: 0, class: 1, bounds: [0.1875, 0.1875, 0.25, 0.25], weight: 1.0 };
    let hyp = Hyperparameters::default();
    let plain = gradient(hyp, &values, &[target], &[]);
    let masked = gradient(hyp, &values, &[target], std::slice::from_ref(&upper));
    for row in 0..SIDE {
        for column in 0..SIDE {
            let (before, after) = (objectness(&plain, column, row), objectness(&masked, column, row));
            // The label's cell and its four neighbours overlap it: they find it once more, whatever class they say.
            let near_label = column.abs_diff(1) + row.abs_diff(1) <= 1;
            let unknown = row < SIDE / 2 && column < SIDE / 2 && !near_label;
            assert_eq!(after, if unknown { 0.0 } else { before }, "{column} {row}");
        }
    }
    assert_eq!(objectness(&masked, 0, 3), 0.0);
    assert_ne!(objectness(&masked, 1, 1), 0.0);
    let boxes_and_classes = |gradient: &[f32]| [&gradient[..4 * AREA], &gradient[5 * AREA..]].concat();
    assert_eq!(boxes_and_classes(&plain), boxes_and_classes(&masked));
    let other = Region { image: 0, exhaustive: ClassSet::new([0, 1, 2]), ..upper };
    assert_eq!(gradient(hyp, &values, &[target], &[other]), plain);
}

#[test]
fn an_object_has_no_negatives_of_unlabelled_classes_if_asked() {
    let values = map(|_| 0);
    let region = Region { image: 0, corners: [0.0, 0.0, 1.0, 1.0], exhaustive: ClassSet::new([0, 1]) };
    let target = Target { image: 0, class: 1, bounds: [0.4375, 0.4375, 0.25, 0.25], weight: 1.0 };
    let cell = 3 * SIDE + 3;
    let class = |gradient: &[f32], class: usize| gradient[(5 + class) * AREA + cell];
    let plain = gradient(Hyperparameters::default(), &values, &[target], std::slice::from_ref(&region));
    let hyp = Hyperparameters { mask_classes: true, ..Hyperparameters::default() };
    let masked = gradient(hyp, &values, &[target], &[region]);
    assert!(class(&plain, 0) > 0.0 && class(&plain, 1) < 0.0 && class(&plain, 2) > 0.0);
    assert_eq!([0, 1].map(|c| class(&masked, c)), [0, 1].map(|c| class(&plain, c)));
    assert_eq!(class(&masked, 2), 0.0);
}

#[test]
fn weak_evidence_is_neither_object_nor_background() {
    let values = map(|_| 0);
    let weak = Target { image: 0, class: 1, bounds: [0.4375, 0.4375, 0.25, 0.25], weight: 0.0 };
    let found = gradient(Hyperparameters::default(), &values, &[weak], &[]);
    assert_eq!(objectness(&found, 3, 3), 0.0);
    assert!(objectness(&found, 6, 6) > 0.0);
    assert!(found[..4 * AREA].iter().chain(&found[5 * AREA..]).all(|&slope| slope == 0.0));
    // A certain label at the same place counts.
    let certain = Target { weight: 1.0, ..weak };
    let both = gradient(Hyperparameters::default(), &values, &[weak, certain], &[]);
    let alone = gradient(Hyperparameters::default(), &values, &[certain], &[]);
    assert_eq!(objectness(&both, 3, 3), objectness(&alone, 3, 3));
    assert_eq!(both[..4 * AREA], alone[..4 * AREA]);
}
