//! Images: pixels, decoding, resizing and letterboxing.
//!
//! ```
//! use ghostdet::image::{Image, LetterboxOptions, letterbox};
//!
//! let image = Image::new(200, 100, vec![255; 200 * 100 * 3])?; // width, height, RGB bytes
//! let boxed = letterbox(&image, &LetterboxOptions { size: [320, 320], ..LetterboxOptions::default() });
//! // Scaled by 1.6 to 320x160; `auto` adds no more border than the stride of 32 asks for.
//! assert_eq!([boxed.image.height, boxed.image.width], [160, 320]);
//! # Ok::<(), ghostdet::Error>(())
//! ```
//!
//! Without the feature `decode` nothing here needs a codec: the browser hands over RGBA pixels
//! ([`Image::from_rgba`]), everything else works the same.

#[cfg(feature = "decode")]
mod decode;
mod letterbox;
mod resize;
#[cfg(feature = "decode")]
mod tiff;

pub use letterbox::{Geometry, LetterboxOptions, Letterboxed, letterbox, letterbox_geometry};
pub use resize::{resize, taps};

use crate::{Error, ErrorKind, Result};

/// No picture has more pixels than this (100 million): checked before any memory is taken.
pub const MAX_PIXELS: usize = 100_000_000;

/// An 8-bit RGB picture, rows from the top, pixels interleaved.
///
/// Make one with [`Image::new`], [`Image::from_rgba`] or `Image::decode`, which check that the sizes fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `height * width * 3` bytes, RGB.
    pub rgb: Vec<u8>,
}

impl Image {
    /// A picture from its RGB bytes, `height * width * 3` of them.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Image`]: an empty picture, more than [`MAX_PIXELS`], another number of bytes.
    pub fn new(width: usize, height: usize, rgb: Vec<u8>) -> Result<Self> {
        check_bytes(width, height, 3, rgb.len())?;
        Ok(Self { width, height, rgb })
    }

    /// A picture from RGBA bytes (a canvas's `ImageData`). Alpha is dropped, not blended.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn from_rgba(width: usize, height: usize, rgba: &[u8]) -> Result<Self> {
        check_bytes(width, height, 4, rgba.len())?;
        let mut rgb = vec![0; width * height * 3];
        for (to, from) in rgb.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
            to.copy_from_slice(&from[..3]);
        }
        Ok(Self { width, height, rgb })
    }
}

/// The number of pixels, if the picture has any and not too many.
fn check_size(width: usize, height: usize) -> Result<usize> {
    match width.checked_mul(height) {
        Some(0) => Err(Error::new(ErrorKind::Image, format!("the picture is empty ({width}x{height})"))),
        Some(pixels) if pixels <= MAX_PIXELS => Ok(pixels),
        _ => Err(Error::new(ErrorKind::Image, format!("the picture is too large ({width}x{height})"))
            .hint(format!("at most {} million pixels; scale it down first", MAX_PIXELS / 1_000_000))),
    }
}

fn check_bytes(width: usize, height: usize, channels: usize, found: usize) -> Result<()> {
    let expected = check_size(width, height)? * channels;
    if found != expected {
        return Err(Error::new(
            ErrorKind::Image,
            format!("a {width}x{height} picture with {channels} channels has {expected} bytes, not {found}"),
        ));
    }
    Ok(())
}
