//! AutoAnchor: do the anchors fit the labels, and which would fit better?

use fastrand::Rng;
use ghostdet::Result;
use ghostdet::data::Dataset;
use ghostdet::image::Image;

/// With a best possible recall above this, the anchors stay.
pub const ENOUGH: f64 = 0.98;
/// Labels beyond this number are left out of the search (a sample is taken, evenly).
const MOST_LABELS: usize = 20_000;
/// Starts of k-means, of which the best one counts.
const STARTS: usize = 30;
/// Steps of one start at most.
const STEPS: usize = 100;
/// Generations of the genetic search.
const GENERATIONS: usize = 1000;

/// How well anchors fit labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Best possible recall: the share of labels that at least one anchor fits (0 to 1).
    pub recall: f64,
    /// How many anchors fit a label on average.
    pub anchors: f64,
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoAnchor {
    /// How the anchors fitted.
    pub before: Fit,
    /// Better anchors, if there are any: levels as before, small ones first; width and height in pixels.
    pub better: Option<(Vec<Vec<[f32; 2]>>, Fit)>,
}

/// Looks how well `anchors` (by level, pixels) fit labels of these `sizes` (width, height in pixels at the training
/// size). An anchor fits if no side is `ratio` times the other's (4 in YOLOv5). With a best possible recall of 0.98
/// or less, better ones are searched for.
///
/// The same seed finds the same anchors. Without labels everything fits.
pub fn check(anchors: &[Vec<[f32; 2]>], sizes: &[[f32; 2]], ratio: f32, seed: u64) -> AutoAnchor {
    let flat: Vec<[f32; 2]> = anchors.iter().flatten().copied().collect();
    let sizes: Vec<[f32; 2]> = sizes.iter().copied().filter(|s| s.iter().all(|v| v.is_finite() && *v > 0.0)).collect();
    let mut rng = Rng::with_seed(seed);
    // Training scales pictures: labels are taken a little larger and smaller than they are.
    let scaled: Vec<[f32; 2]> = sizes
        .iter()
        .map(|size| {
            let factor = 0.9 + 0.2 * rng.f32();
            size.map(|side| side * factor)
        })
        .collect();
    let before = fit(&flat, &scaled, ratio);
    if before.recall > ENOUGH || flat.is_empty() {
        return AutoAnchor { before, better: None };
    }
    let found = search(flat.len(), &sizes, ratio, &mut rng);
    let after = found.as_deref().map(|found| fit(found, &scaled, ratio));
    let better = match (found, after) {
        (Some(found), Some(after)) if after.recall > before.recall => {
            let mut rest = found.into_iter();
            Some((anchors.iter().map(|level| rest.by_ref().take(level.len()).collect()).collect(), after))
        }
        _ => None,
    };
    AutoAnchor { before, better }
}

/// How well anchors fit sizes (all in pixels).
pub fn fit(anchors: &[[f32; 2]], sizes: &[[f32; 2]], ratio: f32) -> Fit {
    if sizes.is_empty() {
        return Fit { recall: 1.0, anchors: anchors.len() as f64 };
    }
    let (mut found, mut all) = (0usize, 0usize);
    for size in sizes {
        let count = anchors.iter().filter(|anchor| likeness(size, anchor) > 1.0 / ratio).count();
        found += usize::from(count > 0);
        all += count;
    }
    Fit { recall: found as f64 / sizes.len() as f64, anchors: all as f64 / sizes.len() as f64 }
}

/// Width and height in pixels of the labels of a data set, its pictures scaled so that their longer side is `imgsz`.
///
/// At most `pictures` pictures are looked at, spread evenly over the set; those that can't be read are left out.
///
/// # Errors
/// When not a single picture can be read: what is wrong with the first.
pub fn label_sizes(data: &Dataset, imgsz: usize, pictures: usize) -> Result<Vec<[f32; 2]>> {
    let count = data.len().min(pictures.max(1));
    let (mut sizes, mut good, mut first) = (Vec::new(), 0, None);
    for i in 0..count {
        let index = i * data.len() / count;
        let measured = data.item(index).and_then(|item| {
            let size = Image::measure(&item.bytes).map_err(|error| error.at(&item.name))?;
            Ok((item, size))
        });
        match measured {
            Ok((item, [width, height])) => {
                good += 1;
                let scale = imgsz as f64 / width.max(height) as f64;
                for label in item.labels.iter().filter(|label| !label.crowd) {
                    let [x1, y1, x2, y2] = label.corners(width, height);
                    sizes.push([((x2 - x1) * scale) as f32, ((y2 - y1) * scale) as f32]);
                }
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    match first {
        Some(error) if good == 0 => Err(error),
        _ => Ok(sizes),
    }
}

/// The worst of the ratios of two sizes, 1 for equal ones.
fn likeness(a: &[f32; 2], b: &[f32; 2]) -> f32 {
    let (w, h) = (a[0] / b[0], a[1] / b[1]);
    w.min(1.0 / w).min(h.min(1.0 / h))
}

/// The mean likeness of sizes with their best anchor, those that don't fit counting nothing.
fn fitness(anchors: &[[f32; 2]], sizes: &[[f32; 2]], ratio: f32) -> f64 {
    let best = |size| anchors.iter().map(|anchor| likeness(size, anchor)).fold(0.0, f32::max);
    let sum: f64 = sizes.iter().map(best).filter(|best| *best > 1.0 / ratio).map(f64::from).sum();
    sum / sizes.len() as f64
}

/// `count` anchors by k-means and small random changes, small ones first; nothing with too few labels.
fn search(count: usize, sizes: &[[f32; 2]], ratio: f32, rng: &mut Rng) -> Option<Vec<[f32; 2]>> {
    let large: Vec<[f32; 2]> = sizes.iter().copied().filter(|s| s[0] >= 2.0 || s[1] >= 2.0).collect();
    let step = large.len().div_ceil(MOST_LABELS).max(1);
    let sizes: Vec<[f32; 2]> = large.into_iter().step_by(step).collect();
    if sizes.is_empty() {
        return None;
    }
    // Fewer labels than anchors: each label's own size, in turn.
    let mut anchors = match sizes.len() < count {
        true => sizes.iter().copied().cycle().take(count).collect(),
        false => means(count, &sizes, rng),
    };
    let mut best = fitness(&anchors, &sizes, ratio);
    for _ in 0..GENERATIONS {
        let changed: Vec<[f32; 2]> = mutation(count, rng)
            .iter()
            .zip(&anchors)
            .map(|(factor, anchor)| [(anchor[0] * factor[0]).max(2.0), (anchor[1] * factor[1]).max(2.0)])
            .collect();
        let fitness = fitness(&changed, &sizes, ratio);
        if fitness > best {
            (best, anchors) = (fitness, changed);
        }
    }
    anchors.sort_by(|a, b| (a[0] * a[1]).total_cmp(&(b[0] * b[1])));
    Some(anchors)
}

/// Factors around 1, at least one of them not 1.
fn mutation(count: usize, rng: &mut Rng) -> Vec<[f32; 2]> {
    loop {
        let strength = rng.f32() * 0.1;
        let mut factor = || {
            let changes = rng.f32() < 0.9;
            let factor = (1.0 + normal(rng) * strength).clamp(0.3, 3.0);
            if changes { factor } else { 1.0 }
        };
        let factors: Vec<[f32; 2]> = (0..count).map(|_| [factor(), factor()]).collect();
        if factors.iter().flatten().any(|f| *f != 1.0) {
            return factors;
        }
    }
}

/// A normally distributed number (Box and Muller).
fn normal(rng: &mut Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.f32()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.f32()).cos()
}

/// The centres of `count` groups of sizes: k-means with both sides in units of their deviation.
fn means(count: usize, sizes: &[[f32; 2]], rng: &mut Rng) -> Vec<[f32; 2]> {
    let unit = deviation(sizes);
    let points: Vec<[f32; 2]> = sizes.iter().map(|s| [s[0] / unit[0], s[1] / unit[1]]).collect();
    let (mut best, mut least) = (Vec::new(), f64::INFINITY);
    for _ in 0..STARTS {
        let mut centres: Vec<[f32; 2]> = rng.choose_multiple(points.iter().copied(), count);
        let mut before = f64::INFINITY;
        for _ in 0..STEPS {
            let distance = settle(&mut centres, &points);
            let done = before - distance <= 1e-5;
            before = distance;
            if done {
                break;
            }
        }
        if before < least {
            (least, best) = (before, centres);
        }
    }
    best.iter().map(|c| [c[0] * unit[0], c[1] * unit[1]]).collect()
}

fn deviation(sizes: &[[f32; 2]]) -> [f32; 2] {
    std::array::from_fn(|side| {
        let n = sizes.len() as f64;
        let mean = sizes.iter().map(|s| f64::from(s[side])).sum::<f64>() / n;
        let variance = sizes.iter().map(|s| (f64::from(s[side]) - mean).powi(2)).sum::<f64>() / n;
        // Labels that are all equally wide have no deviation: any unit does.
        if variance > 0.0 { variance.sqrt() as f32 } else { 1.0 }
    })
}

/// Moves every centre into the middle of the points nearest to it; the mean distance before that.
fn settle(centres: &mut [[f32; 2]], points: &[[f32; 2]]) -> f64 {
    let mut sums = vec![[0.0f64; 3]; centres.len()];
    let mut distance = 0.0;
    for point in points {
        let (mut nearest, mut least) = (0, f32::INFINITY);
        for (i, centre) in centres.iter().enumerate() {
            let d = (point[0] - centre[0]).powi(2) + (point[1] - centre[1]).powi(2);
            if d < least {
                (nearest, least) = (i, d);
            }
        }
        let sum = &mut sums[nearest];
        (sum[0], sum[1], sum[2]) = (sum[0] + f64::from(point[0]), sum[1] + f64::from(point[1]), sum[2] + 1.0);
        distance += f64::from(least).sqrt();
    }
    for (centre, sum) in centres.iter_mut().zip(sums).filter(|(_, sum)| sum[2] > 0.0) {
        *centre = [(sum[0] / sum[2]) as f32, (sum[1] / sum[2]) as f32];
    }
    distance / points.len() as f64
}
