//! Batches of augmented pictures, prefetched by background threads.
//!
//! Whatever the number of workers, the same seed gives the same batches: an epoch's order comes from the seed and the
//! epoch, a picture's changes from the seed, the epoch and the place in it. A training that was stopped goes on at any
//! batch of any epoch.

mod batch;
mod cache;
mod sampling;
mod scores;
mod source;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

use ghostdet::{Error, ErrorKind, Result};

use crate::augment::Augment;
use batch::Maker;

pub use crate::loss::{Region, Target};
pub use sampling::Sampling;
pub use scores::Scores;
pub use source::Source;

/// How batches are made.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Pictures a batch; the last batch of an epoch may have fewer.
    pub batch: usize,
    /// Sides of the square pictures, in pixels; every batch draws one of them.
    pub sizes: Vec<usize>,
    /// How pictures are changed.
    pub augment: Augment,
    /// What the labels' scores mean.
    pub scores: Scores,
    /// Which pictures an epoch has.
    pub sampling: Sampling,
    /// Where all chance begins.
    pub seed: u64,
    /// Threads that make pictures; 0 for as many as there are cores.
    pub workers: usize,
    /// Batches that may lie ready.
    pub ahead: usize,
    /// Bytes of memory for decoded pictures: what fits in there is decoded only once.
    pub cache: usize,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            batch: 16,
            sizes: vec![640],
            augment: Augment::default(),
            scores: Scores::default(),
            sampling: Sampling::default(),
            seed: 0,
            workers: 0,
            ahead: 3,
            cache: 256 << 20,
        }
    }
}

/// Some augmented pictures and their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Epoch it belongs to, from 0.
    pub epoch: usize,
    /// Its number in the epoch, from 0.
    pub index: usize,
    /// Number of pictures.
    pub count: usize,
    /// `[height, width]` of the pictures.
    pub size: [usize; 2],
    /// `count * 3 * height * width` bytes: picture by picture a red, a green and a blue plane.
    pub images: Vec<u8>,
    /// The labels.
    pub targets: Vec<Target>,
    /// Where not all classes are labelled.
    pub regions: Vec<Region>,
}

/// Makes the batches of a data set.
pub struct Loader {
    maker: Arc<Maker>,
}

impl Loader {
    /// For a data set.
    ///
    /// # Errors
    /// A batch or size of 0, augmentation out of range, an empty data set.
    pub fn new(data: impl Source + 'static, options: LoaderOptions) -> Result<Self> {
        let wrong = |text: &str| Err(Error::new(ErrorKind::Argument, text));
        options.augment.check()?;
        if options.batch == 0 {
            return wrong("a batch of 0 pictures");
        }
        if options.sizes.is_empty() || options.sizes.contains(&0) {
            return wrong("training pictures need a size");
        }
        if data.len() == 0 {
            return wrong("no pictures to train on");
        }
        Ok(Self { maker: Arc::new(Maker::new(Box::new(data), options)?) })
    }

    /// How many pictures an epoch has.
    pub fn len(&self) -> usize {
        self.maker.options.sampling.pictures.unwrap_or(self.maker.data.len())
    }

    /// Whether there are none (never).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many batches an epoch has.
    pub fn batches(&self) -> usize {
        self.len().div_ceil(self.maker.options.batch)
    }

    /// The batches of an epoch, from number `first` on; without `mosaic` no picture is put together from four.
    ///
    /// Pictures that can't be read are replaced by others, see [`Loader::warnings`]. The iterator gives an error, and
    /// ends, if that happens to more than half of the first hundred, or to fifty in a row.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn epoch(&self, epoch: usize, first: usize, mosaic: bool) -> Result<Batches> {
        let all = self.batches();
        let (sender, receiver) = sync_channel(self.maker.options.ahead.max(1));
        let maker = self.maker.clone();
        let make = move || {
            let order = maker.order(epoch);
            for index in first..all {
                let batch = maker.batch(&order, epoch, index, mosaic);
                let failed = batch.is_err();
                // Nobody waits any more, or nothing can come any more.
                if sender.send(batch).is_err() || failed {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("loader".into())
            .spawn(make)
            .map_err(|e| Error::new(ErrorKind::Io, format!("no thread to load pictures: {e}")))?;
        Ok(Batches { receiver: Some(receiver), thread: Some(thread), left: all.saturating_sub(first) })
    }

    /// What was wrong with pictures since the last call, each picture once.
    pub fn warnings(&self) -> Vec<String> {
        self.maker.take_warnings()
    }
}

/// The batches of an epoch. Dropping it stops the work.
pub struct Batches {
    receiver: Option<Receiver<Result<Batch>>>,
    thread: Option<JoinHandle<()>>,
    left: usize,
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let dead = || Err(Error::new(ErrorKind::Data, "the thread that loads pictures ended unexpectedly"));
        let batch = self.receiver.as_ref()?.recv().unwrap_or_else(|_| dead());
        self.left = if batch.is_ok() { self.left - 1 } else { 0 };
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        // The sender notices first, so that the thread ends.
        drop(self.receiver.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
