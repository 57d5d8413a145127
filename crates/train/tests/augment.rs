//! Augmentation: boxes must stay around what they were drawn around, whatever happens to the picture.

use fastrand::Rng;
use ghostdet::image::Image;
use ghostdet_train::augment::{
    Augment, Example, LabelBox, Transform, flip_left_right, flip_up_down, mix, mosaic, shift_colours, warp,
};

const RED: [u8; 3] = [255, 0, 0];

fn flat(width: usize, height: usize, colour: [u8; 3]) -> Image {
    Image::new(width, height, colour.repeat(width * height)).unwrap()
}

/// A grey picture with a coloured rectangle and the box around it.
fn painted(width: usize, height: usize, bounds: [usize; 4], colour: [u8; 3]) -> Example {
    let mut picture = flat(width, height, [114; 3]);
    for y in bounds[1]..bounds[3] {
        for x in bounds[0]..bounds[2] {
            picture.rgb[(y * width + x) * 3..][..3].copy_from_slice(&colour);
        }
    }
    Example {
        picture,
        boxes: vec![LabelBox { class: 3, bounds: bounds.map(|v| v as f32), score: 0.5 }],
        regions: Vec::new(),
    }
}

fn pixel(picture: &Image, x: usize, y: usize) -> [u8; 3] {
    picture.rgb[(y * picture.width + x) * 3..][..3].try_into().unwrap()
}

/// The rectangle around all pixels nearer to `colour` than to grey.
fn around(picture: &Image, colour: [u8; 3]) -> Option<[f32; 4]> {
    let mut found: Option<[usize; 4]> = None;
    let far = |p: [u8; 3], q: [u8; 3]| (0..3).map(|c| p[c].abs_diff(q[c]) as u32).sum::<u32>();
    for y in 0..picture.height {
        for x in 0..picture.width {
            let p = pixel(picture, x, y);
            if far(p, colour) < far(p, [114; 3]) {
                let f = found.get_or_insert([x, y, x + 1, y + 1]);
                *f = [f[0].min(x), f[1].min(y), f[2].max(x + 1), f[3].max(y + 1)];
            }
        }
    }
    found.map(|f| f.map(|v| v as f32))
}

#[track_caller]
fn near(got: [f32; 4], want: [f32; 4], most: f32) {
    assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() <= most), "{got:?} instead of {want:?}");
}

fn rough() -> Augment {
    Augment { degrees: 20.0, translate: 0.2, scale: 0.5, shear: 10.0, perspective: 0.0005, ..Augment::none() }
}

#[test]
fn a_warped_box_surrounds_the_warped_object() {
    let example = painted(160, 120, [50, 40, 110, 75], RED);
    let mut seen = 0;
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let transform = Transform::random(&rough(), [120, 160], [128, 128], &mut rng);
        let boxes = transform.boxes(&example.boxes, [128, 128]);
        let picture = warp(&example.picture, &transform, [128, 128]);
        assert_eq!((picture.width, picture.height), (128, 128));
        let Some(b) = boxes.first() else { continue };
        assert_eq!((b.class, b.score), (3, 0.5));
        // A corner cut off by the edge of the picture makes the box larger than what is seen.
        let [x1, y1, x2, y2] = b.bounds;
        if x1 > 0.0 && y1 > 0.0 && x2 < 128.0 && y2 < 128.0 {
            seen += 1;
            near(b.bounds, around(&picture, RED).unwrap(), 2.0);
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn the_warp_is_bilinear() {
    let mut rng = Rng::with_seed(7);
    let rgb = (0..61 * 47 * 3).map(|_| rng.u8(..)).collect();
    let picture = Image::new(61, 47, rgb).unwrap();
    let at = |x: i64, y: i64, c: usize| match (0..61).contains(&x) && (0..47).contains(&y) {
        true => f64::from(picture.rgb[(y as usize * 61 + x as usize) * 3 + c]),
        false => 114.0,
    };
    for perspective in [0.0, 0.0005] {
        let settings = Augment { perspective, ..rough() };
        for _ in 0..20 {
            let transform = Transform::random(&settings, [47, 61], [40, 50], &mut rng);
            let back = transform.inverse().unwrap();
            let got = warp(&picture, &transform, [40, 50]);
            for (i, got) in got.rgb.iter().enumerate() {
                let (x, y, c) = (i / 3 % 50, i / 150, i % 3);
                let (px, py) = back.point(x as f64, y as f64);
                let (x0, y0) = (px.floor(), py.floor());
                let (fx, fy) = (px - x0, py - y0);
                let (x0, y0) = (x0 as i64, y0 as i64);
                let want = (at(x0, y0, c) * (1.0 - fx) + at(x0 + 1, y0, c) * fx) * (1.0 - fy)
                    + (at(x0, y0 + 1, c) * (1.0 - fx) + at(x0 + 1, y0 + 1, c) * fx) * fy;
                assert!((f64::from(*got) - want).abs() < 2.6, "{x} {y}: {got} instead of {want}");
            }
        }
    }
    assert_eq!(warp(&picture, &Transform::IDENTITY, [47, 61]), picture);
    let moved = Transform { matrix: [[1.0, 0.0, 3.0], [0.0, 1.0, -2.0], [0.0, 0.0, 1.0]], scale: 1.0 };
    let got = warp(&picture, &moved, [47, 61]);
    assert_eq!(pixel(&got, 2, 10), [114; 3]);
    assert_eq!(pixel(&got, 3, 10), pixel(&picture, 0, 12));
    let flat = Transform { matrix: [[0.0; 3]; 3], scale: 1.0 };
    assert!(warp(&picture, &flat, [4, 4]).rgb.iter().all(|v| *v == 114));
}

#[test]
fn boxes_of_which_too_little_is_left_go() {
    let b = |bounds| LabelBox { class: 0, bounds, score: 1.0 };
    let kept = |bounds| Transform::IDENTITY.boxes(&[b(bounds)], [100, 400]).first().map(|b| b.bounds);
    assert_eq!(kept([10.0, 10.0, 12.0, 30.0]), None, "2 pixels wide");
    assert!(kept([10.0, 10.0, 12.5, 30.0]).is_some());
    assert_eq!(kept([-91.0, 10.0, 9.0, 30.0]), None, "a tenth is left");
    assert_eq!(kept([-80.0, 10.0, 20.0, 30.0]), Some([0.0, 10.0, 20.0, 30.0]));
    assert_eq!(kept([0.0, 10.0, 399.0, 13.0]).map(|b| b[2]), None, "133 times as wide as high");
    assert_eq!(kept([f32::NAN; 4]), None);
}

#[test]
fn a_mosaic_lays_four_pictures_around_its_centre() {
    let colours = [RED, [0, 255, 0], [0, 0, 255], [255; 3]];
    for seed in 0..50 {
        let parts: Vec<Example> = colours.iter().map(|c| painted(64, 48, [0, 0, 64, 48], *c)).collect();
        let whole = mosaic(&parts, [64, 64], &mut Rng::with_seed(seed));
        assert_eq!((whole.picture.width, whole.picture.height, whole.boxes.len()), (128, 128, 4));
        for (b, colour) in whole.boxes.iter().zip(colours) {
            near(b.bounds, around(&whole.picture, colour).unwrap(), 0.0);
        }
        // All meet in the centre, which is in the middle half.
        let centre = [whole.boxes[0].bounds[2], whole.boxes[0].bounds[3]];
        assert!(centre.iter().all(|v| (32.0..=96.0).contains(v)), "{centre:?}");
        assert_eq!([whole.boxes[3].bounds[0], whole.boxes[3].bounds[1]], centre);
        assert_eq!([whole.boxes[1].bounds[0], whole.boxes[2].bounds[1]], centre);
    }
}

#[test]
fn flips_take_their_boxes_along() {
    let before = painted(50, 40, [5, 8, 20, 14], RED);
    for flip in [flip_left_right, flip_up_down] {
        let mut example = before.clone();
        flip(&mut example);
        assert_ne!(example.boxes, before.boxes);
        near(example.boxes[0].bounds, around(&example.picture, RED).unwrap(), 0.0);
        flip(&mut example);
        assert_eq!(example, before);
    }
}

#[test]
fn mixup_blends_about_half_and_half() {
    let mut rng = Rng::with_seed(1);
    let mut sum = 0.0;
    for _ in 0..200 {
        let (a, b) = (painted(4, 4, [0, 0, 4, 4], [0; 3]), painted(4, 4, [0, 0, 2, 2], [250; 3]));
        let mixed = mix(a, b, &mut rng);
        assert_eq!(mixed.boxes.len(), 2);
        let value = pixel(&mixed.picture, 0, 0)[0];
        assert!((60..190).contains(&value), "{value}");
        sum += f64::from(value) / 200.0;
    }
    assert!((sum - 125.0).abs() < 4.0, "{sum}");
}

#[test]
fn colours_shift_in_hsv() {
    let mut rng = Rng::with_seed(2);
    let mut all = Image::new(32, 32, (0..32 * 32 * 3).map(|_| rng.u8(..)).collect()).unwrap();
    let before = all.clone();
    shift_colours(&mut all, [0.0; 3], &mut rng);
    assert_eq!(all, before);
    // Only the way to HSV and back: hue has 180 steps.
    shift_colours(&mut all, [1e-9, 0.0, 0.0], &mut rng);
    assert!(all.rgb.iter().zip(&before.rgb).all(|(a, b)| a.abs_diff(*b) <= 5));
    let mut darker = 0;
    for seed in 0..100 {
        let mut picture = Image::new(3, 1, vec![80, 80, 80, 160, 0, 0, 0, 0, 160]).unwrap();
        shift_colours(&mut picture, [0.0, 0.0, 0.4], &mut Rng::with_seed(seed));
        let [grey, red, blue] = [0, 1, 2].map(|x| pixel(&picture, x, 0));
        assert!(grey == [grey[0]; 3] && (48..=112).contains(&grey[0]), "{grey:?}");
        assert!(red == [red[0], 0, 0] && blue == [0, 0, red[0]], "{red:?} {blue:?}");
        assert!((i32::from(red[0]) - 2 * i32::from(grey[0])).abs() <= 2, "{red:?} {grey:?}");
        darker += u32::from(grey[0] < 80);
        let mut picture = flat(1, 1, [200, 50, 50]);
        shift_colours(&mut picture, [0.0, 0.7, 0.0], &mut Rng::with_seed(seed));
        let [r, g, b] = pixel(&picture, 0, 0);
        assert!(r == 200 && g == b && g < 160, "{r} {g} {b}");
    }
    assert!((30..70).contains(&darker), "{darker}");
    // A fifth of a turn at most: red becomes orange or pink, not green.
    let mut picture = flat(1, 1, [0, 255, 0]);
    shift_colours(&mut picture, [0.3, 0.0, 0.0], &mut Rng::with_seed(3));
    let [r, g, b] = pixel(&picture, 0, 0);
    assert!(g == 255 && (r > 0) != (b > 0), "{r} {g} {b}");
}

#[test]
fn the_whole_way_keeps_boxes_on_their_objects() {
    let sources = [
        painted(100, 60, [20, 10, 70, 40], RED),
        painted(60, 90, [0, 30, 60, 90], RED),
        painted(80, 80, [30, 30, 50, 50], RED),
    ];
    for settings in [
        Augment { mosaic: 0.0, fliplr: 0.5, flipud: 0.5, ..Augment::none() },
        Augment { mosaic: 0.0, scale: 0.3, translate: 0.05, ..Augment::none() },
    ] {
        for seed in 0..60 {
            let mut rng = Rng::with_seed(seed);
            let index = rng.usize(..3);
            let example = settings.apply(index, 3, [96, 128], &mut rng, &mut |i, _| Ok(sources[i].clone())).unwrap();
            assert_eq!((example.picture.width, example.picture.height, example.boxes.len()), (128, 96, 1));
            near(example.boxes[0].bounds, around(&example.picture, RED).unwrap(), 1.5);
        }
    }
    // In a mosaic every red pixel is in a box (apart from blurred edges), and no box is without red pixels.
    let settings = Augment { mosaic: 1.0, ..Augment::default() };
    let settings = Augment { hsv_h: 0.0, hsv_s: 0.0, hsv_v: 0.0, ..settings };
    let mut boxes = 0;
    for seed in 0..60 {
        let mut rng = Rng::with_seed(seed);
        let example = settings.apply(0, 3, [96, 96], &mut rng, &mut |i, _| Ok(sources[i].clone())).unwrap();
        boxes += example.boxes.len();
        for b in &example.boxes {
            let [x1, y1, x2, y2] = b.bounds.map(|v| v as usize);
            let p = pixel(&example.picture, (x1 + x2) / 2, (y1 + y2) / 2);
            assert_eq!(p, RED, "{b:?}");
        }
    }
    assert!(boxes > 90, "{boxes}");
}

#[test]
fn chance_comes_from_the_generator_alone() {
    let source = painted(100, 60, [20, 10, 70, 40], RED);
    let settings = Augment { mixup: 0.5, ..Augment::default() };
    let make =
        |seed| settings.apply(0, 9, [64, 64], &mut Rng::with_seed(seed), &mut |_, _| Ok(source.clone())).unwrap();
    assert_eq!(make(5), make(5));
    assert_ne!(make(5), make(6));
}

#[test]
fn settings_out_of_range_are_named() {
    Augment::default().check().unwrap();
    Augment::none().check().unwrap();
    let error = Augment { fliplr: 1.5, ..Augment::default() }.check().unwrap_err().to_string();
    assert!(error.contains("fliplr is 1.5"), "{error}");
    assert!(Augment { scale: 1.0, ..Augment::default() }.check().is_err());
    assert!(Augment { hsv_s: f32::NAN, ..Augment::default() }.check().is_err());
}

/// `cargo test --release -p ghostdet-train --test augment -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/samples");
    let pictures = ["astronaut", "cat", "coffee", "lifeboat"];
    let files = pictures.map(|name| std::fs::read(format!("{folder}/{name}.jpg")).unwrap());
    for long in [320, 640] {
        let encoded: Vec<Vec<u8>> = files
            .iter()
            .map(|file| {
                let small = image::load_from_memory(file).unwrap().thumbnail(long, long).into_rgb8();
                let mut bytes = Vec::new();
                small.write_with_encoder(image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90)).unwrap();
                bytes
            })
            .collect();
        let (mut rng, mut decoding, mut best, rounds) = (Rng::with_seed(0), 0.0, f64::INFINITY, 200);
        let start = std::time::Instant::now();
        for i in 0..rounds {
            let one = std::time::Instant::now();
            let mut load = |i: usize, _: &mut Rng| {
                let start = std::time::Instant::now();
                let picture = Image::decode(&encoded[i])?;
                decoding += start.elapsed().as_secs_f64();
                Ok(Example { picture, boxes: Vec::new(), regions: Vec::new() })
            };
            Augment::default().apply(i % 4, 4, [320, 320], &mut rng, &mut load).unwrap();
            best = f64::min(best, one.elapsed().as_secs_f64());
        }
        let mean = start.elapsed().as_secs_f64() / rounds as f64 * 1e3;
        let decoding = decoding / rounds as f64 * 1e3;
        println!(
            "JPEGs of {long} px to a mosaic of 320 px: {mean:.1} ms (best {:.1}), of it {decoding:.1} ms decoding",
            best * 1e3
        );
    }
}
