//! Pictures: decoding, letterbox.

/// An 8-bit RGB picture, rows from the top, pixels interleaved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// `height * width * 3` bytes, RGB.
    pub rgb: Vec<u8>,
}
