//! The drawing module against pictures and boxes of every kind.

use super::*;

fn detection(bounds: [f32; 4], class: usize) -> Detection {
    Detection { bounds, score: 0.87, class }
}

#[test]
fn draws_in_pictures_of_any_size_and_boxes_of_any_kind() {
    let names = ["person".to_owned(), "traffic light with a very long name".to_owned(), "Ünï→漢".to_owned()];
    for (width, height) in [(1, 1), (1, 300), (300, 1), (16, 9), (100, 75), (640, 480)] {
        let picture = Image::new(width, height, vec![90; width * height * 3]).unwrap();
        let (w, h) = (width as f32, height as f32);
        let all: Vec<Detection> = [
            [0.0, 0.0, w, h],
            [w / 4.0, h / 4.0, w / 2.0, h / 2.0],
            [-1e9, -50.0, 1e9, 1e30],
            [f32::NAN, 0.0, 1.0, 1.0],
            [f32::INFINITY, 0.0, 1.0, 1.0],
            [w - 1.0, h - 1.0, w, h],
            [5.0, 5.0, 2.0, 2.0],
            [w + 10.0, 0.0, w + 20.0, h],
        ]
        .into_iter()
        .enumerate()
        .map(|(class, bounds)| detection(bounds, class))
        .collect();
        let drawn = annotate(&picture, &all, &names);
        assert_eq!((drawn.width, drawn.height, drawn.rgb.len()), (width, height, picture.rgb.len()));
        assert_ne!(drawn, picture);
    }
}

#[test]
fn nothing_found_changes_nothing() {
    let picture = Image::new(20, 10, vec![3; 600]).unwrap();
    assert_eq!(annotate(&picture, &[], &[]), picture);
    assert_eq!(annotate(&picture, &[detection([30.0, 0.0, 40.0, 5.0], 0)], &[]), picture);
}

#[test]
fn the_line_has_the_colour_of_the_class_and_leaves_the_inside() {
    let picture = Image::new(400, 300, vec![0; 360_000]).unwrap();
    let drawn = annotate(&picture, &[detection([100.0, 100.0, 300.0, 250.0], 1)], &[]);
    let at = |x: usize, y: usize| &drawn.rgb[(y * 400 + x) * 3..][..3];
    for (x, y) in [(100, 200), (299, 200), (250, 100), (200, 249)] {
        assert_eq!(at(x, y), class_color(1), "{x} {y}");
    }
    assert_eq!(at(200, 200), [0, 0, 0]);
    assert_eq!(at(90, 200), [0, 0, 0]);
}

#[test]
fn encodes_by_extension() {
    let picture = Image::new(8, 4, vec![60; 96]).unwrap();
    assert_eq!(Image::decode(&encode(&picture, "PNG").unwrap()).unwrap(), picture);
    assert_eq!(Image::decode(&encode(&picture, "jpeg").unwrap()).unwrap().width, 8);
    assert_eq!(encode(&picture, "tiff").unwrap_err().kind(), ErrorKind::Argument);
}
