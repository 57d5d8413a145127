//! Flips and mixup.

use fastrand::Rng;

use super::Example;

/// Swaps left and right.
pub fn flip_left_right(example: &mut Example) {
    let width = example.picture.width;
    for row in example.picture.rgb.chunks_exact_mut(width * 3) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
    let width = width as f32;
    for bounds in example.corners_mut() {
        let [x1, y1, x2, y2] = *bounds;
        *bounds = [width - x2, y1, width - x1, y2];
    }
}

/// Swaps top and bottom.
pub fn flip_up_down(example: &mut Example) {
    let (stride, height) = (example.picture.width * 3, example.picture.height);
    let rgb = &mut example.picture.rgb;
    for y in 0..height / 2 {
        let (above, below) = rgb.split_at_mut((height - 1 - y) * stride);
        above[y * stride..][..stride].swap_with_slice(&mut below[..stride]);
    }
    let height = height as f32;
    for bounds in example.corners_mut() {
        let [x1, y1, x2, y2] = *bounds;
        *bounds = [x1, height - y2, x2, height - y1];
    }
}

/// Both pictures blended about half and half, with the boxes of both. They must be of one size.
pub fn mix(first: Example, second: Example, rng: &mut Rng) -> Example {
    // The middle one of 63 uniform numbers has the distribution Beta(32, 32).
    let mut draws: [f32; 63] = std::array::from_fn(|_| rng.f32());
    draws.sort_unstable_by(f32::total_cmp);
    let share = (draws[31] * 256.0).round() as u16;
    let mut mixed = first;
    for (a, b) in mixed.picture.rgb.iter_mut().zip(&second.picture.rgb) {
        *a = ((u16::from(*a) * share + u16::from(*b) * (256 - share)) >> 8) as u8;
    }
    mixed.boxes.extend(second.boxes);
    mixed.regions.extend(second.regions);
    mixed
}
