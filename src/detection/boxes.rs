//! Boxes: conversions between their forms, overlap, and the way back from the network's input to the picture.

/// `[x, y, w, h]` (centre) to `[x1, y1, x2, y2]`.
pub fn xywh_to_xyxy([x, y, w, h]: [f32; 4]) -> [f32; 4] {
    [x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0]
}

/// `[x1, y1, x2, y2]` to `[x, y, w, h]` (centre).
pub fn xyxy_to_xywh([x1, y1, x2, y2]: [f32; 4]) -> [f32; 4] {
    [(x1 + x2) / 2.0, (y1 + y2) / 2.0, x2 - x1, y2 - y1]
}

/// Fractions `[x, y, w, h]` of a picture `(width, height)` to corners in pixels, moved by `pad` (x, y).
pub fn xywhn_to_xyxy(bounds: [f32; 4], (width, height): (f32, f32), pad: (f32, f32)) -> [f32; 4] {
    let [x1, y1, x2, y2] = xywh_to_xyxy(bounds);
    [width * x1 + pad.0, height * y1 + pad.1, width * x2 + pad.0, height * y2 + pad.1]
}

/// Corners in pixels to fractions `[x, y, w, h]` of a picture `(width, height)`; with `clip`, the corners are first
/// cut to the picture less that margin.
pub fn xyxy_to_xywhn(mut bounds: [f32; 4], (width, height): (f32, f32), clip: Option<f32>) -> [f32; 4] {
    if let Some(margin) = clip {
        clip_to(&mut bounds, width - margin, height - margin);
    }
    let [x, y, w, h] = xyxy_to_xywh(bounds);
    [x / width, y / height, w / width, h / height]
}

/// Cuts a box to `[0, width] x [0, height]`.
pub fn clip_to(bounds: &mut [f32; 4], width: f32, height: f32) {
    for (v, limit) in bounds.iter_mut().zip([width, height, width, height]) {
        *v = v.max(0.0).min(limit);
    }
}

/// The ratio and border of a letterbox, where they are known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RatioPad {
    /// Network input pixels for one picture pixel.
    pub gain: f64,
    /// Left and upper border, not rounded.
    pub pad: [f64; 2],
}

impl RatioPad {
    /// What follows from the sizes `[height, width]` alone.
    pub fn between(input: [usize; 2], image: [usize; 2]) -> Self {
        let [h1, w1] = input.map(|v| v as f64);
        let [h0, w0] = image.map(|v| v as f64);
        let gain = (h1 / h0).min(w1 / w0);
        Self { gain, pad: [(w1 - w0 * gain) / 2.0, (h1 - h0 * gain) / 2.0] }
    }
}

/// Brings boxes from the network's input back to the picture, cut to its edges. Sizes are `[height, width]`; without
/// `ratio_pad` ratio and border follow from them. An empty picture gives empty boxes.
pub fn scale_boxes(input: [usize; 2], boxes: &mut [[f32; 4]], image: [usize; 2], ratio_pad: Option<RatioPad>) {
    let RatioPad { gain, pad } = ratio_pad.unwrap_or_else(|| RatioPad::between(input, image));
    for bounds in boxes {
        for (i, v) in bounds.iter_mut().enumerate() {
            *v = (*v - pad[i % 2] as f32) / gain as f32;
        }
        clip_to(bounds, image[1] as f32, image[0] as f32);
    }
}

/// Intersection over union in fp32, as validation computes it (1e-7 in the denominator).
pub fn iou(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    let w = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let h = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let inter = w * h;
    let area = |c: &[f32; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    inter / (area(a) + area(b) - inter + 1e-7)
}
