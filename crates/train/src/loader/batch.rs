//! One batch: its pictures are prepared in parallel, each with its own random generator.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use fastrand::Rng;
use ghostdet::{Error, ErrorKind, Result};
use rayon::prelude::*;

use super::cache::Cache;
use super::{Batch, LoaderOptions, Region, Source, Target};
use crate::augment::{Augment, Example, LabelBox, LabelRegion};

/// After this many pictures in a row that can't be read it is not worth looking further.
const MOST_IN_A_ROW: usize = 50;
/// When so many pictures were tried, it is judged whether too many failed.
const ENOUGH: usize = 100;

/// Makes batches, and remembers what couldn't be read.
pub(super) struct Maker {
    pub data: Box<dyn Source>,
    pub options: LoaderOptions,
    pool: rayon::ThreadPool,
    cache: Cache,
    tried: AtomicUsize,
    failed: AtomicUsize,
    judged: AtomicBool,
    problems: Mutex<Problems>,
}

#[derive(Default)]
struct Problems {
    bad: BTreeSet<usize>,
    warnings: Vec<String>,
}

/// Separates the random streams of one seed.
#[derive(Clone, Copy)]
enum Purpose {
    Order = 1,
    Size,
    Picture,
}

impl Maker {
    pub fn new(data: Box<dyn Source>, options: LoaderOptions) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(options.workers)
            .thread_name(|i| format!("pictures {i}"))
            .build()
            .map_err(|e| Error::new(ErrorKind::Io, format!("no threads to load pictures: {e}")))?;
        Ok(Self {
            cache: Cache::new(options.cache),
            data,
            options,
            pool,
            tried: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            judged: AtomicBool::new(false),
            problems: Mutex::default(),
        })
    }

    pub fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut self.problems.lock().unwrap_or_else(PoisonError::into_inner).warnings)
    }

    fn rng(&self, purpose: Purpose, epoch: usize, index: usize) -> Rng {
        let parts = [self.options.seed, purpose as u64, epoch as u64, index as u64];
        Rng::with_seed(parts.into_iter().fold(0, |seed, part| scramble(seed ^ part)))
    }

    /// The pictures of an epoch in their order.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        self.options.sampling.order(self.data.len(), &mut self.rng(Purpose::Order, epoch, 0))
    }

    /// Batch `index` of the epoch with this order.
    pub fn batch(&self, order: &[usize], epoch: usize, index: usize, mosaic: bool) -> Result<Batch> {
        let LoaderOptions { batch, sizes, augment, .. } = &self.options;
        let first = index * batch;
        let chosen = &order[first..order.len().min(first + batch)];
        let side = sizes[self.rng(Purpose::Size, epoch, index).usize(..sizes.len())];
        let size = [side, side];
        let augment = if mosaic { augment.clone() } else { Augment { mosaic: 0.0, ..augment.clone() } };
        let mut images = vec![0; chosen.len() * 3 * side * side];
        let one = |(i, (planes, &picture)): (usize, (&mut [u8], &usize))| -> Result<(Vec<Target>, Vec<Region>)> {
            let mut rng = self.rng(Purpose::Picture, epoch, first + i);
            let mut load = |index: usize, rng: &mut Rng| self.load(index, rng);
            let example = augment.apply(picture, self.data.len(), size, &mut rng, &mut load)?;
            separate(&example.picture.rgb, planes);
            Ok((self.targets(&example, i), self.regions(&example, i)))
        };
        let labels: Result<Vec<_>> = self
            .pool
            .install(|| images.par_chunks_mut(3 * side * side).zip(chosen.par_iter()).enumerate().map(one).collect());
        let (targets, regions): (Vec<_>, Vec<_>) = labels?.into_iter().unzip();
        self.judge(first + chosen.len() == order.len())?;
        Ok(Batch {
            epoch,
            index,
            count: chosen.len(),
            size,
            images,
            targets: targets.concat(),
            regions: regions.concat(),
        })
    }

    /// Reads a picture, or another one in its place.
    fn load(&self, mut index: usize, rng: &mut Rng) -> Result<Example> {
        let mut last = None;
        for _ in 0..MOST_IN_A_ROW {
            self.tried.fetch_add(1, Ordering::Relaxed);
            if let Some(example) = self.cache.get(index) {
                return Ok(example);
            }
            let known = self.problems.lock().unwrap_or_else(PoisonError::into_inner).bad.contains(&index);
            if !known {
                match self.data.example(index) {
                    Ok(example) => {
                        self.cache.keep(index, &example);
                        return Ok(example);
                    }
                    Err(error) => {
                        self.note(index, &error);
                        last = Some(error);
                    }
                }
            }
            self.failed.fetch_add(1, Ordering::Relaxed);
            index = rng.usize(..self.data.len());
        }
        let last = last.map(|error| format!("; the last: {error}")).unwrap_or_default();
        Err(Error::new(ErrorKind::Data, format!("{MOST_IN_A_ROW} pictures in a row can't be read{last}")))
    }

    /// The boxes of picture `image` of the batch as fractions.
    fn targets(&self, example: &Example, image: usize) -> Vec<Target> {
        let (w, h) = (example.picture.width as f32, example.picture.height as f32);
        let one = |b: &LabelBox| {
            let [x1, y1, x2, y2] = b.bounds;
            let bounds = [(x1 + x2) / 2.0 / w, (y1 + y2) / 2.0 / h, (x2 - x1) / w, (y2 - y1) / h];
            Target { image, class: b.class, bounds, weight: self.options.scores.weight(b.score) }
        };
        example.boxes.iter().map(one).filter(|t| t.bounds[2] > 0.0 && t.bounds[3] > 0.0).collect()
    }

    /// Where picture `image` of the batch is not labelled exhaustively.
    fn regions(&self, example: &Example, image: usize) -> Vec<Region> {
        if !self.options.scores.mask_negatives {
            return Vec::new();
        }
        let (w, h) = (example.picture.width as f32, example.picture.height as f32);
        let one = |region: &LabelRegion| {
            let [x1, y1, x2, y2] = region.bounds;
            Region { image, corners: [x1 / w, y1 / h, x2 / w, y2 / h], exhaustive: region.exhaustive.clone() }
        };
        example.regions.iter().map(one).collect()
    }

    fn note(&self, index: usize, error: &Error) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        if problems.bad.insert(index) {
            problems.warnings.push(format!("{error}; another picture takes its place"));
        }
    }

    /// Once, when there was enough to see: were more than half of the pictures no good?
    fn judge(&self, end: bool) -> Result<()> {
        let (tried, failed) = (self.tried.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed));
        if (tried < ENOUGH && !end) || self.judged.swap(true, Ordering::Relaxed) || failed * 2 <= tried {
            return Ok(());
        }
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let first = problems.warnings.first().map(|text| format!("; the first: {text}")).unwrap_or_default();
        Err(Error::new(ErrorKind::Data, format!("{failed} of the first {tried} pictures can't be read{first}")))
    }
}

/// Interleaved pixels to planes.
fn separate(rgb: &[u8], planes: &mut [u8]) {
    let area = planes.len() / 3;
    let (red, rest) = planes.split_at_mut(area);
    let (green, blue) = rest.split_at_mut(area);
    let (pixels, _) = rgb.as_chunks::<3>();
    for (((pixel, r), g), b) in pixels.iter().zip(red).zip(green).zip(blue) {
        [*r, *g, *b] = *pixel;
    }
}

/// Mixes the bits (the finaliser of SplitMix64).
fn scramble(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
