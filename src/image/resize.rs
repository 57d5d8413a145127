//! Resizing of images.

use super::Image;
pub use ghostdet_kernels::resize::taps;

/// The picture in another size, bilinear; sizes below 1 count as 1.
pub fn resize(image: &Image, width: usize, height: usize) -> Image {
    let (width, height) = (width.max(1), height.max(1));
    let mut rgb = vec![0; width * height * 3];
    resize_into(image, width, height, &mut rgb, width * 3, 0);
    Image { width, height, rgb }
}

/// Resizes to `width` x `height` into `target`, whose rows are `stride` bytes apart; the first starts at `start`.
pub(super) fn resize_into(image: &Image, width: usize, height: usize, target: &mut [u8], stride: usize, start: usize) {
    let from = [image.width, image.height];
    ghostdet_kernels::resize::resize_into(&image.rgb, from, [width, height], target, stride, start);
}
