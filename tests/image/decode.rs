//! What needs a decoder: golden pictures, and files that are broken in every way.

use std::io::Cursor;
use std::path::Path;

use ghostdet::ErrorKind;
use ghostdet::image::{Image, LetterboxOptions, letterbox};
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::Value;

use super::{pair, shared, sizes};

/// Checks every case of a `cases.json` and its pictures; how many there were.
fn check_cases(folder: &Path) -> usize {
    let cases: Value = serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap();
    let cases = cases["cases"].as_array().unwrap();
    for case in cases {
        let read =
            |key: &str| Image::decode(&std::fs::read(folder.join(case[key].as_str().unwrap())).unwrap()).unwrap();
        let (size, args) = (sizes(&case["new_shape_hw"]), &case["args"]);
        let flag = |key: &str, default: bool| args[key].as_bool().unwrap_or(default);
        let options = LetterboxOptions {
            size: [size[0], size[1]],
            auto: flag("auto", true),
            scale_fill: flag("scaleFill", false),
            scale_up: flag("scaleup", true),
            stride: args["stride"].as_u64().unwrap_or(32) as usize,
            color: args["color"][0].as_u64().unwrap_or(114) as u8,
        };
        let found = letterbox(&read("in"), &options);
        assert_eq!([found.image.height, found.image.width].to_vec(), sizes(&case["out_hw"]), "{case}");
        assert!(found.image == read("out"), "pixels differ: {case}");
        let wanted = pair(&case["ratio_wh"]);
        // The JSON reader may miss the last bit.
        assert!((0..2).all(|i| (found.ratio[i] - wanted[i]).abs() < 1e-12), "{case}");
        assert_eq!(found.pad, pair(&case["pad_dw_dh"]), "{case}");
    }
    cases.len()
}

#[test]
fn letterbox_matches_the_reference() {
    let Some(path) = shared("golden/letterbox/cases.json") else { return };
    assert_eq!(check_cases(path.parent().unwrap()), 25);
}

#[test]
fn letterbox_matches_the_golden_pictures_here() {
    assert_eq!(check_cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/letterbox")), 3);
}

#[test]
fn letterbox_makes_the_input_the_reference_network_saw() {
    let Some(path) = shared("checkpoints/expected_decoded.safetensors") else { return };
    let bytes = std::fs::read(&path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut checked = 0;
    for (name, tensor) in tensors.tensors() {
        let Some(file) = name.strip_suffix("/input_u8") else { continue };
        let folder = path.parent().unwrap().join("pictures");
        let file = if file.contains('.') { folder.join(file) } else { folder.join(format!("{file}.png")) };
        let picture = Image::decode(&std::fs::read(file).unwrap()).unwrap();
        let found = letterbox(&picture, &LetterboxOptions { size: [320, 320], ..Default::default() }).image;
        let planes: Vec<u8> =
            (0..3).flat_map(|c| found.rgb.iter().skip(c).step_by(3).copied().collect::<Vec<_>>()).collect();
        assert!(planes == tensor.data(), "{name}");
        checked += 1;
    }
    assert!(checked > 0);
}

/// All that are read.
const FORMATS: [ImageFormat; 6] =
    [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff];

/// 48 x 32 with a red left upper quarter and a blue rest.
fn sample() -> RgbImage {
    RgbImage::from_fn(
        48,
        32,
        |x, y| if x < 24 && y < 16 { image::Rgb([220, 20, 20]) } else { image::Rgb([20, 20, 220]) },
    )
}

fn encode(image: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn red(picture: &Image, x: usize, y: usize) -> bool {
    let pixel = &picture.rgb[(y * picture.width + x) * 3..][..3];
    pixel[0] > 150 && pixel[2] < 100
}

#[test]
fn every_format_gives_the_same_picture() {
    for format in FORMATS {
        let picture = Image::decode(&encode(sample().into(), format)).unwrap();
        assert_eq!((picture.width, picture.height), (48, 32), "{format:?}");
        assert!(red(&picture, 4, 4) && !red(&picture, 40, 4) && !red(&picture, 4, 28), "{format:?}");
    }
    let grey = Image::decode(&encode(DynamicImage::from(sample()).to_luma8().into(), ImageFormat::Jpeg)).unwrap();
    assert!(grey.rgb.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2]));
}

#[test]
fn alpha_is_dropped_and_of_16_bits_the_high_byte_kept() {
    let clear = image::RgbaImage::from_pixel(3, 2, image::Rgba([10, 20, 30, 0]));
    assert_eq!(Image::decode(&encode(clear.into(), ImageFormat::Png)).unwrap().rgb, [10, 20, 30].repeat(6));
    let deep = image::ImageBuffer::from_pixel(2, 2, image::Rgba([0x12ffu16, 0x3400, 0xffff, 5]));
    assert_eq!(Image::decode(&encode(deep.into(), ImageFormat::Png)).unwrap().rgb, [0x12, 0x34, 0xff].repeat(4));
    let deep = image::ImageBuffer::from_pixel(2, 2, image::Luma([0x80ffu16]));
    assert_eq!(Image::decode(&encode(deep.into(), ImageFormat::Png)).unwrap().rgb, [0x80; 12]);
}

/// A JPEG with an EXIF segment that says only its orientation.
fn oriented(orientation: u8) -> Vec<u8> {
    let jpeg = encode(sample().into(), ImageFormat::Jpeg);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xff, 0xe1, 0, exif.len() as u8 + 2]);
    bytes.extend(&exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

#[test]
fn exif_orientation_is_applied() {
    // Where the red quarter of the stored picture is seen: (right, below).
    let seen = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0), (1, 0), (1, 1), (0, 1)];
    for (orientation, (right, below)) in (1..=8).zip(seen) {
        let picture = Image::decode(&oriented(orientation)).unwrap();
        let size = if orientation < 5 { (48, 32) } else { (32, 48) };
        assert_eq!((picture.width, picture.height), size, "{orientation}");
        assert_eq!(Image::measure(&oriented(orientation)).unwrap(), [size.0, size.1], "{orientation}");
        for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
            let (at_x, at_y) = (picture.width / 4 + x * picture.width / 2, picture.height / 4 + y * picture.height / 2);
            assert_eq!(red(&picture, at_x, at_y), (x, y) == (right, below), "{orientation} {x} {y}");
        }
    }
    assert_eq!(Image::decode(&oriented(77)).unwrap().width, 48);
}

/// A PNG that is only a header, of any size.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encode(RgbImage::new(1, 1).into(), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = bytes[12..29].iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ byte as u32, |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    });
    bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
    bytes
}

#[test]
fn a_huge_picture_is_refused_by_its_header() {
    let error = Image::decode(&png_header(30_000, 30_000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Image);
    assert!(error.to_string().contains("30000x30000"), "{error}");
    assert!(Image::decode(&png_header(u32::MAX >> 1, 1 << 20)).is_err());
    assert!(Image::decode(&png_header(0, 5)).is_err());
    let mut jpeg = encode(sample().into(), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x75, 0x30, 0x75, 0x30]);
    assert!(Image::decode(&jpeg).unwrap_err().to_string().contains("30000x30000"));
}

#[test]
fn what_is_no_picture_is_an_error_with_advice() {
    for (bytes, says) in [
        (&b""[..], "empty"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "HTML"),
        (b"\n <html>", "HTML"),
        (b"hello", "JPEG, PNG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPG"),
        (b"GIF89a", "GIF"),
    ] {
        let error = Image::decode(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Image);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_jpeg_that_breaks_off_gives_what_is_there() {
    let jpeg = encode(DynamicImage::from(sample()).resize_exact(480, 320, image::imageops::Nearest), ImageFormat::Jpeg);
    let scan = jpeg.windows(2).position(|w| w == [0xff, 0xda]).unwrap();
    let picture = Image::decode(&jpeg[..scan + (jpeg.len() - scan) / 2]).unwrap();
    assert_eq!((picture.width, picture.height), (480, 320));
    assert!(red(&picture, 10, 10));
}

#[test]
fn broken_files_never_panic() {
    for format in FORMATS {
        let whole = encode(sample().into(), format);
        for length in 0..whole.len() {
            let _ = Image::decode(&whole[..length]);
        }
        let half = Image::decode(&whole[..whole.len() / 2]);
        assert!(format == ImageFormat::Jpeg || half.is_err(), "{format:?}");
        let mut state = 1u32;
        for _ in 0..300 {
            let mut broken = whole.clone();
            for _ in 0..4 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % broken.len();
                broken[at] = state as u8;
            }
            let _ = Image::decode(&broken);
        }
    }
}

/// A little-endian TIFF of 2 x 1 pixels, RGB, with these tags more: (tag, value), in rising order with the others.
fn tiff(more: &[(u16, u32)]) -> Vec<u8> {
    let pixels: [u8; 6] = [1, 2, 3, 4, 5, 6];
    let usual =
        [(256, 2), (257, 1), (258, 8), (259, 1), (262, 2), (273, 8), (277, 3), (278, 1), (279, pixels.len() as u32)];
    let mut tags: Vec<(u16, u32)> = usual.into_iter().chain(more.iter().copied()).collect();
    tags.sort();
    let mut bytes = b"II*\0".to_vec();
    bytes.extend(16u32.to_le_bytes());
    bytes.extend(pixels);
    bytes.extend([0, 0]);
    bytes.extend((tags.len() as u16).to_le_bytes());
    for (tag, value) in tags {
        bytes.extend(tag.to_le_bytes());
        bytes.extend([4, 0, 1, 0, 0, 0]);
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes
}

#[test]
fn tiff_is_read_and_a_raw_file_is_not() {
    let refused = |bytes: &[u8], words: &str| {
        let error = Image::decode(bytes).unwrap_err().to_string();
        assert!(error.contains(words), "{words:?} in {error:?}");
    };
    assert_eq!(Image::decode(&tiff(&[])).unwrap().rgb, [1, 2, 3, 4, 5, 6]);
    assert_eq!(Image::decode(&tiff(&[(254, 0), (330, 8)])).unwrap().width, 2);
    // What a raw file shows is a preview: of DNG, of NEF and ARW, of a camera's file with pictures inside.
    for raw in [tiff(&[(50706, 1)]), tiff(&[(254, 1)]), tiff(&[(271, 8), (330, 8)])] {
        refused(&raw, "raw");
    }
    refused(&[&tiff(&[])[..4], &[16, 0, 0, 0], b"CR\x02\0", &tiff(&[])[12..]].concat(), "raw");
    refused(b"II+\0\x08\0\0\0", "BigTIFF");
    // Its directory lies behind its end.
    refused(b"II*\0\xff\xff\xff\xff", "TIFF picture is damaged");
    // 4 billion pixels a side; strips that are not there.
    let mut huge = tiff(&[]);
    huge[26..30].copy_from_slice(&u32::MAX.to_le_bytes());
    huge[38..42].copy_from_slice(&u32::MAX.to_le_bytes());
    refused(&huge, "TIFF");
    let deep = image::ImageBuffer::from_pixel(2, 2, image::Rgb([0x12ffu16, 0x3400, 0xffff]));
    assert_eq!(Image::decode(&encode(deep.into(), ImageFormat::Tiff)).unwrap().rgb, [0x12, 0x34, 0xff].repeat(4));
    let float = image::ImageBuffer::from_pixel(2, 2, image::Rgb([200.0f32, 3.0, 0.5]));
    refused(&encode(DynamicImage::ImageRgb32F(float), ImageFormat::Tiff), "floating-point");
}

/// An 8x8 JPEG in CMYK as Adobe writes it (inverted): one block per channel, only its mean.
fn cmyk_magenta() -> Vec<u8> {
    let mut bytes = b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0".to_vec();
    bytes.extend([0xff, 0xdb, 0, 67, 0]);
    bytes.extend([8; 64]);
    bytes.extend([0xff, 0xc0, 0, 20, 8, 0, 8, 0, 8, 4]);
    (1..=4).for_each(|channel| bytes.extend([channel, 0x11, 0]));
    // DC: `0` is 7 bits, `10` is 8 bits; AC: `0` ends the block.
    bytes.extend([0xff, 0xc4, 0, 21, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 8]);
    bytes.extend([0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend([0xff, 0xda, 0, 14, 4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0]);
    let (full, none) = ("011111110", "10011111110");
    let bits = [full, none, full, full].concat() + "11";
    bytes.extend(bits.as_bytes().chunks(8).map(|bits| bits.iter().fold(0, |byte, &bit| byte << 1 | (bit & 1))));
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn cmyk_becomes_rgb() {
    let picture = Image::decode(&cmyk_magenta()).unwrap();
    assert_eq!((picture.width, picture.height), (8, 8));
    for pixel in picture.rgb.chunks_exact(3) {
        assert!(pixel[0] > 250 && pixel[1] < 5 && pixel[2] > 250, "{pixel:?}");
    }
}
