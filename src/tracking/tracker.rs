//! ByteTrack: every box is associated, the unsure ones in a second stage.

use super::assignment::assign;
use super::kalman::Motion;
use super::overlap;
use crate::detection::Detection;
use crate::{Error, ErrorKind, Result};
use std::collections::VecDeque;

/// Detections of one frame beyond this many are passed over.
pub const MAX_DETECTIONS: usize = 1000;

/// At most this many tracks are followed at once; those that were not seen for longest go first.
pub const MAX_TRACKS: usize = 2000;

/// The filter's unit of time, in seconds: its noise belongs to videos of 30 frames a second.
const STEP: f64 = 1.0 / 30.0;

/// The least overlap of a track's predicted box with a sure detection, with an unsure one, and of a track that is only one
/// frame old with a sure detection.
const SURE: f64 = 0.2;
const UNSURE: f64 = 0.5;
const NEW: f64 = 0.3;

/// How a [`Tracker`] works.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackOptions {
    /// Detections with scores from here on are sure: they are associated first.
    pub high: f32,
    /// Detections with scores from here on are unsure: they can continue a track. Lower ones are passed over.
    pub low: f32,
    /// A track starts with a score from here on.
    pub start: f32,
    /// Seconds for which a track that is not seen is remembered.
    pub buffer: f64,
    /// A track may change its class.
    pub agnostic: bool,
    /// How many of its last centres a track keeps: see [`Track::trail`].
    pub trail: usize,
}

impl TrackOptions {
    /// The options for who shows detections with scores from `conf` on: tracks start there, and go on with scores from 0.1 on.
    pub fn from_conf(conf: f32) -> Self {
        Self { high: conf, low: conf.min(0.1), start: conf, buffer: 2.0, agnostic: false, trail: 0 }
    }

    fn check(&self) -> Result<()> {
        let refuse = |name, value: f64, expected| {
            let message = format!("{value} is out of range");
            Err(Error::new(ErrorKind::Argument, message).at(name).hint(format!("expected {expected}")))
        };
        for (name, value) in [("low", self.low), ("high", self.high), ("start", self.start)] {
            if !(0.0..=1.0).contains(&value) {
                return refuse(name, f64::from(value), "a score from 0 to 1");
            }
        }
        if self.low > self.high {
            return refuse("low", f64::from(self.low), "at most the value of high");
        }
        if self.start < self.high {
            return refuse("start", f64::from(self.start), "at least the value of high");
        }
        if !(0.0..=3600.0).contains(&self.buffer) {
            return refuse("buffer", self.buffer, "0 to 3600 seconds");
        }
        if self.trail > 1000 {
            return refuse("trail", self.trail as f64, "0 to 1000 points");
        }
        Ok(())
    }
}

impl Default for TrackOptions {
    fn default() -> Self {
        Self::from_conf(0.25)
    }
}

/// A detection that belongs to a track.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tracked {
    /// The track's number: 1, 2, 3 … in the order of their beginnings. It is never used again.
    pub track: u64,
    /// The detection as it was given.
    pub detection: Detection,
}

/// One object over time.
#[derive(Clone, Debug)]
pub struct Track {
    id: u64,
    detection: Detection,
    trail: VecDeque<[f32; 2]>,
    motion: Motion,
    /// When it was seen last.
    last: f64,
    seen: bool,
}

impl Track {
    fn new(detection: Detection, time: f64) -> Self {
        let motion = Motion::new(&detection.bounds.map(f64::from));
        Self { id: 0, detection, trail: VecDeque::new(), motion, last: time, seen: true }
    }

    /// Its number.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its last detection.
    pub fn detection(&self) -> &Detection {
        &self.detection
    }

    /// Whether it was seen in the last frame.
    pub fn seen(&self) -> bool {
        self.seen
    }

    /// The centres of its last detections in pixels, oldest first: as many as [`TrackOptions::trail`] says.
    pub fn trail(&self) -> impl ExactSizeIterator<Item = [f32; 2]> {
        self.trail.iter().copied()
    }

    /// Only now and then seen once, by mistake perhaps: it has no number yet.
    fn is_new(&self) -> bool {
        self.id == 0
    }

    fn see(&mut self, detection: Detection, time: f64) {
        self.motion.update(&detection.bounds.map(f64::from));
        (self.detection, self.last, self.seen) = (detection, time, true);
    }

    fn keep_trail(&mut self, length: usize) {
        if self.seen && length > 0 {
            let [x1, y1, x2, y2] = self.detection.bounds;
            self.trail.push_back([x1 / 2.0 + x2 / 2.0, y1 / 2.0 + y2 / 2.0]);
        }
        self.trail.drain(..self.trail.len().saturating_sub(length));
    }
}

/// Follows objects through the frames of one video or camera.
#[derive(Clone, Debug)]
pub struct Tracker {
    options: TrackOptions,
    tracks: Vec<Track>,
    /// The time of the last frame.
    time: Option<f64>,
    next: u64,
}

impl Tracker {
    /// Without tracks.
    ///
    /// # Errors
    /// Options out of range.
    pub fn new(options: TrackOptions) -> Result<Self> {
        options.check()?;
        Ok(Self { options, tracks: Vec::new(), time: None, next: 1 })
    }

    /// The options.
    pub fn options(&self) -> &TrackOptions {
        &self.options
    }

    /// Changes the options from the next frame on.
    ///
    /// # Errors
    /// Options out of range; then the old ones stay.
    pub fn set_options(&mut self, options: TrackOptions) -> Result<()> {
        options.check()?;
        self.options = options;
        Ok(())
    }

    /// All tracks that have a number, with those that were not seen in the last frame but are remembered.
    pub fn tracks(&self) -> impl Iterator<Item = &Track> + Clone {
        self.tracks.iter().filter(|track| !track.is_new())
    }

    /// Forgets all tracks, as after a cut. Numbers go on.
    pub fn forget(&mut self) {
        self.tracks.clear();
        self.time = None;
    }

    /// Takes in the detections of the next frame and gives those that belong to a track, in the same order.
    ///
    /// Detections come best first, as NMS gives them. Boxes that are empty, and those with values that are not numbers, are
    /// passed over. `time` is the frame's time in seconds from any beginning, so frames may be missing and come at any rate. If
    /// it goes back, the video was rewound: all tracks are forgotten. A time that is not a number is taken for the thirtieth of
    /// a second after the last.
    ///
    /// An object gets its number when it is found in two frames running; in the first frame of all, at once.
    #[inline(never)] // See `[profile.wasm]`: inlined into the bindings, it would be compiled for speed.
    pub fn update(&mut self, time: f64, detections: &[Detection]) -> Vec<Tracked> {
        let time = if time.is_finite() { time } else { self.time.map_or(0.0, |last| last + STEP) };
        if self.time.is_some_and(|last| time < last) {
            self.forget();
        }
        let first = self.time.is_none();
        let passed = time - self.time.unwrap_or(time);
        self.time = Some(time);
        let TrackOptions { high, low, start, buffer, .. } = self.options;
        self.tracks.retain(|track| track.seen || time - track.last <= buffer);
        for track in &mut self.tracks {
            track.motion.predict(passed / STEP, track.seen);
        }
        // Detections wait in `sure` and `unsure`, tracks in `waiting`, until each has its partner.
        let usable = usable(detections, low);
        let (mut sure, mut unsure): (Vec<usize>, Vec<usize>) =
            usable.into_iter().partition(|&i| detections[i].score >= high);
        let (mut numbered, mut new): (Vec<Track>, Vec<Track>) = self.tracks.drain(..).partition(|t| !t.is_new());
        numbered.iter_mut().chain(&mut new).for_each(|track| track.seen = false);

        let agnostic = self.options.agnostic;
        let mut found: Vec<Option<u64>> = vec![None; detections.len()];
        let mut associate = |tracks: &mut [Track], of: &[usize], waiting: &mut Vec<usize>, least: f64| {
            let boxes: Vec<[f64; 4]> = of.iter().map(|&track| tracks[track].motion.bounds()).collect();
            let seen: Vec<[f64; 4]> = waiting.iter().map(|&i| detections[i].bounds.map(f64::from)).collect();
            let pairs = assign(of.len(), waiting.len(), |track, i| {
                let same = agnostic || tracks[of[track]].detection.class == detections[waiting[i]].class;
                if same { overlap(&boxes[track], &seen[i]) - least } else { 0.0 }
            });
            for &(track, i) in &pairs {
                let (track, i) = (&mut tracks[of[track]], waiting[i]);
                track.see(detections[i], time);
                if track.is_new() {
                    track.id = self.next;
                    self.next += 1;
                }
                found[i] = Some(track.id);
            }
            waiting.retain(|&i| found[i].is_none());
        };
        let all = |count: usize| (0..count).collect::<Vec<_>>();
        let all_numbered = all(numbered.len());
        associate(&mut numbered, &all_numbered, &mut sure, SURE);
        let rest: Vec<usize> = (0..numbered.len()).filter(|&i| !numbered[i].seen).collect();
        associate(&mut numbered, &rest, &mut unsure, UNSURE);
        let all_new = all(new.len());
        associate(&mut new, &all_new, &mut sure, NEW);

        numbered.extend(new.into_iter().filter(|track| track.seen));
        numbered.retain(|track| time - track.last <= buffer);
        for i in sure.into_iter().filter(|&i| detections[i].score >= start) {
            let mut track = Track::new(detections[i], time);
            if first {
                track.id = self.next;
                self.next += 1;
                found[i] = Some(track.id);
            }
            numbered.push(track);
        }
        while numbered.len() > MAX_TRACKS {
            let oldest = (0..numbered.len()).min_by(|&a, &b| numbered[a].last.total_cmp(&numbered[b].last));
            numbered.swap_remove(oldest.unwrap_or_default());
        }
        numbered.iter_mut().for_each(|track| track.keep_trail(self.options.trail));
        self.tracks = numbered;
        let tracked = |(&detection, track): (&Detection, Option<u64>)| Some(Tracked { track: track?, detection });
        detections.iter().zip(found).filter_map(tracked).collect()
    }
}

/// The detections that can belong to a track.
fn usable(detections: &[Detection], low: f32) -> Vec<usize> {
    let usable = |i: &usize| {
        let Detection { bounds: [x1, y1, x2, y2], score, .. } = detections[*i];
        let finite = detections[*i].bounds.iter().all(|v| v.is_finite());
        finite && x2 > x1 && y2 > y1 && score.is_finite() && score >= low
    };
    (0..detections.len()).filter(usable).take(MAX_DETECTIONS).collect()
}
