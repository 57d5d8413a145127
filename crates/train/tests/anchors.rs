//! AutoAnchor on labels whose best anchors are known.

use fastrand::Rng;
use ghostdet::data::Dataset;
use ghostdet_train::anchors::{Fit, check, fit, label_sizes};

const DEFAULT: [[[f32; 2]; 3]; 3] = [
    [[10., 13.], [16., 30.], [33., 23.]],
    [[30., 61.], [62., 45.], [59., 119.]],
    [[116., 90.], [156., 198.], [373., 326.]],
];

fn default() -> Vec<Vec<[f32; 2]>> {
    DEFAULT.map(|level| level.to_vec()).to_vec()
}

/// Sizes around nine centres, up to a tenth off.
fn sizes(centres: &[[f32; 2]], count: usize) -> Vec<[f32; 2]> {
    let mut rng = Rng::with_seed(1);
    (0..count).map(|i| centres[i % centres.len()].map(|side| side * (0.9 + 0.2 * rng.f32()))).collect()
}

#[test]
fn fit_counts_what_the_ratio_allows() {
    let anchors = [[10.0, 10.0], [40.0, 40.0]];
    let sizes = [[10.0, 10.0], [39.0, 11.0], [100.0, 10.0], [1.0, 1.0]];
    assert_eq!(fit(&anchors, &sizes, 4.0), Fit { recall: 0.5, anchors: 0.75 });
    assert_eq!(fit(&anchors, &[], 4.0).recall, 1.0);
}

#[test]
fn anchors_that_fit_stay() {
    let flat: Vec<[f32; 2]> = DEFAULT.concat();
    let found = check(&default(), &sizes(&flat, 2000), 4.0, 0);
    assert!(found.before.recall > 0.99 && found.better.is_none(), "{found:?}");
}

#[test]
fn tiny_labels_get_anchors_of_their_own() {
    let tiny = [
        [2.5, 3.0],
        [3.0, 6.0],
        [6.0, 3.0],
        [5.0, 9.0],
        [2.2, 12.0],
        [12.0, 2.4],
        [14.0, 14.0],
        [9.0, 20.0],
        [20.0, 8.0],
    ];
    let labels = sizes(&tiny, 3000);
    let found = check(&default(), &labels, 4.0, 5);
    assert!(found.before.recall < 0.8, "{found:?}");
    let (levels, after) = found.better.clone().unwrap();
    assert!(after.recall > 0.999, "{after:?}");
    assert_eq!(levels.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 3]);
    let areas: Vec<f32> = levels.concat().iter().map(|a| a[0] * a[1]).collect();
    assert!(areas.is_sorted(), "{areas:?}");
    // Every centre has an anchor near it.
    for centre in tiny {
        let near = levels.concat().iter().any(|a| (0..2).all(|i| (a[i] / centre[i] - 1.0).abs() < 0.25));
        assert!(near, "{centre:?} in {levels:?}");
    }
    assert_eq!(check(&default(), &labels, 4.0, 5), found);
}

#[test]
fn hopeless_labels_change_nothing() {
    assert_eq!(check(&default(), &[], 4.0, 0).before.recall, 1.0);
    let few = check(&default(), &[[1.0, 900.0]; 4], 4.0, 0);
    assert!(few.before.recall == 0.0);
    // Fewer labels than anchors: anchors of their own sizes.
    assert_eq!(few.better.unwrap().1.recall, 1.0);
    let same = check(&default(), &[[3.0, 300.0]; 50], 4.0, 0);
    assert_eq!(same.better.unwrap().1.recall, 1.0);
    let odd = check(&default(), &[[f32::NAN, 3.0], [0.0, 5.0], [f32::INFINITY, 1.0]], 4.0, 0);
    assert!(odd.before.recall == 1.0 && odd.better.is_none());
    assert!(check(&[], &[[3.0, 300.0]; 50], 4.0, 0).better.is_none());
}

#[test]
fn sizes_of_the_labels_of_a_data_set() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(40, 20).write_to(&mut png, image::ImageFormat::Png).unwrap();
    write("images/a.png", png.get_ref());
    write("images/b.png", b"no picture");
    write("labels/a.txt", b"0 0.5 0.5 0.5 0.5\n0 0.5 0.5 0.1 1\n");
    write("data.yaml", b"val: images\nnames: [cat]\n");
    let data = Dataset::open(&dir.path().join("data.yaml"), None).unwrap();
    let sizes = label_sizes(&data, 320, 100).unwrap();
    for (got, want) in sizes.iter().zip([[160.0, 80.0], [32.0, 160.0]]) {
        assert!((0..2).all(|i| (got[i] - want[i]).abs() < 1e-3), "{got:?}");
    }
    assert_eq!(label_sizes(&data, 320, 1).unwrap().len(), 2);
    write("images/a.png", b"no picture");
    assert!(label_sizes(&data, 320, 100).unwrap_err().to_string().contains("a.png"));
}
