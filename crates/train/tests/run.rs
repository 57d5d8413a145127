//! Whole trainings on a few made-up pictures.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use ghostdet::data::{Dataset, Split};
use ghostdet::detector::DetectorOptions;
use ghostdet::model::{Config, builtin};
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, ErrorKind};
use ghostdet_train::hyp::Hyp;
use ghostdet_train::optimizer::Optimizer;
use ghostdet_train::run::{Event, Files, Options, Outcome, run};
use ghostdet_train::schedule::Schedule;

/// Pictures of 64x64 with a light square on dark grey, or a dark one on light grey: two classes.
fn pictures(folder: &Path, count: usize) {
    for kind in ["images", "labels"] {
        std::fs::create_dir_all(folder.join(kind)).expect("a folder");
    }
    for i in 0..count {
        let (class, side, left, top) = (i % 2, 20 + i % 3 * 4, 4 + i * 5 % 30, 2 + i * 7 % 34);
        let (paper, ink) = if class == 0 { (40, 220) } else { (200, 20) };
        let picture = image::RgbImage::from_fn(64, 64, |x, y| {
            let inside = |at: u32, from: usize| (from..from + side).contains(&(at as usize));
            image::Rgb([if inside(x, left) && inside(y, top) { ink } else { paper }; 3])
        });
        picture.save(folder.join(format!("images/{i}.png"))).expect("a picture");
        let centre = |from: usize| (from as f64 + side as f64 / 2.0) / 64.0;
        let line = format!("{class} {} {} {s} {s}\n", centre(left), centre(top), s = side as f64 / 64.0);
        std::fs::write(folder.join(format!("labels/{i}.txt")), line).expect("a label");
    }
    let yaml = format!("path: {}\ntrain: images\nval: images\nnames: [light, dark]\n", folder.display());
    std::fs::write(folder.join("data.yaml"), yaml).expect("a file");
}

fn config() -> Config {
    builtin("yolov5n-ghost-backbone").expect("built in").with_multiples(0.33, 0.125).expect("a configuration")
}

fn options(folder: &Path, epochs: usize) -> Options {
    let open = |split| Dataset::open_split(&folder.join("data.yaml"), None, split).expect("a data set");
    let schedule = Schedule { lr0: 0.02, warmup_epochs: 0.0, nominal: 4, ..Hyp::default().schedule(epochs, 4) };
    Options {
        val: Some(open(Split::Val)),
        out: folder.join("out"),
        imgsz: 64,
        schedule,
        augment: ghostdet_train::augment::Augment { mosaic: 0.5, ..Default::default() },
        close_mosaic: 0,
        patience: 0,
        autoanchor: false,
        seed: 3,
        workers: 2,
        average: (0.9, 10.0),
        ..Options::new(config(), open(Split::Train), &Hyp::default(), epochs, 4)
    }
}

fn train(options: Options) -> (ghostdet::Result<Outcome>, Vec<String>) {
    let mut notes = Vec::new();
    let outcome = run(options, &AtomicBool::new(false), &mut |event| {
        if let Event::Note(text) = event {
            notes.push(text.to_owned());
        }
    });
    (outcome, notes)
}

fn last(folder: &Path) -> Checkpoint {
    Checkpoint::load(&std::fs::read(Files::inside(&folder.join("out")).last).expect("weights")).expect("a checkpoint")
}

#[test]
fn a_training_lowers_the_loss_and_leaves_weights_that_detect() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 16);
    let (outcome, _) = train(options(folder.path(), 40));
    let outcome = outcome.expect("trained");
    assert_eq!(outcome.epochs, 40);
    let files = Files::inside(&folder.path().join("out"));
    let rows = ghostdet_train::results::read(&files.results).expect("results");
    assert_eq!(rows.len(), 40);
    let sum = |row: usize| rows[row].losses.iter().sum::<f64>();
    assert!(sum(39) < 0.8 * sum(0), "from {} to {}", sum(0), sum(39));
    println!("loss {:.3} to {:.3}, {:?}", sum(0), sum(39), rows[39].metrics);
    assert!(rows.iter().all(|row| row.metrics.is_some()));
    // The same pictures, unchanged: the averaged network's loss on them falls as the loss in training does.
    let validation = |row: usize| rows[row].validation.expect("losses").iter().sum::<f64>();
    println!("validation {:.3} to {:.3}", validation(0), validation(39));
    assert!(validation(39) < validation(0), "from {} to {}", validation(0), validation(39));
    assert!((0.5..2.0).contains(&(validation(39) / sum(39))), "{} beside {}", validation(39), sum(39));
    let detector =
        Detector::load(&std::fs::read(&files.best).expect("weights"), &DetectorOptions::default()).expect("a detector");
    assert_eq!(detector.names(), ["light", "dark"]);
    assert_eq!(detector.imgsz(), 64);
    assert!(!files.state.exists(), "nothing is left to resume");
    for name in ["results.svg", "precision_recall.svg", "confusion_matrix.svg"] {
        assert!(files.results.with_file_name(name).exists(), "{name}");
    }
}

#[test]
fn a_stopped_training_goes_on_as_if_it_had_not_been_stopped() {
    let (whole, broken) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    for folder in [&whole, &broken] {
        pictures(folder.path(), 12);
    }
    for optimizer in [Optimizer::Sgd, Optimizer::AdamW, Optimizer::Muon] {
        stop_and_resume(whole.path(), broken.path(), optimizer);
    }
}

fn stop_and_resume(whole: &Path, broken: &Path, optimizer: Optimizer) {
    let options = |folder: &Path| {
        let mut options = options(folder, 3);
        options.out = folder.join(format!("{optimizer:?}"));
        options.schedule = Schedule { optimizer, lr0: 0.001, smooth: true, ..options.schedule };
        options
    };
    let last = |options: Options| std::fs::read(Files::inside(&options.out).last).expect("weights");
    train(options(whole)).0.expect("trained");
    let stop = AtomicBool::new(false);
    let mut batches = 0;
    let outcome = run(options(broken), &stop, &mut |event| {
        if matches!(event, Event::Batch(_)) {
            batches += 1;
            stop.store(batches == 4, Ordering::Relaxed);
        }
    });
    assert!(outcome.expect("stopped").stopped);
    let refused = train(options(broken)).0.expect_err("there is something to resume");
    assert!(refused.to_string().contains("--resume"), "{refused}");
    let resumed = train(Options { resume: true, ..options(broken) }).0.expect("trained");
    assert_eq!((resumed.epochs, resumed.stopped), (3, false));
    assert_eq!(last(options(whole)), last(options(broken)), "{optimizer:?}");
}

#[test]
fn another_training_is_not_resumed() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 8);
    let stop = AtomicBool::new(true);
    assert!(run(options(folder.path(), 2), &stop, &mut |_| {}).expect("stopped").stopped);
    let mut other = Options { resume: true, ..options(folder.path(), 2) };
    other.seed = 4;
    let error = train(other).0.expect_err("another seed");
    assert!(error.to_string().contains("seed 3"), "{error}");
    let mut other = Options { resume: true, ..options(folder.path(), 2) };
    other.schedule.optimizer = Optimizer::Muon;
    let error = train(other).0.expect_err("another optimizer");
    assert!(error.to_string().contains("Sgd") && error.to_string().contains("Muon"), "{error}");
}

#[test]
fn damaged_pictures_are_named_and_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 12);
    std::fs::write(folder.path().join("images/5.png"), b"not a picture").expect("a file");
    std::fs::write(folder.path().join("labels/6.txt"), "").expect("a file");
    std::fs::write(folder.path().join("labels/7.txt"), "9 0.5 0.5 0.1 0.1\n").expect("a file");
    let mut options = options(folder.path(), 1);
    options.val = None;
    assert!(options.data.warnings().iter().any(|warning| warning.contains("7.txt") && warning.contains("line 1")));
    let (outcome, notes) = train(options);
    outcome.expect("trained");
    assert!(notes.iter().any(|note| note.contains("5.png")), "{notes:?}");
}

#[test]
fn a_loss_that_is_no_number_ends_it_and_leaves_what_was_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 8);
    train(options(folder.path(), 1)).0.expect("trained");
    let before = last(folder.path());
    let mut wild = options(folder.path(), 5);
    wild.schedule.lr0 = 1e30;
    let error = train(wild).0.expect_err("no number");
    assert_eq!(error.kind(), ErrorKind::Numeric, "{error}");
    assert!(error.to_string().contains("epoch"), "{error}");
    assert_eq!(before.tensors, last(folder.path()).tensors);
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 4);
    let mut blocked = options(folder.path(), 1);
    blocked.out = folder.path().join("data.yaml/out");
    let error = train(blocked).0.expect_err("a file is in the way");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("data.yaml"), "{error}");
}

#[test]
fn weights_with_folded_norms_of_other_classes_are_a_start() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 8);
    train(options(folder.path(), 1)).0.expect("trained");
    let mut start = last(folder.path());
    start.fold().expect("folded");
    start.names = vec!["dark".into(), "other".into()];
    std::fs::remove_dir_all(folder.path().join("out")).expect("removed");
    let mut next = options(folder.path(), 1);
    next.weights = Some(start);
    let (outcome, notes) = train(next);
    outcome.expect("trained");
    assert!(notes.iter().any(|note| note.contains("taken over")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("folded")), "{notes:?}");
}

#[test]
fn frozen_norms_keep_their_statistics() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 8);
    train(options(folder.path(), 1)).0.expect("trained");
    let start = last(folder.path());
    std::fs::remove_dir_all(folder.path().join("out")).expect("removed");
    let mut next = options(folder.path(), 1);
    (next.weights, next.freeze_bn) = (Some(start.clone()), true);
    train(next).0.expect("trained");
    let after = last(folder.path());
    let kept = |key: &str| start.tensors[key].data == after.tensors[key].data;
    let (statistics, others): (Vec<&String>, Vec<&String>) =
        start.tensors.keys().partition(|key| key.contains(".running_"));
    assert!(!statistics.is_empty() && statistics.iter().all(|key| kept(key)));
    assert!(others.iter().filter(|key| !kept(key)).count() > others.len() / 4);
}

#[test]
fn a_teacher_of_the_same_kind_is_learnt_from() {
    let folder = tempfile::tempdir().expect("a folder");
    pictures(folder.path(), 8);
    train(options(folder.path(), 1)).0.expect("trained");
    let weights = std::fs::read(Files::inside(&folder.path().join("out")).last).expect("weights");
    let mut distilled = options(folder.path(), 1);
    distilled.out = folder.path().join("distilled");
    distilled.teacher = Some((Detector::load(&weights, &DetectorOptions::default()).expect("a detector"), 0.5));
    train(distilled).0.expect("trained");
    let mut other = options(folder.path(), 1);
    other.out = folder.path().join("other");
    let eighty = builtin("yolov5n").expect("built in").graph(None).expect("a graph");
    let mut checkpoint = ghostdet_train::initial(&eighty, 0).expect("weights");
    checkpoint.yaml = builtin("yolov5n").map(|config| config.to_yaml());
    other.teacher =
        Some((Detector::from_checkpoint(checkpoint, &DetectorOptions::default()).expect("a detector"), 0.5));
    let error = train(other).0.expect_err("other classes");
    assert!(error.to_string().contains("teacher"), "{error}");
}
