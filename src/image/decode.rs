//! Encoded pictures (JPEG, PNG, WebP, BMP, GIF, TIFF) to RGB.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{Image, check_size, tiff};
use crate::{Error, ErrorKind, Result};

/// Memory the codecs may take for one picture.
const MAX_CODEC_BYTES: u64 = 1 << 30;

impl Image {
    /// Decodes JPEG (also grey and CMYK), PNG, WebP, BMP, GIF (the first frame) or TIFF (the first page), found by content.
    ///
    /// - EXIF orientation is applied. Alpha is dropped, not blended; of 16-bit channels the high byte is kept.
    /// - The size in the header is checked against [`super::MAX_PIXELS`] before memory is taken.
    /// - A JPEG that breaks off in its pixels gives the part that is there (as OpenCV does), the rest is grey;
    ///   every other incomplete file is an error.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Image`]: an unknown format, damaged data, no pixels or too many.
    pub fn decode(bytes: &[u8]) -> Result<Image> {
        if bytes.is_empty() {
            return Err(Error::new(ErrorKind::Image, "the file is empty (0 bytes)"));
        }
        // The codecs are foreign code on foreign bytes: a panic of theirs fails this picture only.
        catch_unwind(AssertUnwindSafe(|| decode(bytes)))
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Image, "the picture can't be decoded: the decoder crashed")))
    }

    /// `[width, height]` of a picture file as [`Image::decode`] would give it, from its header alone: the pixels may
    /// still be damaged.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Image`]: an unknown format, a damaged header, no pixels or too many.
    pub fn measure(bytes: &[u8]) -> Result<[usize; 2]> {
        catch_unwind(AssertUnwindSafe(|| measure(bytes)))
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Image, "the picture can't be measured: the decoder crashed")))
    }
}

fn measure(bytes: &[u8]) -> Result<[usize; 2]> {
    let (_, mut decoder) = open(bytes)?;
    let (width, height) = decoder.dimensions();
    let turned = matches!(
        decoder.orientation().unwrap_or(Orientation::NoTransforms),
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH
    );
    let size = [width as usize, height as usize];
    Ok(if turned { [size[1], size[0]] } else { size })
}

/// The decoder of a picture whose size is acceptable.
fn open(bytes: &[u8]) -> Result<(ImageFormat, impl ImageDecoder + '_)> {
    let read =
        [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff];
    let Some(format) = image::guess_format(bytes).ok().filter(|format| read.contains(format)) else {
        return Err(unknown(bytes));
    };
    if format == ImageFormat::Tiff && tiff::is_raw(bytes) {
        return Err(named("a camera's raw file"));
    }
    let fail = |error| failure(format, error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_CODEC_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(fail)?;
    let (width, height) = decoder.dimensions();
    check_size(width as usize, height as usize)?;
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        let text = "a picture of floating-point numbers, whose range is not told, is not read";
        return Err(Error::new(ErrorKind::Image, text).hint("save it with 8 or 16 bits a channel"));
    }
    if decoder.total_bytes() > MAX_CODEC_BYTES {
        return Err(Error::new(ErrorKind::Image, format!("the {width}x{height} picture needs too much memory")));
    }
    Ok((format, decoder))
}

fn decode(bytes: &[u8]) -> Result<Image> {
    let (format, mut decoder) = open(bytes)?;
    // Broken EXIF data is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(|error| failure(format, error))?;
    let mut image = DynamicImage::ImageRgb8(rgb(image));
    image.apply_orientation(orientation);
    let image = image.into_rgb8();
    let (width, height) = image.dimensions();
    Image::new(width as usize, height as usize, image.into_raw())
}

/// 8-bit RGB: alpha dropped, the high byte of 16 bits.
fn rgb(image: DynamicImage) -> image::RgbImage {
    let (width, height) = (image.width(), image.height());
    let high = |value: u16| (value >> 8) as u8;
    let bytes: Vec<u8> = match image {
        DynamicImage::ImageRgb8(image) => return image,
        DynamicImage::ImageLuma16(image) => image.pixels().flat_map(|p| [high(p[0]); 3]).collect(),
        DynamicImage::ImageLumaA16(image) => image.pixels().flat_map(|p| [high(p[0]); 3]).collect(),
        DynamicImage::ImageRgb16(image) => image.pixels().flat_map(|p| p.0.map(high)).collect(),
        DynamicImage::ImageRgba16(image) => image.pixels().flat_map(|p| [high(p[0]), high(p[1]), high(p[2])]).collect(),
        other => return other.into_rgb8(),
    };
    image::RgbImage::from_raw(width, height, bytes).unwrap_or_default()
}

/// First bytes of files that are no pictures, or of kinds that are not read.
const KINDS: [(usize, &[u8], &str); 33] = [
    (0, b"II+\0", "a BigTIFF picture"),
    (0, b"MM\0+", "a BigTIFF picture"),
    (0, b"IIRO", "a camera's raw file (ORF)"),
    (0, b"IIU\0", "a camera's raw file (RW2)"),
    (0, b"FUJIFILMCCD-RAW", "a camera's raw file (RAF)"),
    (4, b"ftypheic", "a HEIC picture"),
    (4, b"ftypheix", "a HEIC picture"),
    (4, b"ftyphevc", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIC picture"),
    (4, b"ftypmsf1", "a HEIC picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftypavis", "an AVIF picture"),
    (4, b"ftypcrx", "a camera's raw file (CR3)"),
    (0, b"\0\0\0\x0cjP", "a JPEG 2000 picture"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (0, b"\0\0\0\x0cJXL", "a JPEG XL picture"),
    (0, b"\xff\x0a", "a JPEG XL picture"),
    (0, b"8BPS", "a Photoshop picture"),
    (0, b"\0\0\x01\0", "an icon (ICO)"),
    (0, b"v/1\x01", "an OpenEXR picture"),
    (0, b"#?RADIANCE", "a Radiance HDR picture"),
    (0, b"qoif", "a QOI picture"),
    (0, b"DDS ", "a DDS picture"),
    (0, b"P5", "a PGM picture"),
    (0, b"P6", "a PPM picture"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"RIFF", "a video or sound (RIFF)"),
    (4, b"ftyp", "a video (MP4)"),
    (0, b"\x1a\x45\xdf\xa3", "a video (Matroska, WebM)"),
    (0, b"version https://git-lfs", "a Git LFS pointer (run `git lfs pull`)"),
    (0, b"<?xml", "XML"),
    (0, b"<svg", "an SVG drawing"),
];

fn unknown(bytes: &[u8]) -> Error {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]).trim_start().to_ascii_lowercase();
    let known = KINDS.iter().find(|(at, magic, _)| bytes.get(*at..).is_some_and(|rest| rest.starts_with(magic)));
    if start.starts_with("<!doctype") || start.starts_with("<html") {
        Error::new(ErrorKind::Image, "this is an HTML page, not a picture").hint(READ)
    } else if let Some((_, _, kind)) = known {
        named(kind)
    } else {
        Error::new(ErrorKind::Image, "this is no picture that is known here").hint(READ)
    }
}

const READ: &str = "JPEG, PNG, WebP, BMP, GIF and TIFF can be read";

fn named(kind: &str) -> Error {
    Error::new(ErrorKind::Image, format!("this is {kind}, which is not read")).hint(READ)
}

fn failure(format: ImageFormat, error: ImageError) -> Error {
    let name = format.extensions_str().first().copied().unwrap_or("picture").to_uppercase();
    match error {
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::DimensionError => {
            Error::new(ErrorKind::Image, format!("the {name} picture is too large"))
        }
        ImageError::Limits(_) => Error::new(ErrorKind::Image, format!("the {name} picture needs too much memory")),
        ImageError::Unsupported(error) => {
            Error::new(ErrorKind::Image, format!("this kind of {name} can't be read: {error}")).hint(READ)
        }
        error => Error::new(ErrorKind::Image, format!("the {name} picture is damaged: {error}"))
            .hint("is the file complete?"),
    }
}
