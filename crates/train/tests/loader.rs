//! Batches: the same ones whatever the number of workers and wherever a training begins again.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ghostdet::data::{Dataset, Split};
use ghostdet::image::Image;
use ghostdet::{Error, ErrorKind, Result};
use ghostdet_train::augment::{Augment, Example, LabelBox};
use ghostdet_train::loader::{Batch, Loader, LoaderOptions, Sampling, Scores, Source};

/// Image `i` has grey value `i`; those in `broken` can't be read.
struct Greys {
    count: usize,
    broken: fn(usize) -> bool,
}

impl Source for Greys {
    fn len(&self) -> usize {
        self.count
    }

    fn example(&self, index: usize) -> Result<Example> {
        if (self.broken)(index) {
            return Err(Error::new(ErrorKind::Image, "broken").at(format!("{index}.jpg")));
        }
        let picture = Image::new(24, 16, vec![index as u8; 24 * 16 * 3])?;
        let bounds = [4.0, 4.0, 16.0, 12.0];
        Ok(Example { picture, boxes: vec![LabelBox { class: index, bounds, score: 1.0 }], regions: Vec::new() })
    }
}

fn good(count: usize) -> Greys {
    Greys { count, broken: |_| false }
}

fn loader(data: Greys, options: LoaderOptions) -> Loader {
    Loader::new(data, LoaderOptions { batch: 4, ..options }).unwrap()
}

fn options(workers: usize) -> LoaderOptions {
    LoaderOptions { sizes: vec![32, 48, 64], workers, seed: 9, ..LoaderOptions::default() }
}

fn all(loader: &Loader, epoch: usize, first: usize) -> Vec<Batch> {
    loader.epoch(epoch, first, true).unwrap().collect::<Result<_>>().unwrap()
}

#[test]
fn the_same_batches_whatever_the_workers() {
    let (one, three) = (loader(good(42), options(1)), loader(good(42), options(3)));
    assert_eq!((one.len(), one.batches()), (42, 11));
    let batches = all(&one, 2, 0);
    assert_eq!(batches, all(&three, 2, 0));
    assert_eq!(batches[7..], all(&three, 2, 7), "from a batch in the middle");
    assert_ne!(batches[0].images, all(&one, 3, 0)[0].images, "another epoch");
    let other = loader(good(42), LoaderOptions { seed: 10, ..options(1) });
    assert_ne!(batches, all(&other, 2, 0), "another seed");
    let mut sizes: Vec<usize> = batches.iter().map(|b| b.size[0]).collect();
    sizes.sort_unstable();
    sizes.dedup();
    assert_eq!(sizes, [32, 48, 64]);
    for (i, batch) in batches.iter().enumerate() {
        assert_eq!((batch.epoch, batch.index, batch.count), (2, i, if i == 10 { 2 } else { 4 }));
        assert_eq!(batch.images.len(), batch.count * 3 * batch.size[0] * batch.size[1]);
        assert!(batch.targets.iter().all(|t| t.image < batch.count && t.class < 42));
    }
}

#[test]
fn every_picture_once_an_epoch_with_its_own_labels() {
    let plain = LoaderOptions { augment: Augment::none(), sizes: vec![48], ..options(2) };
    let loader = loader(good(42), plain);
    let mut seen = vec![0; 42];
    for batch in all(&loader, 0, 0) {
        assert_eq!(batch.targets.len(), batch.count);
        for (image, target) in batch.targets.iter().enumerate() {
            assert_eq!(target.image, image);
            seen[target.class] += 1;
            let planes = &batch.images[image * 3 * 48 * 48..][..3 * 48 * 48];
            // 24 x 16 in 48 x 48: twice as large, 8 rows of border above.
            for plane in planes.chunks(48 * 48) {
                assert_eq!((plane[7 * 48], plane[8 * 48]), (114, target.class as u8));
            }
            for (got, want) in target.bounds.iter().zip([20.0 / 48.0, 24.0 / 48.0, 24.0 / 48.0, 16.0 / 48.0]) {
                assert!((got - want).abs() < 1e-4, "{target:?}");
            }
        }
    }
    assert_eq!(seen, vec![1; 42]);
    let order =
        |epoch| -> Vec<usize> { all(&loader, epoch, 0).iter().flat_map(|b| &b.targets).map(|t| t.class).collect() };
    assert_eq!(order(0), order(0));
    assert_ne!(order(0), order(1));
}

#[test]
fn without_mosaic_each_picture_stands_alone() {
    let loader = loader(good(42), LoaderOptions { sizes: vec![64], ..options(2) });
    for batch in loader.epoch(0, 0, false).unwrap() {
        let batch = batch.unwrap();
        for image in 0..batch.count {
            assert!(batch.targets.iter().filter(|t| t.image == image).count() <= 1);
        }
    }
}

#[test]
fn broken_pictures_are_named_once_and_replaced() {
    let some = Greys { count: 60, broken: |i| i % 10 == 3 };
    let loader = loader(some, options(2));
    for epoch in 0..2 {
        let batches = all(&loader, epoch, 0);
        assert_eq!(batches.iter().map(|b| b.count).sum::<usize>(), 60);
        assert!(batches.iter().flat_map(|b| &b.targets).all(|t| t.class % 10 != 3));
        let mut warnings = loader.warnings();
        warnings.sort();
        assert_eq!(warnings.len(), if epoch == 0 { 6 } else { 0 }, "{warnings:?}");
        assert!(epoch == 1 || warnings[0].contains("13.jpg") && warnings[0].contains("broken"), "{warnings:?}");
    }
}

#[test]
fn too_many_broken_pictures_are_an_error() {
    let most = loader(Greys { count: 200, broken: |i| i % 3 != 0 }, options(2));
    let error = most.epoch(0, 0, true).unwrap().find_map(Result::err).unwrap().to_string();
    assert!(error.contains("can't be read") && error.contains(".jpg"), "{error}");
    let none = loader(Greys { count: 3, broken: |_| true }, options(2));
    let mut batches = none.epoch(0, 0, true).unwrap();
    assert!(batches.next().unwrap().is_err());
    assert!(batches.next().is_none());
}

/// Counts what is read.
struct Counted(Greys, Arc<AtomicUsize>);

impl Source for Counted {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn example(&self, index: usize) -> Result<Example> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.example(index)
    }
}

#[test]
fn kept_pictures_are_read_once_and_change_nothing() {
    let two_epochs = |cache| {
        let reads = Arc::new(AtomicUsize::new(0));
        let options = LoaderOptions { batch: 4, cache, ..options(1) };
        let loader = Loader::new(Counted(good(42), reads.clone()), options).unwrap();
        let batches = [all(&loader, 0, 0), all(&loader, 1, 0)];
        (batches, reads.load(Ordering::Relaxed))
    };
    let (batches, without) = two_epochs(0);
    let (same, with) = two_epochs(1 << 20);
    assert_eq!((without, with), (2 * 4 * 42, 42));
    let (half, some) = two_epochs(21 * (24 * 16 * 3 + 64));
    assert!(some > 100 && some < 300, "{some}");
    assert!(batches == same && batches == half);
}

#[test]
fn a_dropped_epoch_ends_its_thread() {
    let loader = loader(good(42), options(2));
    let mut batches = loader.epoch(0, 0, true).unwrap();
    batches.next().unwrap().unwrap();
    drop(batches);
    assert_eq!(loader.epoch(0, 11, true).unwrap().count(), 0);
    assert_eq!(loader.epoch(0, 99, true).unwrap().count(), 0);
}

#[test]
fn options_that_make_no_batch_are_errors() {
    assert!(Loader::new(good(5), LoaderOptions { batch: 0, ..options(1) }).is_err());
    assert!(Loader::new(good(5), LoaderOptions { sizes: vec![], ..options(1) }).is_err());
    assert!(Loader::new(good(0), options(1)).is_err());
    assert!(Loader::new(Dataset::empty(), options(1)).is_err());
}

#[test]
fn data_sets_feed_it() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let picture = |width, height| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::from_pixel(width, height, image::Rgb([9, 20, 30]))
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    };
    write("images/train/a.png", &picture(40, 20));
    write("images/train/b.png", &picture(40, 20)[..60]);
    write("images/train/c.png", &picture(4, 20));
    write("labels/train/a.txt", b"1 0.5 0.5 0.5 0.5\n0 0 0 0.5 0.5\n0 0.5 0.5 0 0.5\n");
    write("data.yaml", b"train: images/train\nnames: [cat, dog]\n");
    let data = Dataset::open_split(&dir.path().join("data.yaml"), None, Split::Train).unwrap();
    let first = data.example(0).unwrap();
    let boxes: Vec<_> = first.boxes.iter().map(|b| (b.class, b.bounds, b.score)).collect();
    assert_eq!(boxes, [(1, [10.0, 5.0, 30.0, 15.0], 1.0), (0, [0.0, 0.0, 10.0, 5.0], 1.0)]);
    for (i, name) in [(1, "b.png"), (2, "c.png"), (3, "3 of 3")] {
        let error = data.example(i).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    assert_eq!([0.01, 0.25, 1.0].map(|score| Scores::default().weight(score)), [0.1, 0.4, 1.0]);
}

/// The packs, if this machine has them: `GHOSTDET_SHARED=… cargo test --release … -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed() {
    let Some(shared) = std::env::var_os("GHOSTDET_SHARED") else { return eprintln!("skipped: no GHOSTDET_SHARED") };
    let data = Dataset::open_split(&Path::new(&shared).join("data/train-a.bin"), None, Split::Train).unwrap();
    println!("{} pictures, {} labels", data.len(), (0..data.len()).map(|i| data.labels(i).len()).sum::<usize>());
    let time = |what: &str, loader: &Loader, epoch| {
        let start = std::time::Instant::now();
        let count: usize = loader.epoch(epoch, 0, true).unwrap().take(19).map(|b| b.unwrap().count).sum();
        let each = start.elapsed().as_secs_f64() / count as f64 * 1e3;
        println!("{what}: {each:.1} ms a picture, {:.0} pictures/s {:?}", 1e3 / each, loader.warnings());
    };
    for workers in [1, 2] {
        let options = LoaderOptions { sizes: vec![320], workers, ..LoaderOptions::default() };
        time(&format!("{workers} workers"), &Loader::new(data.clone(), options.clone()).unwrap(), 0);
        let few = Loader::new(First(data.clone(), 300), options).unwrap();
        time(&format!("{workers} workers, 300 pictures, first epoch"), &few, 0);
        time(&format!("{workers} workers, 300 pictures, second epoch"), &few, 1);
    }
}

/// The first pictures of a data set.
struct First(Dataset, usize);

impl Source for First {
    fn len(&self) -> usize {
        self.1
    }

    fn example(&self, index: usize) -> Result<Example> {
        self.0.example(index)
    }
}

#[test]
fn an_epoch_takes_rare_classes_more_often() {
    let count = |sampling: Sampling| {
        let options = LoaderOptions { sizes: vec![32], augment: Augment::none(), sampling, ..options(1) };
        let loader = loader(good(42), options);
        let batches = all(&loader, 0, 0);
        assert_eq!(batches.iter().map(|batch| batch.count).sum::<usize>(), loader.len());
        let mut times = [0; 42];
        batches.iter().flat_map(|batch| &batch.targets).for_each(|target| times[target.class] += 1);
        times
    };
    assert_eq!(count(Sampling::default()), [1; 42]);
    let half = count(Sampling { pictures: Some(21), ..Sampling::default() });
    assert!(half.iter().sum::<usize>() == 21 && half.iter().all(|&times| times <= 1));
    let weights: Vec<f32> = (0..42).map(|i| if i == 7 { 43.0 } else { 1.0 }).collect();
    let weighted = count(Sampling { pictures: Some(84), weights });
    assert_eq!((weighted[7], weighted.iter().sum::<usize>()), (43, 84));
}
