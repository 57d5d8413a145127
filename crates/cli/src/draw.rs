//! Annotated pictures: boxes in class colours with labels, and encoding to JPEG or PNG.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use ghostdet::detection::Detection;
use ghostdet::image::Image;
use ghostdet::tracking::Border;
use ghostdet::{Error, ErrorKind, Result};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

type Color = [u8; 3];

/// Colours by class number: neighbours differ strongly.
const PALETTE: [Color; 20] = [
    [0xff, 0x3b, 0x30],
    [0x0a, 0x84, 0xff],
    [0x34, 0xc7, 0x59],
    [0xff, 0xb3, 0x00],
    [0xaf, 0x52, 0xde],
    [0x00, 0xc7, 0xd9],
    [0xff, 0x6d, 0xb0],
    [0xb8, 0xe6, 0x1e],
    [0xff, 0x7a, 0x1a],
    [0x58, 0x56, 0xe8],
    [0x00, 0x9e, 0x84],
    [0xe6, 0x00, 0x7e],
    [0xff, 0xe0, 0x3d],
    [0x7f, 0xc8, 0xff],
    [0xa2, 0x84, 0x5e],
    [0x7c, 0xff, 0xb2],
    [0xc0, 0x1c, 0x4a],
    [0x2f, 0x6f, 0xb0],
    [0xd8, 0xa6, 0xff],
    [0x6e, 0x8b, 0x1f],
];

/// The colour of a class.
pub fn class_color(class: usize) -> Color {
    PALETTE[class % PALETTE.len()]
}

/// A rectangle of whole pixels, right and bottom exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rect {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Rect {
    fn meets(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

/// The picture with every detection drawn: a box in the class's colour and a label with name and score.
///
/// Line and text grow with the picture. The best detections lie on top; labels stay inside the picture and, where
/// there is room, off each other.
pub fn annotate(image: &Image, detections: &[Detection], names: &[String]) -> Image {
    annotate_as(image, detections, |_, class| names.get(class).cloned().unwrap_or_else(|| format!("class {class}")))
}

/// The same with names of one's own, by the detection's index and class.
pub fn annotate_as(image: &Image, detections: &[Detection], name: impl Fn(usize, usize) -> String) -> Image {
    let mut canvas = image.clone();
    let mean_side = (image.width + image.height) as f32 / 2.0;
    let line = (mean_side * 0.003).round().max(2.0) as usize;
    let mut drawn: Vec<(usize, &Detection, Rect)> =
        detections.iter().enumerate().filter_map(|(at, d)| Some((at, d, visible(&d.bounds, line, image)?))).collect();
    drawn.sort_by(|a, b| a.1.score.total_cmp(&b.1.score));
    for (_, detection, rect) in &drawn {
        outline(&mut canvas, *rect, line, class_color(detection.class));
    }
    let Ok(font) = FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR) else { return canvas };
    // 16 pixels in a 640-pixel picture; thumbnails go down to 9.
    let size = (mean_side * 0.025).max((mean_side * 0.06).clamp(9.0, 12.0)).round();
    let style = Style { font, size, line };
    // Places are given from the best down, chips are drawn from the worst up.
    let mut chips: Vec<Chip> = Vec::new();
    let mut taken: Vec<Rect> = Vec::new();
    for (at, detection, rect) in drawn.iter().rev() {
        let name = name(*at, detection.class);
        if let Some(chip) = style.place(&name, detection, *rect, image, &taken) {
            taken.push(chip.rect);
            chips.push(chip);
        }
    }
    for chip in chips.iter().rev() {
        chip.draw(&style.font, &mut canvas);
    }
    canvas
}

/// Draws a line or the outline of a zone, white with a black edge.
pub fn border(canvas: &mut Image, border: &Border) {
    let corners = border.corners();
    let closing = if border.is_line() { None } else { corners.first() };
    let ends: Vec<&[f32; 2]> = corners.iter().chain(closing).collect();
    let thickness = ((canvas.width + canvas.height) as f32 * 0.002).max(2.0).round();
    for (thickness, color) in [(2.0 * thickness, [0, 0, 0]), (thickness, [0xff, 0xff, 0xff])] {
        ends.windows(2).for_each(|ends| segment(canvas, *ends[0], *ends[1], thickness, color));
    }
}

/// A straight line of squares; what lies outside of the picture is left out.
fn segment(canvas: &mut Image, start: [f32; 2], end: [f32; 2], thickness: f32, color: Color) {
    let Some([start, end]) = clipped(start, end, [canvas.width as f32, canvas.height as f32]) else { return };
    let steps = (end[0] - start[0]).abs().max((end[1] - start[1]).abs()).ceil().max(1.0);
    for step in 0..=steps as usize {
        let part = step as f32 / steps;
        let [x, y] = [0, 1].map(|i| start[i] + part * (end[i] - start[i]) - thickness / 2.0);
        let at = |v: f32| v.round().max(0.0) as usize;
        let (left, top, right, bottom) = (at(x), at(y), at(x + thickness), at(y + thickness));
        fill(canvas, Rect { left, top, right, bottom: bottom.min(canvas.height) }, color);
    }
}

/// The part of a line inside of `[0, width] x [0, height]` (Liang and Barsky).
fn clipped(start: [f32; 2], end: [f32; 2], size: [f32; 2]) -> Option<[[f32; 2]; 2]> {
    let (start, end, size) = (start.map(f64::from), end.map(f64::from), size.map(f64::from));
    let (mut from, mut to) = (0.0f64, 1.0f64);
    for i in 0..2 {
        let way = end[i] - start[i];
        if way == 0.0 {
            if !(0.0..=size[i]).contains(&start[i]) {
                return None;
            }
            continue;
        }
        let ends = [-start[i] / way, (size[i] - start[i]) / way];
        from = from.max(ends[0].min(ends[1]));
        to = to.min(ends[0].max(ends[1]));
    }
    let at = |part: f64| std::array::from_fn(|i| (start[i] + part * (end[i] - start[i])) as f32);
    (from <= to).then(|| [at(from), at(to)])
}

/// The outer edge of a box's line, inside the picture; `None` if nothing of it can be seen.
fn visible(bounds: &[f32; 4], line: usize, image: &Image) -> Option<Rect> {
    let [x1, y1, x2, y2] = *bounds;
    let (width, height) = (image.width as f32, image.height as f32);
    if !bounds.iter().all(|v| v.is_finite()) || x2 <= 0.0 || y2 <= 0.0 || x1 >= width || y1 >= height {
        return None;
    }
    let half = line as f32 / 2.0;
    let rect = Rect {
        left: (x1 - half).round().max(0.0) as usize,
        top: (y1 - half).round().max(0.0) as usize,
        right: (x2 + half).round().clamp(0.0, width) as usize,
        bottom: (y2 + half).round().clamp(0.0, height) as usize,
    };
    (rect.left < rect.right && rect.top < rect.bottom).then_some(rect)
}

fn fill(canvas: &mut Image, rect: Rect, color: Color) {
    let (right, bottom) = (rect.right.min(canvas.width), rect.bottom.min(canvas.height));
    if rect.left >= right {
        return;
    }
    for y in rect.top..bottom {
        let row = &mut canvas.rgb[(y * canvas.width + rect.left) * 3..(y * canvas.width + right) * 3];
        row.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&color));
    }
}

fn outline(canvas: &mut Image, rect: Rect, line: usize, color: Color) {
    let Rect { left, top, right, bottom } = rect;
    fill(canvas, Rect { bottom: (top + line).min(bottom), ..rect }, color);
    fill(canvas, Rect { top: bottom.saturating_sub(line).max(top), ..rect }, color);
    fill(canvas, Rect { right: (left + line).min(right), ..rect }, color);
    fill(canvas, Rect { left: right.saturating_sub(line).max(left), ..rect }, color);
}

/// A label: a filled rectangle with text.
struct Chip {
    rect: Rect,
    text: String,
    size: f32,
    padding: f32,
    color: Color,
}

/// How all labels of a picture look.
struct Style {
    font: FontRef<'static>,
    size: f32,
    line: usize,
}

impl Style {
    /// Finds the text and the place of a label: above the box if that is free, else inside, else below.
    fn place(&self, name: &str, detection: &Detection, target: Rect, image: &Image, taken: &[Rect]) -> Option<Chip> {
        let Style { font, size, line } = self;
        let (size, line) = (*size, *line);
        let room = image.width as f32;
        let full = format!("{name} {:.2}", detection.score);
        // Too wide for the picture: smaller, then without the score, then cut.
        let fits = |text: &str, size: f32| text_width(font, text, size) + 2.0 * padding(size) <= room;
        let smaller = (size * 0.75).max(9.0).min(size);
        let (text, size) = [(full.as_str(), size), (&full, smaller), (name, smaller)]
            .into_iter()
            .find(|(text, size)| fits(text, *size))
            .map(|(text, size)| (text.to_owned(), size))
            .or_else(|| {
                let mut text = name.to_owned();
                while !fits(&text, smaller) && text.pop().is_some() {}
                (!text.is_empty()).then_some((text, smaller))
            })?;
        let padding = padding(size);
        let width = (text_width(font, &text, size) + 2.0 * padding).ceil() as usize;
        let width = width.min(image.width);
        let height = ((size + padding).ceil() as usize).min(image.height);
        let at = |left: usize, top: usize| {
            let left = left.min(image.width - width);
            let top = top.min(image.height - height);
            Rect { left, top, right: left + width, bottom: top + height }
        };
        let from_right = target.right.saturating_sub(width);
        let mut places = Vec::new();
        if target.top + line >= height {
            places.push(at(target.left, target.top + line - height));
            places.push(at(from_right, target.top + line - height));
        }
        places.push(at(target.left, target.top));
        if target.bottom + height <= image.height + line {
            places.push(at(target.left, target.bottom.saturating_sub(line)));
        }
        places.push(at(from_right, target.top));
        places.push(at(target.left, target.bottom.saturating_sub(height)));
        let free = places.iter().find(|place| !taken.iter().any(|other| other.meets(place)));
        let rect = *free.or(places.first())?;
        Some(Chip { rect, text, size, padding, color: class_color(detection.class) })
    }
}

impl Chip {
    fn draw(&self, font: &FontRef<'_>, canvas: &mut Image) {
        fill(canvas, self.rect, self.color);
        let ink = ink_on(self.color);
        let scaled = font.as_scaled(PxScale::from(self.size));
        let height = (self.rect.bottom - self.rect.top) as f32;
        let baseline = self.rect.top as f32 + (height + scaled.ascent() + scaled.descent()) / 2.0;
        let mut x = self.rect.left as f32 + self.padding;
        for character in self.text.chars() {
            let id = scaled.glyph_id(character);
            let glyph = id.with_scale_and_position(self.size, point(x, baseline.round()));
            x += scaled.h_advance(id);
            let Some(outlined) = font.outline_glyph(glyph) else { continue };
            let bounds = outlined.px_bounds();
            outlined.draw(|dx, dy, cover| {
                let (px, py) = (bounds.min.x + dx as f32, bounds.min.y + dy as f32);
                let rect = &self.rect;
                if px < rect.left as f32 || py < rect.top as f32 {
                    return;
                }
                let (px, py) = (px as usize, py as usize);
                if px < rect.right && py < rect.bottom {
                    let cover = cover.clamp(0.0, 1.0);
                    let pixel = &mut canvas.rgb[(py * canvas.width + px) * 3..][..3];
                    for (to, ink) in pixel.iter_mut().zip(ink) {
                        *to = (*to as f32 + (ink as f32 - *to as f32) * cover).round() as u8;
                    }
                }
            });
        }
    }
}

fn padding(size: f32) -> f32 {
    (size * 0.3).round().max(2.0)
}

fn text_width(font: &FontRef<'_>, text: &str, size: f32) -> f32 {
    let scaled = font.as_scaled(PxScale::from(size));
    text.chars().map(|c| scaled.h_advance(scaled.glyph_id(c))).sum()
}

/// White where it can be read well (contrast of at least 3 as in WCAG), else black.
fn ink_on(color: Color) -> Color {
    let linear = color.map(|v| (v as f32 / 255.0).powf(2.2));
    let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    if 1.05 / (luminance + 0.05) >= 3.0 { [255, 255, 255] } else { [0, 0, 0] }
}

/// The picture as a JPEG of quality 92.
pub fn encode_jpeg(image: &Image) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(image, JpegEncoder::new_with_quality(&mut bytes, 92))?;
    Ok(bytes)
}

/// The picture as a PNG.
pub fn encode_png(image: &Image) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write(image, PngEncoder::new(&mut bytes))?;
    Ok(bytes)
}

/// The picture in the format of a file name's extension (jpg, jpeg or png, in any case).
pub fn encode(image: &Image, extension: &str) -> Result<Vec<u8>> {
    match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => encode_jpeg(image),
        "png" => encode_png(image),
        other => {
            Err(Error::new(ErrorKind::Argument, format!("pictures can't be written as {other:?}"))
                .hint("use .jpg or .png"))
        }
    }
}

fn write(image: &Image, encoder: impl ImageEncoder) -> Result<()> {
    let fail = |what: String| Error::new(ErrorKind::Image, format!("the picture can't be written: {what}"));
    let side = |side: usize| u32::try_from(side).map_err(|_| fail("it is too large".into()));
    encoder
        .write_image(&image.rgb, side(image.width)?, side(image.height)?, ExtendedColorType::Rgb8)
        .map_err(|error| fail(error.to_string()))
}

#[cfg(test)]
mod tests;
