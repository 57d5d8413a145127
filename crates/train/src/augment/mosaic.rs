//! Four pictures around a random point.

use fastrand::Rng;
use ghostdet::image::Image;

use super::{BORDER, Example, boxes};

/// Puts up to four examples (each at most `size`: height, width) around a random centre of a canvas of twice that size:
/// top left, top right, bottom left, bottom right. What sticks out is cut off, boxes included.
pub fn mosaic(parts: &[Example], size: [usize; 2], rng: &mut Rng) -> Example {
    let [height, width] = [size[0] * 2, size[1] * 2];
    let mut centre = |side: usize| (side as f32 * (0.5 + rng.f32())) as usize;
    let (yc, xc) = (centre(size[0]), centre(size[1]));
    let mut rgb = vec![BORDER; width * height * 3];
    let mut labels = Vec::new();
    let mut regions = Vec::new();
    for (i, part) in parts.iter().take(4).enumerate() {
        let (w, h) = (part.picture.width, part.picture.height);
        // From `start` of the canvas on, `skip` of the picture are left out, `length` are drawn.
        let before = |centre: usize, side: usize| {
            let length = side.min(centre);
            (centre - length, side - length, length)
        };
        let after = |centre: usize, side: usize, end: usize| (centre, 0, side.min(end - centre));
        let (x, skip_x, columns) = if i % 2 == 0 { before(xc, w) } else { after(xc, w, width) };
        let (y, skip_y, rows) = if i < 2 { before(yc, h) } else { after(yc, h, height) };
        for row in 0..rows {
            let from = &part.picture.rgb[((skip_y + row) * w + skip_x) * 3..][..columns * 3];
            rgb[((y + row) * width + x) * 3..][..columns * 3].copy_from_slice(from);
        }
        let (left, top) = (x as f32 - skip_x as f32, y as f32 - skip_y as f32);
        let place = |bounds: &mut boxes::Corners| {
            boxes::shift(bounds, left, top);
            boxes::clip(bounds, width as f32, height as f32);
        };
        let (first_label, first_region) = (labels.len(), regions.len());
        labels.extend(part.boxes.iter().copied());
        regions.extend(part.regions.iter().cloned());
        labels[first_label..].iter_mut().for_each(|label| place(&mut label.bounds));
        regions[first_region..].iter_mut().for_each(|region| place(&mut region.bounds));
    }
    Example { picture: Image { width, height, rgb }, boxes: labels, regions }
}
