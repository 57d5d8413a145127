//! How good tracks are: MOTA with its parts (Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The
//! CLEAR MOT Metrics", 2008) and IDF1 (Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera
//! Tracking", 2016).

use super::assignment::assign;
use super::mot::Entry;
use super::overlap;
use std::collections::{BTreeMap, BTreeSet};

/// Boxes that overlap less than this are not the same object.
pub const LEAST_OVERLAP: f64 = 0.5;

/// How tracks compare with known ones.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scores {
    /// Boxes of the known tracks.
    pub truth: u64,
    /// Boxes of the tracks that are judged.
    pub boxes: u64,
    /// Known boxes that no track has.
    pub misses: u64,
    /// Boxes of tracks where no known box is.
    pub false_positives: u64,
    /// How often a known object changed from one track to another.
    pub switches: u64,
    /// Boxes that are right when every object may have one track only, and every track one object.
    pub identity_matches: u64,
}

impl Scores {
    /// `1 - (misses + false positives + switches) / truth`: 1 is perfect, below 0 worse than no tracks. NaN without truth.
    pub fn mota(&self) -> f64 {
        1.0 - (self.misses + self.false_positives + self.switches) as f64 / self.truth as f64
    }

    /// The harmonic mean of identity precision and recall, 0 to 1. NaN without any box.
    pub fn idf1(&self) -> f64 {
        2.0 * self.identity_matches as f64 / (self.truth + self.boxes) as f64
    }
}

/// One frame: known boxes and those that are judged, by track.
#[derive(Default)]
struct Frame {
    truth: Vec<(u64, [f64; 4])>,
    found: Vec<(u64, [f64; 4])>,
}

/// Compares tracks with known ones, all of one class. Entries without a track, and known boxes with a score of 0, don't count.
pub fn evaluate(truth: &[Entry], found: &[Entry]) -> Scores {
    let mut frames: BTreeMap<u64, Frame> = BTreeMap::new();
    for entry in truth.iter().filter(|entry| entry.score != 0.0) {
        let Some(track) = entry.track else { continue };
        frames.entry(entry.frame).or_default().truth.push((track, entry.bounds.map(f64::from)));
    }
    for entry in found {
        let Some(track) = entry.track else { continue };
        frames.entry(entry.frame).or_default().found.push((track, entry.bounds.map(f64::from)));
    }
    let mut scores = Scores::default();
    // The track that each known object had last, and the number of frames in which each pair overlaps.
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    let mut together: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    for Frame { truth, found } in frames.values() {
        let overlaps = |t: usize, f: usize| {
            let overlap = overlap(&truth[t].1, &found[f].1);
            if overlap >= LEAST_OVERLAP { overlap } else { 0.0 }
        };
        for (t, f) in (0..truth.len()).flat_map(|t| (0..found.len()).map(move |f| (t, f))) {
            if overlaps(t, f) > 0.0 {
                *together.entry((truth[t].0, found[f].0)).or_default() += 1;
            }
        }
        // Who had a track keeps it; the others get as many as there can be, close ones first.
        let (mut free_truth, mut free_found) = (Vec::new(), vec![true; found.len()]);
        for (t, (object, _)) in truth.iter().enumerate() {
            let same = |f: &usize| last.get(object) == Some(&found[*f].0) && free_found[*f] && overlaps(t, *f) > 0.0;
            match (0..found.len()).find(same) {
                Some(f) => free_found[f] = false,
                None => free_truth.push(t),
            }
        }
        let free_found: Vec<usize> = (0..found.len()).filter(|&f| free_found[f]).collect();
        let pairs = assign(free_truth.len(), free_found.len(), |t, f| match overlaps(free_truth[t], free_found[f]) {
            0.0 => 0.0,
            overlap => 1000.0 + overlap,
        });
        for &(t, f) in &pairs {
            let (object, track) = (truth[free_truth[t]].0, found[free_found[f]].0);
            if last.insert(object, track).is_some_and(|before| before != track) {
                scores.switches += 1;
            }
        }
        scores.truth += truth.len() as u64;
        scores.boxes += found.len() as u64;
        scores.misses += (free_truth.len() - pairs.len()) as u64;
        scores.false_positives += (free_found.len() - pairs.len()) as u64;
    }
    let names = |of: fn(&(u64, u64)) -> u64| together.keys().map(of).collect::<BTreeSet<_>>();
    let (objects, tracks) = (names(|pair| pair.0), names(|pair| pair.1));
    let (objects, tracks): (Vec<u64>, Vec<u64>) = (objects.into_iter().collect(), tracks.into_iter().collect());
    let count = |t: usize, f: usize| together.get(&(objects[t], tracks[f])).copied().unwrap_or(0);
    let pairs = assign(objects.len(), tracks.len(), |t, f| count(t, f) as f64);
    scores.identity_matches = pairs.into_iter().map(|(t, f)| count(t, f)).sum();
    scores
}
