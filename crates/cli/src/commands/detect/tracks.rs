//! Tracks over pictures that are the frames of one video, counts at lines and in zones, and the MOTChallenge's file.

use crate::options::{io, print, write};
use crate::sources::Source;
use ghostdet::detection::{Detection, NmsOptions};
use ghostdet::tracking::mot::{self, Entry};
use ghostdet::tracking::{Anchor, Border, Count, Counter, Counts, TrackOptions, Tracker};
use ghostdet::{Error, ErrorKind, Result};
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Options of `ghostdet detect` for frames.
#[derive(clap::Args)]
pub struct Args {
    /// The pictures are the frames of one video, in order (those of a folder by the numbers in their names): number what is
    /// seen again
    #[arg(long)]
    track: bool,
    /// Frames a second
    #[arg(long, value_name = "N", default_value = "30", requires = "track", value_parser = parse_fps)]
    fps: f64,
    /// Seconds for which an object that is not seen keeps its number
    #[arg(long, value_name = "SECONDS", default_value = "2", requires = "track", value_parser = parse_seconds)]
    track_buffer: f64,
    /// Count what crosses a line: "x1,y1,x2,y2" in pixels, or "name=x1,y1,x2,y2". A line drawn from left to right is crossed
    /// inwards by what goes down. May be repeated
    #[arg(long, value_name = "LINE", requires = "track", allow_hyphen_values = true)]
    line: Vec<String>,
    /// Count what enters, leaves and is in a zone: "x,y x,y x,y …" in pixels, or "name=x,y …". May be repeated
    #[arg(long, value_name = "ZONE", requires = "track", allow_hyphen_values = true)]
    zone: Vec<String>,
    /// The point of a box that has to cross
    #[arg(long, requires = "track", value_parser = ["center", "bottom"], default_value = "center")]
    anchor: String,
    /// Save the tracks in the MOTChallenge's format (frame,track,left,top,width,height,score)
    #[arg(long, value_name = "FILE", requires = "track")]
    mot: Option<PathBuf>,
}

fn parse_fps(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.01..=1000.0).contains(&value) => Ok(value),
        _ => Err("a number from 0.01 to 1000 is needed".into()),
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=3600.0).contains(&value) => Ok(value),
        _ => Err("a number from 0 to 3600 is needed".into()),
    }
}

impl Args {
    /// What follows the frames, if that was asked for; `nms` lets the unsure detections through then.
    pub fn start(&self, nms: &mut NmsOptions) -> Result<Option<Follower>> {
        if !self.track {
            return Ok(None);
        }
        let options =
            TrackOptions { buffer: self.track_buffer, agnostic: nms.agnostic, ..TrackOptions::from_conf(nms.conf) };
        // Scores above `conf` are kept, but those from `low` on.
        nms.conf = options.low.next_down();
        let anchor = if self.anchor == "bottom" { Anchor::Bottom } else { Anchor::Center };
        let mut borders = Vec::new();
        for (i, text) in self.line.iter().enumerate() {
            let (name, points) = parse_border(text, "--line", || format!("line {}", i + 1))?;
            let [start, end] = points[..] else {
                return Err(refused("--line", text, &format!("{} numbers are not two points", 2 * points.len()), LINE));
            };
            borders.push(Border { anchor, ..Border::line(name, start, end) });
        }
        for (i, text) in self.zone.iter().enumerate() {
            let (name, points) = parse_border(text, "--zone", || format!("zone {}", i + 1))?;
            borders.push(Border { anchor, ..Border::zone(name, points) });
        }
        let tracker = Tracker::new(options)?;
        let counter = Counter::new(borders).map_err(|error| error.at("--line, --zone"))?;
        if let Some(path) = &self.mot {
            // Not after an hour of frames.
            std::fs::File::create(path).map_err(|error| io(path.display(), "can't be written", &error))?;
        }
        Ok(Some(Follower { tracker, counter, fps: self.fps, frame: 0, entries: Vec::new(), mot: self.mot.clone() }))
    }

    /// Puts the pictures of one folder or pattern into the order of frames: number 2 before number 10.
    pub fn order(&self, sources: &mut [Source]) {
        if self.track {
            sources.sort_by_cached_key(|source| numbered(&source.name()));
        }
    }
}

/// A name in parts, so that numbers in it sort by their value: text, the number of digits without leading zeros, the digits, and so
/// on; the name itself decides between equal ones.
fn numbered(name: &str) -> (Vec<(String, usize, String)>, String) {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let (text, more) = rest.split_at(rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len()));
        let (digits, more) = more.split_at(more.find(|c: char| !c.is_ascii_digit()).unwrap_or(more.len()));
        let digits = digits.trim_start_matches('0');
        parts.push((text.to_owned(), digits.len(), digits.to_owned()));
        rest = more;
    }
    (parts, name.to_owned())
}

const LINE: &str = "expected x1,y1,x2,y2 in pixels, as in 0,240,640,240 or door=0,240,640,240";
const ZONE: &str = "expected three points or more, as in \"0,0 200,0 200,300\" or \"yard=0,0 200,0 200,300\"";

fn refused(option: &str, text: &str, message: &str, hint: &str) -> Error {
    Error::new(ErrorKind::Argument, message).at(format!("{option} {text:?}")).hint(hint)
}

/// The name and the points of a line or zone.
fn parse_border(text: &str, option: &str, name: impl Fn() -> String) -> Result<(String, Vec<[f32; 2]>)> {
    let hint = if option == "--line" { LINE } else { ZONE };
    let (name, numbers) = match text.rsplit_once('=') {
        Some((given, numbers)) if !given.trim().is_empty() => (given.trim().to_owned(), numbers),
        Some((_, numbers)) => (name(), numbers),
        None => (name(), text),
    };
    let mut values = Vec::new();
    for word in numbers.split([',', ' ', ';']).filter(|word| !word.is_empty()) {
        match word.parse::<f32>() {
            Ok(value) if value.is_finite() => values.push(value),
            _ => return Err(refused(option, text, &format!("{word:?} is not a number"), hint)),
        }
    }
    if values.len() % 2 != 0 {
        return Err(refused(option, text, "a point has an x and a y, but the last y is missing", hint));
    }
    Ok((name, values.chunks_exact(2).map(|point| [point[0], point[1]]).collect()))
}

/// Follows what is seen from frame to frame.
pub struct Follower {
    tracker: Tracker,
    counter: Counter,
    fps: f64,
    frame: u64,
    entries: Vec<Entry>,
    mot: Option<PathBuf>,
}

impl Follower {
    /// The detections of the next frame that belong to a track, and their tracks. `None`: the frame can't be read; time goes on.
    pub fn follow(&mut self, detections: Option<&[Detection]>) -> (Vec<Detection>, Vec<u64>) {
        let time = self.frame as f64 / self.fps;
        self.frame += 1;
        let Some(detections) = detections else { return Default::default() };
        let tracked = self.tracker.update(time, detections);
        self.counter.update(self.tracker.tracks());
        if self.mot.is_some() {
            let entry = |one: &ghostdet::tracking::Tracked| Entry {
                frame: self.frame,
                track: Some(one.track),
                bounds: one.detection.bounds,
                score: one.detection.score,
            };
            self.entries.extend(tracked.iter().map(entry));
        }
        tracked.into_iter().map(|one| (one.detection, one.track)).unzip()
    }

    /// The counts so far.
    pub fn counts(&self) -> &[Counts] {
        self.counter.counts()
    }

    /// Saves the tracks and prints the counts.
    pub fn finish(self, names: &[String], as_json: bool) -> Result<()> {
        if let Some(path) = &self.mot {
            write(path, mot::write(&self.entries).as_bytes())?;
        }
        if as_json {
            let counts: Vec<Counted> = self.counts().iter().map(|counts| Counted::new(counts, names)).collect();
            return if counts.is_empty() { Ok(()) } else { print(json!({ "counts": counts })) };
        }
        self.counts().iter().try_for_each(|counts| print(human(counts, names)))
    }
}

#[derive(Serialize)]
struct Counted<'a> {
    name: &'a str,
    kind: &'static str,
    #[serde(flatten)]
    total: Numbers,
    classes: BTreeMap<&'a str, Numbers>,
}

#[derive(Serialize)]
struct Numbers {
    r#in: u64,
    out: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    inside: Option<u64>,
}

impl Numbers {
    fn new(count: &Count, border: &Border) -> Self {
        Self { r#in: count.entered, out: count.left, inside: (!border.is_line()).then_some(count.inside) }
    }
}

impl<'a> Counted<'a> {
    fn new(counts: &'a Counts, names: &'a [String]) -> Self {
        let border = counts.border();
        let class = |(class, count): &'a (usize, Count)| (name(names, class), Numbers::new(count, border));
        Self {
            name: &border.name,
            kind: if border.is_line() { "line" } else { "zone" },
            total: Numbers::new(&counts.total(), border),
            classes: counts.classes().iter().map(class).collect(),
        }
    }
}

fn name<'a>(names: &'a [String], class: &usize) -> &'a str {
    names.get(*class).map_or("?", String::as_str)
}

/// `door: 3 in (2 person, 1 dog), 1 out (1 person)`.
fn human(counts: &Counts, names: &[String]) -> String {
    let part = |what: &str, of: fn(&Count) -> u64| {
        let classes = counts.classes().iter().filter(|(_, count)| of(count) > 0);
        let classes: Vec<String> =
            classes.map(|(class, count)| format!("{} {}", of(count), name(names, class))).collect();
        match of(&counts.total()) {
            0 => format!("0 {what}"),
            total => format!("{total} {what} ({})", classes.join(", ")),
        }
    };
    let mut parts = vec![part("in", |count| count.entered), part("out", |count| count.left)];
    if !counts.border().is_line() {
        parts.push(part("inside at the end", |count| count.inside));
    }
    format!("{}: {}", counts.border().name, parts.join(", "))
}
