//! Encoded pictures (JPEG, PNG, WebP, BMP, GIF) to RGB.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{Image, check_size};
use crate::{Error, ErrorKind, Result};

/// Memory the codecs may take for one picture.
const MAX_CODEC_BYTES: u64 = 1 << 30;

impl Image {
    /// Decodes JPEG (also grey and CMYK), PNG, WebP, BMP or GIF (the first frame), found by content.
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
    let Ok(format) = image::guess_format(bytes) else { return Err(unknown(bytes)) };
    let fail = |error| failure(format, error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_CODEC_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(fail)?;
    let (width, height) = decoder.dimensions();
    check_size(width as usize, height as usize)?;
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

fn unknown(bytes: &[u8]) -> Error {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(256)]).trim_start().to_ascii_lowercase();
    let what = if start.starts_with("<!doctype") || start.starts_with("<html") {
        "this is an HTML page, not a picture"
    } else {
        "this is no picture that is known here"
    };
    Error::new(ErrorKind::Image, what).hint("JPEG, PNG, WebP, BMP and GIF can be read")
}

fn failure(format: ImageFormat, error: ImageError) -> Error {
    let name = format.extensions_str().first().copied().unwrap_or("picture").to_uppercase();
    match error {
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::DimensionError => {
            Error::new(ErrorKind::Image, format!("the {name} picture is too large"))
        }
        ImageError::Limits(_) => Error::new(ErrorKind::Image, format!("the {name} picture needs too much memory")),
        ImageError::Unsupported(error) => {
            Error::new(ErrorKind::Image, format!("this kind of {name} can't be read: {error}"))
                .hint("JPEG, PNG, WebP, BMP and GIF can be read")
        }
        error => Error::new(ErrorKind::Image, format!("the {name} picture is damaged: {error}"))
            .hint("is the file complete?"),
    }
}
