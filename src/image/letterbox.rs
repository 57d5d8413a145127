//! Letterbox: scale a picture into the network's rectangle, keep its aspect, fill the rest with a border.

use super::Image;
use super::resize::resize_into;

/// How a picture is brought to the network's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetterboxOptions {
    /// `[height, width]` to fit into.
    pub size: [usize; 2],
    /// Only as much border as makes the sides multiples of `stride` (minimal rectangle), not all of `size`.
    pub auto: bool,
    /// Stretch to `size`, no border (only without `auto`).
    pub scale_fill: bool,
    /// Small pictures may grow.
    pub scale_up: bool,
    /// What `auto` aligns to.
    pub stride: usize,
    /// Grey value of the border.
    pub color: u8,
}

impl Default for LetterboxOptions {
    fn default() -> Self {
        Self { size: [640, 640], auto: true, scale_fill: false, scale_up: true, stride: 32, color: 114 }
    }
}

/// Where a picture lies in its letterbox.
#[derive(Clone, Debug, PartialEq)]
pub struct Geometry {
    /// `[height, width]` of the result, border included.
    pub size: [usize; 2],
    /// `[width, height]` of the scaled picture without border, each at least 1.
    pub unpadded: [usize; 2],
    /// Scale in `[x, y]`.
    pub ratio: [f64; 2],
    /// Half the border in `[x, y]`, not rounded (may end in .5).
    pub pad: [f64; 2],
    /// Border rows above.
    pub top: usize,
    /// Border rows below.
    pub bottom: usize,
    /// Border columns on the left.
    pub left: usize,
    /// Border columns on the right.
    pub right: usize,
}

/// A letterboxed picture and where the original lies in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Letterboxed {
    /// The scaled picture with its border.
    pub image: Image,
    /// Scale in `[x, y]`.
    pub ratio: [f64; 2],
    /// Half the border in `[x, y]`, not rounded (may end in .5).
    pub pad: [f64; 2],
    /// All sizes.
    pub geometry: Geometry,
}

/// The sizes of the letterbox of a `width` x `height` picture. Zero sizes and a zero stride count as 1.
pub fn letterbox_geometry(width: usize, height: usize, options: &LetterboxOptions) -> Geometry {
    let (width, height) = (width.max(1), height.max(1));
    let [new_height, new_width] = options.size.map(|side| side.max(1));
    let mut scale = (new_height as f64 / height as f64).min(new_width as f64 / width as f64);
    if !options.scale_up {
        scale = scale.min(1.0);
    }
    // A side of a very long picture would vanish: it keeps one pixel.
    let scaled = |side: usize| ((side as f64 * scale).round_ties_even() as usize).max(1);
    let mut unpadded = [scaled(width), scaled(height)];
    let mut ratio = [scale, scale];
    let mut border = [new_width.saturating_sub(unpadded[0]), new_height.saturating_sub(unpadded[1])];
    if options.auto {
        border = border.map(|border| border % options.stride.max(1));
    } else if options.scale_fill {
        border = [0, 0];
        unpadded = [new_width, new_height];
        ratio = [new_width as f64 / width as f64, new_height as f64 / height as f64];
    }
    // An odd border has its smaller half above and on the left.
    let (left, top) = (border[0] / 2, border[1] / 2);
    let (right, bottom) = (border[0] - left, border[1] - top);
    Geometry {
        size: [unpadded[1] + border[1], unpadded[0] + border[0]],
        unpadded,
        ratio,
        pad: border.map(|border| border as f64 / 2.0),
        top,
        bottom,
        left,
        right,
    }
}

/// Scales and pads a picture, to the bit as OpenCV's `resize` (bilinear) and `copyMakeBorder` would.
pub fn letterbox(image: &Image, options: &LetterboxOptions) -> Letterboxed {
    let geometry = letterbox_geometry(image.width, image.height, options);
    let [height, width] = geometry.size;
    let mut rgb = vec![options.color; width * height * 3];
    let start = (geometry.top * width + geometry.left) * 3;
    resize_into(image, geometry.unpadded[0], geometry.unpadded[1], &mut rgb, width * 3, start);
    Letterboxed { image: Image { width, height, rgb }, ratio: geometry.ratio, pad: geometry.pad, geometry }
}
