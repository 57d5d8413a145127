//! Tracks as text, in the format of the MOTChallenge: one box a line,
//! `frame,track,left,top,width,height,score,…`, frames from 1, lengths in pixels.
//!
//! Tracks are written with three more columns that are -1 (positions in the world, which nobody knows). Known tracks have 0 in
//! the column of the score where a box doesn't count, and further columns that are not read.

use crate::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::fmt::Write;

/// A box of one track in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The frame's number, from 1.
    pub frame: u64,
    /// The track's number, from 1. `None`: a box without a track (-1 in a file), as in files of detections.
    pub track: Option<u64>,
    /// `[x1, y1, x2, y2]` in pixels.
    pub bounds: [f32; 4],
    /// The score. In a file of known tracks 0 means that the box doesn't count.
    pub score: f32,
}

/// The entries as text.
pub fn write(entries: &[Entry]) -> String {
    let mut text = String::new();
    for Entry { frame, track, bounds: [x1, y1, x2, y2], score } in entries {
        let track = track.map_or("-1".into(), |track| track.to_string());
        let (width, height) = (x2 - x1, y2 - y1);
        let _ = writeln!(text, "{frame},{track},{x1:.2},{y1:.2},{width:.2},{height:.2},{score:.4},-1,-1,-1");
    }
    text
}

/// The entries of a text, in its order. Commas or blanks stand between the columns; a missing score is 1.
///
/// # Errors
/// A line that is not of this format; a track with two boxes in one frame.
pub fn read(text: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut known = BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let refuse = |message: String| {
            let error = Error::new(ErrorKind::Data, message).at(format!("line {}", number + 1));
            Err(error.hint("expected frame,track,left,top,width,height,score, as in 1,3,794.2,247.6,71.2,174.8,0.9"))
        };
        let mut columns = Vec::new();
        for word in line.split([',', ' ', '\t', ';']).filter(|word| !word.is_empty()).take(7) {
            match word.trim().parse::<f64>() {
                Ok(value) if value.is_finite() && value.abs() < 1e15 => columns.push(value),
                _ => return refuse(format!("{word:?} is not a number")),
            }
        }
        let [frame, track, left, top, width, height, ref score @ ..] = columns[..] else {
            if columns.is_empty() {
                continue;
            }
            return refuse(format!("{} columns are too few", columns.len()));
        };
        if frame < 0.0 || frame.fract() != 0.0 || track.fract() != 0.0 {
            return refuse("the frame or the track is not a whole number".into());
        }
        if width < 0.0 || height < 0.0 {
            return refuse("the width or the height is below 0".into());
        }
        let (frame, track) = (frame as u64, (track >= 0.0).then_some(track as u64));
        if track.is_some() && !known.insert((frame, track)) {
            return refuse("this track has a second box in this frame".into());
        }
        let bounds = [left, top, left + width, top + height].map(|v| v as f32);
        entries.push(Entry { frame, track, bounds, score: score.first().map_or(1.0, |score| *score as f32) });
    }
    Ok(entries)
}
