//! The MOTChallenge's text format, and the figures that judge tracks.

use ghostdet::tracking::evaluate::{Scores, evaluate};
use ghostdet::tracking::mot::{Entry, read, write};

fn entry(frame: u64, track: u64, x: f32) -> Entry {
    Entry { frame, track: Some(track), bounds: [x, 0.0, x + 10.0, 20.0], score: 1.0 }
}

#[test]
fn text_goes_there_and_back() {
    let entries = [entry(1, 7, 5.25), Entry { track: None, score: 0.5, ..entry(2, 0, 9.0) }];
    let text = write(&entries);
    assert_eq!(text.lines().next(), Some("1,7,5.25,0.00,10.00,20.00,1.0000,-1,-1,-1"));
    assert_eq!(read(&text).unwrap(), entries);
    // As files of known tracks come: nine columns, blanks, carriage returns, empty lines.
    let foreign = read("1, 1, 912, 484, 97, 109, 0, 7, 1\r\n\r\n2 1 912.5 484 97 109\n").unwrap();
    assert_eq!((foreign[0].score, foreign[1].score), (0.0, 1.0));
    assert_eq!(foreign[1].bounds, [912.5, 484.0, 1009.5, 593.0]);
}

#[test]
fn lines_of_another_format_are_named() {
    let odd = [
        ("1,2,3", "too few"),
        ("1,1,0,0,5,5,x", "not a number"),
        ("1,1,nan,0,5,5,1", "not a number"),
        ("1,1,1e40,0,5,5,1", "not a number"),
        ("1.5,1,0,0,5,5,1", "whole"),
        ("1,1,0,0,-5,5,1", "below 0"),
        ("<html>", "not a number"),
    ];
    for (line, part) in odd {
        let error = read(&format!("1,1,0,0,5,5,1\n{line}\n")).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains(part) && error.contains("expected"), "{error}");
    }
    let error = read("3,1,0,0,5,5,1\n3,1,9,9,5,5,1\n").unwrap_err().to_string();
    assert!(error.contains("second box"), "{error}");
}

#[test]
fn scores_are_those_of_the_papers() {
    // Ten frames, two objects.
    let truth: Vec<Entry> = (1..=10).flat_map(|frame| [entry(frame, 1, 0.0), entry(frame, 2, 100.0)]).collect();
    assert_eq!(evaluate(&truth, &truth).mota(), 1.0);
    assert_eq!(evaluate(&truth, &truth).idf1(), 1.0);
    // The first object changes its track after six frames, the second is missed for three, one box is nobody's.
    let found: Vec<Entry> = (1..=10)
        .flat_map(|frame| [entry(frame, if frame <= 6 { 5 } else { 6 }, 1.0), entry(frame, 8, 101.0)])
        .filter(|entry| entry.track != Some(8) || entry.frame > 3)
        .chain([entry(4, 9, 500.0)])
        .collect();
    let scores = evaluate(&truth, &found);
    let expected = Scores { truth: 20, boxes: 18, misses: 3, false_positives: 1, switches: 1, identity_matches: 6 + 7 };
    assert_eq!(scores, expected);
    assert!((scores.mota() - 0.75).abs() < 1e-12);
    assert!((scores.idf1() - 26.0 / 38.0).abs() < 1e-12);
    // Boxes that don't count, boxes without a track, nothing at all.
    let ignored = [Entry { score: 0.0, ..entry(1, 3, 300.0) }];
    assert_eq!(evaluate(&ignored, &[Entry { track: None, ..entry(1, 3, 300.0) }]), Scores::default());
    assert!(evaluate(&[], &[]).mota().is_nan());
}

#[test]
fn an_object_keeps_its_track_even_if_another_box_is_closer() {
    let truth: Vec<Entry> = (1..=2).map(|frame| entry(frame, 1, 0.0)).collect();
    let found = [entry(1, 4, 0.0), entry(2, 4, 2.0), entry(2, 5, 0.0)];
    let scores = evaluate(&truth, &found);
    assert_eq!((scores.switches, scores.false_positives), (0, 1));
}
