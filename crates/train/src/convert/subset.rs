//! A few classes of a data set as a YOLO folder.

use std::path::Path;

use fastrand::Rng;
use ghostdet::data::{Dataset, Item};
use ghostdet::image::Image as Pixels;
use ghostdet::{Error, ErrorKind, Result};

use super::Report;
use super::folders::{Boxed, Folders, Picture};

/// Boxes of a pack that a network drew with a lower score are no truth.
const LEAST_SCORE: f32 = 0.35;

/// What is cut out of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Cut {
    /// Names of the classes, in the order in which they are numbered in the new set.
    pub classes: Vec<String>,
    /// At most this many pictures to train on; every class gets its turn, so that rare ones are in it too.
    pub limit: usize,
    /// At most this many pictures to validate on.
    pub limit_val: usize,
    /// The same seed draws the same pictures.
    pub seed: u64,
}

/// Writes pictures with objects of some classes (and only their boxes) to the folder `out`, which must be new or empty, or with
/// `force` an older conversion.
///
/// Pictures to validate on come from `val`; without it they are taken from `data` before those to train on. Pictures
/// that can't be decoded are named and replaced by others.
///
/// # Errors
/// A class that the data set does not have, nothing left, a folder that can't be written to.
pub fn subset(data: &Dataset, val: Option<&Dataset>, cut: &Cut, out: &Path, force: bool) -> Result<Report> {
    if cut.classes.is_empty() {
        return Err(Error::new(ErrorKind::Argument, "no classes to cut out"));
    }
    let mut folders = Folders::new(out, true, force, &cut.classes)?;
    let mut rng = Rng::with_seed(cut.seed);
    let mut turns = Turns::new(data, &cut.classes, &mut rng)?;
    match val {
        Some(val) => {
            let mut own = Turns::new(val, &cut.classes, &mut rng)?;
            own.write(val, cut.limit_val, true, &mut folders)?;
        }
        None => turns.write(data, cut.limit_val, true, &mut folders)?,
    }
    turns.write(data, cut.limit, false, &mut folders)?;
    folders.finish()
}

/// The pictures of each class in a random order.
struct Turns {
    /// The new number of each of the data set's classes.
    numbers: Vec<Option<usize>>,
    queues: Vec<Vec<usize>>,
    used: Vec<bool>,
}

impl Turns {
    fn new(data: &Dataset, classes: &[String], rng: &mut Rng) -> Result<Self> {
        for class in classes {
            if !data.names().contains(class) {
                let known = data.names().iter().take(100).cloned().collect::<Vec<_>>().join(", ");
                return Err(Error::new(ErrorKind::Argument, format!("there is no class {class:?}"))
                    .hint(format!("the data set has {known}")));
            }
        }
        let numbers: Vec<Option<usize>> =
            data.names().iter().map(|name| classes.iter().position(|class| class == name)).collect();
        let mut order: Vec<usize> = (0..data.len()).collect();
        rng.shuffle(&mut order);
        let mut queues = vec![Vec::new(); classes.len()];
        for picture in order {
            for (class, queue) in queues.iter_mut().enumerate() {
                let has = data.labels(picture).iter().any(|label| {
                    !label.crowd
                        && label.score >= LEAST_SCORE
                        && numbers.get(label.class).copied().flatten() == Some(class)
                });
                if has {
                    queue.push(picture);
                }
            }
        }
        Ok(Self { numbers, queues, used: vec![false; data.len()] })
    }

    /// Writes up to `limit` pictures, a class after the other.
    fn write(&mut self, data: &Dataset, limit: usize, val: bool, folders: &mut Folders) -> Result<()> {
        let mut written = 0;
        while written < limit && self.queues.iter().any(|queue| !queue.is_empty()) {
            for class in 0..self.queues.len() {
                if written < limit && self.one(data, class, val, folders)? {
                    written += 1;
                }
            }
        }
        Ok(())
    }

    /// Writes the next picture of a class, if there is one.
    fn one(&mut self, data: &Dataset, class: usize, val: bool, folders: &mut Folders) -> Result<bool> {
        while let Some(picture) = self.queues[class].pop() {
            if std::mem::replace(&mut self.used[picture], true) {
                continue;
            }
            let decoded = data.item(picture).and_then(|item| {
                let pixels = Pixels::decode(&item.bytes).map_err(|error| error.at(&item.name))?;
                Ok((item, [pixels.width, pixels.height]))
            });
            match decoded {
                Ok((item, size)) => {
                    let boxes = self.boxes(&item, size);
                    let picture = Picture { name: &item.name, file: data.file(picture), bytes: &item.bytes, size };
                    folders.add(&picture, &boxes, val)?;
                    return Ok(true);
                }
                Err(error) => folders.warn(format!("{error}; left out")),
            }
        }
        Ok(false)
    }

    fn boxes(&self, item: &Item, [width, height]: [usize; 2]) -> Vec<Boxed> {
        let sure = item.labels.iter().filter(|label| !label.crowd && label.score >= LEAST_SCORE);
        let number = |class: usize| self.numbers.get(class).copied().flatten();
        sure.filter_map(|label| Some((number(label.class)?, label.corners(width, height)))).collect()
    }
}
