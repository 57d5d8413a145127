//! `ghostdet detect --track`: frames with known motion, and options that are wrong.

use image::{Rgb, RgbImage, imageops};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ghostdet")).args(arguments).output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn lines(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A person who is moved to the right by 32 pixels a frame, over grey: `1.png` to `10.png` of 704 x 480.
fn frames(folder: &Path) -> PathBuf {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/samples");
    let person = image::open(samples.join("astronaut.jpg")).expect("the sample").to_rgb8();
    let person = imageops::resize(&person, 400, 400, imageops::FilterType::Triangle);
    let frames = folder.join("frames");
    std::fs::create_dir(&frames).expect("a folder");
    for number in 1..=10i64 {
        let mut frame = RgbImage::from_pixel(704, 480, Rgb([114; 3]));
        imageops::replace(&mut frame, &person, 32 * (number - 1), 40);
        frame.save(frames.join(format!("{number}.png"))).expect("a frame");
    }
    frames
}

/// The best box of a person: whatever else is found does not matter.
const PEOPLE: [&str; 6] = ["--classes", "person", "--conf", "0.4", "--max-det", "1"];

#[test]
fn frames_in_the_order_of_their_numbers_have_constant_tracks_and_right_counts() {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = frames(folder.path()).display().to_string();
    let (out, mot) = (folder.path().join("out"), folder.path().join("tracks.txt"));
    let (out, mot) = (out.display().to_string(), mot.display().to_string());
    let (line, zone) = ("door=350,480,350,0", "400,0 704,0 704,480 400,480");
    let mut arguments = vec!["detect", &frames, "--track", "--json", "--line", line, "--zone", zone];
    arguments.extend(["--save-dir", &out, "--mot", &mot]);
    arguments.extend(PEOPLE);
    let found = lines(&run(&arguments));
    assert_eq!(found.len(), 11);
    for (i, line) in found[..10].iter().enumerate() {
        assert!(line["source"].as_str().is_some_and(|name| name.ends_with(&format!("{}.png", i + 1))), "{line}");
        let tracks: Vec<u64> =
            line["detections"].as_array().expect("detections").iter().filter_map(|d| d["track"].as_u64()).collect();
        assert_eq!(tracks, [1], "{line}");
    }
    // The line is drawn upwards, so right is in; the zone is entered.
    let counts = found[10]["counts"].as_array().expect("counts");
    assert_eq!((&counts[0]["name"], &counts[0]["in"], &counts[0]["out"]), (&"door".into(), &1.into(), &0.into()));
    assert_eq!(counts[0]["classes"]["person"]["in"], 1);
    assert_eq!((&counts[1]["name"], &counts[1]["in"], &counts[1]["inside"]), (&"zone 1".into(), &1.into(), &1.into()));

    let saved = std::fs::read_to_string(&mot).expect("tracks");
    assert_eq!(saved.lines().count(), 10);
    assert!(saved.lines().last().is_some_and(|line| line.starts_with("10,1,") && line.ends_with(",-1,-1,-1")));
    // The line is drawn.
    let drawn = image::open(Path::new(&out).join("1.jpg")).expect("drawn").to_rgb8();
    assert!(drawn.get_pixel(350, 460).0.iter().all(|v| *v > 200), "{:?}", drawn.get_pixel(350, 460));

    // For people: one line a count. A frame that can't be read takes its time, and the others go on.
    std::fs::write(Path::new(&frames).join("5.png"), b"no picture").expect("written");
    let mut arguments = vec!["detect", &frames, "--track", "--line", line];
    arguments.extend(PEOPLE);
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("5.png"), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().last(), Some("door: 1 in (1 person), 0 out"));
}

#[test]
fn wrong_options_say_what_was_expected() {
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let output = run(&[&["detect", "nothere.jpg"], arguments].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        words.iter().for_each(|word| assert!(said.contains(word), "{arguments:?} says {said:?}, not {word:?}"));
    };
    // Without --track they would do nothing.
    refused(&["--line", "1,2,3,4"], 2, &["--track"]);
    for (line, word) in [
        ("", "points"),
        ("1,2,3", "y is missing"),
        ("1,2,3,4,5,6", "points"),
        ("1,2,x,4", "\"x\" is not a number"),
        ("1,2,nan,4", "not a number"),
        ("5,5,5,5", "same point"),
        ("door=", "points"),
    ] {
        refused(&["--track", "--line", line], 1, &["--line", word, "expected"]);
    }
    for (zone, word) in
        [("0,0 5,5", "area"), ("0,0 5,5 9,9", "area"), ("0,0 a,5 9,9", "\"a\""), ("0,0 5", "y is missing")]
    {
        refused(&["--track", "--zone", zone], 1, &["--zone", word, "expected"]);
    }
    refused(&["--track", "--line", "a=0,0,9,9", "--zone", "a=0,0 9,0 9,9"], 1, &["\"a\"", "name"]);
    refused(&["--track", "--fps", "0"], 2, &["--fps"]);
    refused(&["--track", "--track-buffer", "9999"], 2, &["--track-buffer", "0 to 3600"]);
    refused(&["--track", "--anchor", "top"], 2, &["center", "bottom"]);
    refused(&["--track", "--mot", "no/such/folder/t.txt"], 1, &["no/such/folder/t.txt"]);
}
