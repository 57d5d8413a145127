//! Pictures: letterbox against golden pictures and sizes, decoding of good and bad files.

use std::path::PathBuf;

use ghostdet::ErrorKind;
use ghostdet::image::{Image, LetterboxOptions, letterbox, letterbox_geometry, resize};
use serde_json::Value;

/// A file of the reference material, if this machine has it.
fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("GHOSTDET_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join("reference").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn pair(value: &Value) -> [f64; 2] {
    [value[0].as_f64().unwrap(), value[1].as_f64().unwrap()]
}

fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect()
}

#[test]
fn geometry_matches_the_reference() {
    let ours: Vec<Value> = serde_json::from_str(include_str!("golden/letterbox/geometry.json")).unwrap();
    assert_eq!(ours.len(), 60);
    let large = shared("golden/letterbox/geometry.json").map_or_else(Vec::new, |path| {
        let large: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!(large.len(), 720);
        large
    });
    for case in ours.iter().chain(&large) {
        let (from, size) = (sizes(&case["in_hw"]), sizes(&case["new_shape_hw"]));
        let options = LetterboxOptions {
            size: [size[0], size[1]],
            auto: case["auto"].as_bool().unwrap(),
            scale_up: case["scaleup"].as_bool().unwrap(),
            ..Default::default()
        };
        let found = letterbox_geometry(from[1], from[0], &options);
        assert_eq!(found.size.to_vec(), sizes(&case["out_hw"]), "{case}");
        assert_eq!(found.unpadded.to_vec(), sizes(&case["unpad_wh"]), "{case}");
        let borders = vec![found.top, found.bottom, found.left, found.right];
        assert_eq!(borders, sizes(&case["top_bottom_left_right"]), "{case}");
        let wanted = case["ratio"].as_f64().unwrap();
        // The JSON reader may miss the last bit.
        assert!(found.ratio.iter().all(|r| (r - wanted).abs() < 1e-12), "{case}");
        assert_eq!(found.pad, pair(&case["pad_dw_dh"]), "{case}");
    }
}

#[test]
fn geometry_of_usual_pictures() {
    let auto = LetterboxOptions::default();
    assert_eq!(letterbox_geometry(640, 480, &auto).size, [480, 640]);
    assert_eq!(letterbox_geometry(810, 1080, &auto).size, [640, 480]);
    let square = LetterboxOptions { auto: false, ..auto };
    let found = letterbox_geometry(1280, 720, &square);
    assert_eq!((found.size, found.top, found.bottom, found.ratio), ([640, 640], 140, 140, [0.5, 0.5]));
}

#[test]
fn long_pictures_keep_a_pixel() {
    for (width, height) in [(1, 20_000), (20_000, 1), (1, 1), (3, 5000), (1, 2), (2, 1)] {
        for (auto, scale_fill, scale_up) in [(true, false, true), (false, false, true), (false, true, false)] {
            let image = Image::new(width, height, vec![7; width * height * 3]).unwrap();
            let options = LetterboxOptions { size: [320, 640], auto, scale_fill, scale_up, ..Default::default() };
            let found = letterbox(&image, &options);
            assert!(found.geometry.unpadded.iter().all(|&side| side >= 1));
            assert_eq!(found.image.rgb.len(), found.image.width * found.image.height * 3);
            assert!(found.image.rgb.contains(&7));
            if auto {
                assert!(found.image.width.is_multiple_of(32) || found.image.width == found.geometry.unpadded[0]);
            } else {
                assert_eq!([found.image.height, found.image.width], [320, 640]);
            }
        }
    }
    let nothing = LetterboxOptions { size: [0, 0], stride: 0, ..Default::default() };
    assert_eq!(letterbox_geometry(0, 0, &nothing).size, [1, 1]);
}

#[test]
fn resize_computes_by_hand_checked_values() {
    // Halving is the rounded mean; a single column or row is repeated; borders are not blended with anything.
    let grey = |values: &[u8]| values.iter().flat_map(|&v| [v; 3]).collect::<Vec<u8>>();
    let image = Image::new(2, 2, grey(&[1, 2, 3, 4])).unwrap();
    assert_eq!(resize(&image, 1, 1).rgb, grey(&[3]));
    let image = Image::new(2, 1, grey(&[0, 200])).unwrap();
    assert_eq!(resize(&image, 4, 1).rgb, grey(&[0, 50, 150, 200]));
    assert_eq!(resize(&image, 4, 2).rgb, grey(&[0, 50, 150, 200, 0, 50, 150, 200]));
    let image = Image::new(1, 1, vec![9, 8, 7]).unwrap();
    assert_eq!(resize(&image, 5, 3).rgb, [9, 8, 7].repeat(15));
}

#[test]
fn pixels_must_fit_the_size() {
    assert!(Image::new(2, 3, vec![0; 18]).is_ok());
    for (width, height, bytes) in [(2, 3, 17), (0, 3, 0), (3, 0, 0), (usize::MAX, 2, 0), (30_000, 30_000, 0)] {
        let error = Image::new(width, height, vec![0; bytes]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Image);
        assert!(Image::from_rgba(width, height, &vec![0; bytes]).is_err());
    }
    let image = Image::from_rgba(2, 1, &[1, 2, 3, 255, 4, 5, 6, 0]).unwrap();
    assert_eq!(image.rgb, [1, 2, 3, 4, 5, 6]);
}

#[cfg(feature = "decode")]
#[path = "image/decode.rs"]
mod decode;
