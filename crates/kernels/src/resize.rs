//! Bilinear resizing, bit for bit what OpenCV's `INTER_LINEAR` computes for 8-bit pictures.
//!
//! Fixed point with 11 bits: every source row that is needed is resized horizontally once, kept as `i16`
//! (`(p0*a0 + p1*a1) >> 4` is at most 32640), and two such rows are blended into one result row.

const ONE: f32 = 2048.0;

/// Two neighbours and their weights (together 2048) for one place of the result.
#[derive(Clone, Copy, Debug)]
struct Tap {
    first: usize,
    second: usize,
    weight_first: i16,
    weight_second: i16,
}

impl Tap {
    fn new(first: usize, second: usize, fraction: f32) -> Self {
        let fixed = |weight: f32| (weight * ONE).round_ties_even() as i16;
        Self { first, second, weight_first: fixed(1.0 - fraction), weight_second: fixed(fraction) }
    }
}

/// Where the `index`-th of `to` places falls among `from` places: the place before it and the distance to it.
fn position(index: usize, from: usize, to: usize) -> (i64, f32) {
    let scale = 1.0 / (to as f64 / from as f64);
    let place = ((index as f64 + 0.5) * scale - 0.5) as f32;
    let before = place.floor();
    (before as i64, place - before)
}

/// Columns: outside the picture the fraction is dropped. `first` and `second` count bytes.
fn columns(from: usize, to: usize) -> Vec<Tap> {
    let last = from - 1;
    let tap = |index| match position(index, from, to) {
        (before, _) if before < 0 => Tap::new(0, 3.min(last * 3), 0.0),
        (before, _) if before as usize >= last => Tap::new(last * 3, last * 3, 0.0),
        (before, fraction) => Tap::new(before as usize * 3, before as usize * 3 + 3, fraction),
    };
    (0..to).map(tap).collect()
}

/// Rows: outside the picture only the places are clamped.
fn row(index: usize, from: usize, to: usize) -> Tap {
    let last = from as i64 - 1;
    let (before, fraction) = position(index, from, to);
    Tap::new(before.clamp(0, last) as usize, (before + 1).clamp(0, last) as usize, fraction)
}

/// For each of `to` places along a row (else along a column) of the result: the two places it is made of, and their
/// weights, which together are 2048.
pub fn taps(from: usize, to: usize, along_row: bool) -> Vec<[u32; 4]> {
    let (from, to) = (from.max(1), to.max(1));
    let numbers = |tap: Tap, step: usize| {
        [(tap.first / step) as u32, (tap.second / step) as u32, tap.weight_first as u32, tap.weight_second as u32]
    };
    match along_row {
        true => columns(from, to).into_iter().map(|tap| numbers(tap, 3)).collect(),
        false => (0..to).map(|index| numbers(row(index, from, to), 1)).collect(),
    }
}

/// Resizes the RGB bytes `rgb` of a picture of `from` = `[width, height]` to `to` = `[width, height]`, into `target`, whose rows are
/// `stride` bytes apart; the first starts at `start`. All sides are at least 1.
///
/// # Panics
/// If `rgb` or `target` is too short.
#[inline(never)]
pub fn resize_into(rgb: &[u8], from: [usize; 2], to: [usize; 2], target: &mut [u8], stride: usize, start: usize) {
    let [width, height] = to;
    let rows = target[start..].chunks_mut(stride).take(height).map(|row| &mut row[..width * 3]);
    let source_row = from[0] * 3;
    if to == from {
        rows.zip(rgb.chunks_exact(source_row)).for_each(|(to, from)| to.copy_from_slice(from));
    } else if [width * 2, height * 2] == from {
        rows.zip(rgb.chunks_exact(source_row * 2)).for_each(|(to, pair)| halve(pair.split_at(source_row), to));
    } else {
        bilinear(rgb, from, to, rows);
    }
}

/// Exactly half the size: the mean of 2x2 pixels.
fn halve((above, below): (&[u8], &[u8]), to: &mut [u8]) {
    let pairs = above.chunks_exact(6).zip(below.chunks_exact(6));
    for (to, (above, below)) in to.chunks_exact_mut(3).zip(pairs) {
        for c in 0..3 {
            let sum = above[c] as u16 + above[c + 3] as u16 + below[c] as u16 + below[c + 3] as u16;
            to[c] = ((sum + 2) >> 2) as u8;
        }
    }
}

fn bilinear<'a>(
    rgb: &[u8],
    [from_width, from_height]: [usize; 2],
    [width, height]: [usize; 2],
    rows: impl Iterator<Item = &'a mut [u8]>,
) {
    let taps = columns(from_width, width);
    let from = from_width * 3;
    let mut upper = Cached::new(width);
    let mut lower = Cached::new(width);
    for (index, to) in rows.enumerate() {
        let tap = row(index, from_height, height);
        let source = |y: usize| &rgb[y * from..][..from];
        if upper.holds != Some(tap.first) && lower.holds == Some(tap.first) {
            std::mem::swap(&mut upper, &mut lower);
        }
        upper.fill(tap.first, source(tap.first), &taps);
        if tap.weight_second == 0 {
            blend(&upper.values, 0, &upper.values, tap.weight_first, to);
        } else if tap.second == tap.first {
            blend(&upper.values, tap.weight_second, &upper.values, tap.weight_first, to);
        } else {
            lower.fill(tap.second, source(tap.second), &taps);
            blend(&lower.values, tap.weight_second, &upper.values, tap.weight_first, to);
        }
    }
}

/// One source row, resized horizontally.
struct Cached {
    holds: Option<usize>,
    values: Vec<i16>,
}

impl Cached {
    fn new(width: usize) -> Self {
        Self { holds: None, values: vec![0; width * 3] }
    }

    fn fill(&mut self, index: usize, source: &[u8], taps: &[Tap]) {
        if self.holds == Some(index) {
            return;
        }
        self.holds = Some(index);
        for (to, tap) in self.values.chunks_exact_mut(3).zip(taps) {
            let (first, second) = (&source[tap.first..tap.first + 3], &source[tap.second..tap.second + 3]);
            for c in 0..3 {
                let sum = first[c] as i32 * tap.weight_first as i32 + second[c] as i32 * tap.weight_second as i32;
                to[c] = (sum >> 4) as i16;
            }
        }
    }
}

fn blend(lower: &[i16], weight_lower: i16, upper: &[i16], weight_upper: i16, to: &mut [u8]) {
    let high = |value: i16, weight: i16| ((value as i32 * weight as i32) >> 16) as i16;
    for ((to, &lower), &upper) in to.iter_mut().zip(lower).zip(upper) {
        *to = ((high(upper, weight_upper) + high(lower, weight_lower) + 2) >> 2) as u8;
    }
}
