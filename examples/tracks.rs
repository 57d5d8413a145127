//! Tracks from detections in the MOTChallenge's format, and how good they are.
//!
//!     cargo run --release -p ghostdet --example tracks -- track det.txt 25 > tracks.txt    # 25 frames a second
//!     cargo run --release -p ghostdet --example tracks -- evaluate gt.txt tracks.txt
//!     cargo run --release -p ghostdet --example tracks -- scenes FOLDER                    # the made videos of tests/tracking.rs as files

#[path = "../tests/support/scene.rs"]
#[allow(dead_code)]
mod scene;

use ghostdet::detection::Detection;
use ghostdet::tracking::evaluate::evaluate;
use ghostdet::tracking::mot::{Entry, read, write};
use ghostdet::tracking::{TrackOptions, Tracker};
use scene::{Scene, scenes};
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["track", file, fps] => print!("{}", write(&track(&read(&std::fs::read_to_string(file)?)?, fps.parse()?)?)),
        ["evaluate", truth, found] => {
            let [truth, found] = [truth, found].map(|file| std::fs::read_to_string(file).map(|text| read(&text)));
            let scores = evaluate(&truth??, &found??);
            println!("{scores:?} MOTA {:.3} IDF1 {:.3}", scores.mota(), scores.idf1());
        }
        ["scenes", folder] => save_scenes(Path::new(folder))?,
        _ => return Err("track DETECTIONS FPS, or evaluate TRUTH TRACKS, or scenes FOLDER".into()),
    }
    Ok(())
}

/// Scores below 0 are unknown ones, and count as sure.
fn track(detections: &[Entry], fps: f64) -> Result<Vec<Entry>, Box<dyn Error>> {
    let mut tracker = Tracker::new(TrackOptions::default())?;
    let mut tracks = Vec::new();
    for frame in 1..=detections.iter().map(|entry| entry.frame).max().unwrap_or(0) {
        let of_frame = detections.iter().filter(|entry| entry.frame == frame);
        let detection = |entry: &Entry| Detection {
            bounds: entry.bounds,
            score: if entry.score < 0.0 { 1.0 } else { entry.score },
            class: 0,
        };
        let found = tracker.update(frame as f64 / fps, &of_frame.map(detection).collect::<Vec<_>>());
        tracks.extend(found.into_iter().map(|one| Entry {
            frame,
            track: Some(one.track),
            bounds: one.detection.bounds,
            score: one.detection.score,
        }));
    }
    Ok(tracks)
}

/// `NUMBER-SEED/det.txt` and `gt.txt`. Frames that are missing have no detections.
fn save_scenes(folder: &Path) -> Result<(), Box<dyn Error>> {
    for (number, (name, scene)) in scenes().into_iter().enumerate() {
        println!("{number}: {name}, {} fps", scene.fps);
        for seed in 0..10 {
            let (mut truth, mut found) = (Vec::new(), Vec::new());
            for frame in (Scene { seed, ..scene }).frames() {
                truth.extend(frame.truth);
                found.extend(frame.detections.into_iter().map(|d| Entry {
                    frame: frame.number,
                    track: None,
                    bounds: d.bounds,
                    score: d.score,
                }));
            }
            let folder = folder.join(format!("{number}-{seed}"));
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join("gt.txt"), write(&truth))?;
            std::fs::write(folder.join("det.txt"), write(&found))?;
        }
    }
    Ok(())
}
