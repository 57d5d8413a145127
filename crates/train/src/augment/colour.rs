//! Hue, saturation and value, in OpenCV's 8-bit HSV (hue 0 to 179).

use std::sync::LazyLock;

use fastrand::Rng;
use ghostdet::image::Image;

const SHIFT: i32 = 12;

/// Multiplies hue, saturation and value of the whole picture by a factor each, up to `gains` above or below 1.
pub fn shift_colours(picture: &mut Image, gains: [f32; 3], rng: &mut Rng) {
    if gains == [0.0; 3] {
        return;
    }
    let factors = gains.map(|gain| (rng.f32() * 2.0 - 1.0) * gain + 1.0);
    let hue: [u8; 256] = std::array::from_fn(|i| ((i as f32 * factors[0]) % 180.0) as u8);
    let scaled = |factor: f32| -> [u8; 256] { std::array::from_fn(|i| (i as f32 * factor).clamp(0.0, 255.0) as u8) };
    let (saturation, value) = (scaled(factors[1]), scaled(factors[2]));
    let divisors = &*DIVISORS;
    let (pixels, _) = picture.rgb.as_chunks_mut::<3>();
    for pixel in pixels {
        let [h, s, v] = hsv(*pixel, divisors);
        *pixel = rgb([hue[h as usize], saturation[s as usize], value[v as usize]]);
    }
}

/// `255 / i` and `30 / i` with 12 fraction bits.
static DIVISORS: LazyLock<[[i32; 256]; 2]> = LazyLock::new(|| {
    let table = |whole: f64| -> [i32; 256] {
        std::array::from_fn(|i| if i == 0 { 0 } else { (whole * f64::from(1 << SHIFT) / i as f64).round() as i32 })
    };
    [table(255.0), table(30.0)]
});

fn hsv(pixel: [u8; 3], [by_value, by_range]: &[[i32; 256]; 2]) -> [u8; 3] {
    let [r, g, b] = pixel.map(i32::from);
    let most = r.max(g).max(b);
    let range = most - r.min(g).min(b);
    let half = 1 << (SHIFT - 1);
    let saturation = (range * by_value[most as usize] + half) >> SHIFT;
    let hue = if most == r {
        g - b
    } else if most == g {
        b - r + 2 * range
    } else {
        r - g + 4 * range
    };
    let hue = (hue * by_range[range as usize] + half) >> SHIFT;
    let hue = if hue < 0 { hue + 180 } else { hue };
    [hue as u8, saturation as u8, most as u8]
}

fn rgb([h, s, v]: [u8; 3]) -> [u8; 3] {
    if s == 0 {
        return [v; 3];
    }
    let sixth = h / 30;
    let fraction = f32::from(h % 30) / 30.0;
    let (s, bright) = (f32::from(s) / 255.0, f32::from(v));
    let least = (bright * (1.0 - s) + 0.5) as u8;
    let falling = (bright * (1.0 - s * fraction) + 0.5) as u8;
    let rising = (bright * (1.0 - s * (1.0 - fraction)) + 0.5) as u8;
    match sixth {
        0 => [v, rising, least],
        1 => [falling, v, least],
        2 => [least, v, rising],
        3 => [least, falling, v],
        4 => [rising, least, v],
        _ => [v, least, falling],
    }
}
