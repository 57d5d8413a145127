//! Tracks: constant numbers in made videos with known truth, and nothing that breaks.

#[path = "support/scene.rs"]
mod scene;

use ghostdet::detection::Detection;
use ghostdet::tracking::evaluate::{Scores, evaluate};
use ghostdet::tracking::mot::Entry;
use ghostdet::tracking::{MAX_TRACKS, TrackOptions, Tracked, Tracker};
use scene::{Scene, scenes};

fn tracker() -> Tracker {
    Tracker::new(TrackOptions::default()).unwrap()
}

fn found(x: f32, y: f32, score: f32) -> Detection {
    Detection { bounds: [x, y, x + 40.0, y + 100.0], score, class: 0 }
}

fn numbers(tracked: &[Tracked]) -> Vec<u64> {
    tracked.iter().map(|one| one.track).collect()
}

/// The tracks of a scene and how good they are.
fn judge(scene: &Scene) -> Scores {
    let mut tracker = tracker();
    let (mut truth, mut tracks) = (Vec::new(), Vec::new());
    for frame in scene.frames() {
        truth.extend(frame.truth);
        for Tracked { track, detection } in tracker.update(frame.time, &frame.detections) {
            let Detection { bounds, score, .. } = detection;
            tracks.push(Entry { frame: frame.number, track: Some(track), bounds, score });
        }
    }
    evaluate(&truth, &tracks)
}

/// The figures of docs/tracking.md: `cargo test --release --test tracking figures -- --nocapture` prints them.
#[test]
fn figures_of_made_videos() {
    // A little below what was measured: MOTA, IDF1, switches in all ten videos together.
    let bounds = [
        (0.90, 0.89, 50),
        (0.80, 0.82, 90),
        (0.80, 0.83, 130),
        (0.80, 0.80, 90),
        (0.79, 0.73, 110),
        (0.80, 0.80, 90),
        (0.80, 0.77, 125),
        (0.62, 0.69, 125),
        (0.72, 0.67, 400),
    ];
    for ((name, scene), (mota, idf1, switches)) in scenes().into_iter().zip(bounds) {
        // The mean of ten videos.
        let all: Vec<Scores> = (0..10).map(|seed| judge(&Scene { seed, ..scene })).collect();
        let mean = |of: fn(&Scores) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        let switched = all.iter().map(|scores| scores.switches).sum::<u64>();
        let (m, i) = (mean(Scores::mota), mean(Scores::idf1));
        println!("| {name} | {m:.3} | {i:.3} | {switched} |");
        assert!(m >= mota && i >= idf1 && switched <= switches, "{name}: {m} {i} {switched}");
    }
}

#[test]
fn numbers_begin_with_1_and_stay() {
    let mut tracker = tracker();
    // Two people who walk through each other, at heights that let them be told apart.
    for frame in 0..60 {
        let step = 6.0 * frame as f32;
        let people = [found(step, 100.0, 0.9), found(360.0 - step, 140.0, 0.8)];
        assert_eq!(numbers(&tracker.update(f64::from(frame) / 30.0, &people)), [1, 2], "frame {frame}");
    }
}

#[test]
fn who_is_hidden_for_a_while_keeps_the_number() {
    let mut tracker = tracker();
    let at = |frame: i32| found(4.0 * frame as f32, 100.0, 0.9);
    for frame in (0..20).chain(40..60) {
        assert_eq!(numbers(&tracker.update(f64::from(frame) / 30.0, &[at(frame)])), [1], "frame {frame}");
    }
    // Nobody for longer than tracks are remembered: whoever comes then is somebody else.
    assert_eq!(tracker.tracks().count(), 1);
    tracker.update(5.0, &[]);
    assert_eq!(tracker.tracks().count(), 0);
    tracker.update(5.1, &[at(60)]);
    assert_eq!(numbers(&tracker.update(5.2, &[at(60)])), [2]);
}

#[test]
fn frames_may_be_further_apart_than_tracks_are_remembered() {
    let mut tracker = tracker();
    for hour in 0..5 {
        assert_eq!(numbers(&tracker.update(3600.0 * f64::from(hour), &[found(0.0, 0.0, 0.9)])), [1]);
    }
    tracker.update(5.0 * 3600.0, &[]);
    tracker.update(6.0 * 3600.0, &[found(0.0, 0.0, 0.9)]);
    assert_eq!(numbers(&tracker.update(7.0 * 3600.0, &[found(0.0, 0.0, 0.9)])), [2]);
}

#[test]
fn unsure_detections_continue_a_track_but_start_none() {
    let mut tracker = tracker();
    tracker.update(0.0, &[found(0.0, 0.0, 0.9)]);
    let tracked = tracker.update(0.1, &[found(1.0, 0.0, 0.12), found(300.0, 0.0, 0.2), found(600.0, 0.0, 0.05)]);
    assert_eq!((numbers(&tracked), tracked[0].detection.score), (vec![1], 0.12));
    // Twice more, and still none.
    for frame in 2..4 {
        assert_eq!(tracker.update(0.1 * f64::from(frame), &[found(300.0, 0.0, 0.2)]), []);
    }
}

#[test]
fn a_single_false_alarm_gets_no_number() {
    let mut tracker = tracker();
    tracker.update(0.0, &[]);
    assert_eq!(tracker.update(0.03, &[found(0.0, 0.0, 0.9)]), []);
    assert_eq!(tracker.update(0.06, &[]), []);
    tracker.update(0.09, &[found(300.0, 0.0, 0.9)]);
    assert_eq!(numbers(&tracker.update(0.12, &[found(300.0, 0.0, 0.9)])), [1]);
}

#[test]
fn classes_are_followed_apart_unless_agnostic() {
    for (agnostic, same) in [(false, false), (true, true)] {
        let mut tracker = Tracker::new(TrackOptions { agnostic, ..TrackOptions::default() }).unwrap();
        tracker.update(0.0, &[found(0.0, 0.0, 0.9)]);
        let cat = Detection { class: 15, ..found(0.0, 0.0, 0.9) };
        tracker.update(0.03, &[cat]);
        let tracked = tracker.update(0.06, &[cat]);
        assert_eq!(numbers(&tracked) == [1], same);
        assert_eq!(tracked[0].detection.class, 15);
    }
}

#[test]
fn a_rewound_video_forgets_the_tracks_but_no_number_comes_again() {
    let mut tracker = tracker();
    assert_eq!(numbers(&tracker.update(5.0, &[found(0.0, 0.0, 0.9)])), [1]);
    assert_eq!(numbers(&tracker.update(1.0, &[found(0.0, 0.0, 0.9)])), [2]);
    // The same frame once more.
    assert_eq!(numbers(&tracker.update(1.0, &[found(0.0, 0.0, 0.9)])), [2]);
    assert_eq!(numbers(&tracker.update(f64::NAN, &[found(0.0, 0.0, 0.9)])), [2]);
}

#[test]
fn trails_hold_the_last_centres() {
    let mut tracker = Tracker::new(TrackOptions { trail: 3, ..TrackOptions::default() }).unwrap();
    for frame in 0..5 {
        tracker.update(f64::from(frame) / 30.0, &[found(2.0 * frame as f32, 0.0, 0.9)]);
    }
    let trail: Vec<[f32; 2]> = tracker.tracks().next().unwrap().trail().collect();
    assert_eq!(trail, [[24.0, 50.0], [26.0, 50.0], [28.0, 50.0]]);
    tracker.set_options(TrackOptions::default()).unwrap();
    tracker.update(1.0, &[]);
    assert_eq!(tracker.tracks().next().unwrap().trail().len(), 0);
}

#[test]
fn odd_boxes_and_times_break_nothing() {
    let mut tracker = tracker();
    let mut random = fastrand::Rng::with_seed(3);
    let odd =
        [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 0.0, -0.0, f32::MIN_POSITIVE, 1e-45, 1e30];
    let times = [f64::NAN, f64::INFINITY, 0.0, 1e300, -1e300, 1e-300, 5.0, 5.0];
    for round in 0..2000 {
        let mut value = || if random.bool() { odd[random.usize(..odd.len())] } else { random.f32() * 100.0 };
        let one = |_| Detection { bounds: std::array::from_fn(|_| value()), score: value(), class: round % 3 };
        let detections: Vec<Detection> = (0..5).map(one).collect();
        for Tracked { detection, .. } in tracker.update(times[round % times.len()], &detections) {
            let [x1, y1, x2, y2] = detection.bounds;
            assert!(x1 < x2 && y1 < y2 && detection.score >= 0.1, "{detection:?}");
        }
    }
    // And goes on as if nothing had been.
    tracker.forget();
    assert_eq!(tracker.update(0.0, &[found(0.0, 0.0, 0.9)]).len(), 1);
}

#[test]
fn thousands_of_boxes_are_bounded() {
    let mut tracker = tracker();
    let mut random = fastrand::Rng::with_seed(3);
    for frame in 0..20 {
        // Every other frame elsewhere, so that every track is lost at once.
        let shift = 20_000.0 * (frame / 2) as f32;
        let one = |i: usize| found(shift + 50.0 * (i % 40) as f32, 110.0 * (i / 40) as f32 + random.f32(), 0.9);
        let detections: Vec<Detection> = (0..1500).map(one).collect();
        tracker.update(f64::from(frame) / 30.0, &detections);
        assert!(tracker.tracks().count() <= MAX_TRACKS);
    }
    assert_eq!(tracker.tracks().count(), MAX_TRACKS);
    // All in one place.
    let mut tracker = self::tracker();
    let heap = vec![found(0.0, 0.0, 0.9); 300];
    assert_eq!(tracker.update(0.0, &heap).len(), 300);
    assert_eq!(tracker.update(0.1, &heap).len(), 300);
}

#[test]
fn options_out_of_range_are_refused() {
    let fine = TrackOptions::default();
    let odd = [
        ("low", TrackOptions { low: -0.1, ..fine }),
        ("low", TrackOptions { low: 0.3, ..fine }),
        ("high", TrackOptions { high: f32::NAN, ..fine }),
        ("start", TrackOptions { start: 0.2, ..fine }),
        ("buffer", TrackOptions { buffer: -1.0, ..fine }),
        ("buffer", TrackOptions { buffer: f64::INFINITY, ..fine }),
        ("trail", TrackOptions { trail: 5000, ..fine }),
    ];
    for (name, options) in odd {
        let error = Tracker::new(options).unwrap_err();
        assert_eq!(error.place(), Some(name), "{error}");
        assert!(error.to_string().contains("expected"), "{error}");
    }
}
