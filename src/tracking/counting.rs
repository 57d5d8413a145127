//! Who crossed which line, and who is in which zone.

use super::border::Border;
use super::tracker::Track;
use crate::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, BTreeSet};

/// A track has crossed a border when it is farther beyond it than this part of its box's mean side: a box that trembles on the
/// line is not counted again and again.
const MARGIN: f64 = 0.05;

/// At most this many lines and zones.
const MAX_BORDERS: usize = 100;

/// What was counted of one class, or of all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often a track came in. A track that appears inside of a zone did not come in.
    pub entered: u64,
    /// How often a track went out. A track that is lost inside of a zone did not go out.
    pub left: u64,
    /// How many tracks are in the zone now, with those that are hidden for a moment. 0 for a line.
    pub inside: u64,
}

/// The counts at one line or zone.
#[derive(Clone, Debug)]
pub struct Counts {
    border: Border,
    classes: BTreeMap<usize, Count>,
    places: BTreeMap<u64, Place>,
}

impl Counts {
    fn new(border: Border) -> Self {
        Self { border, classes: BTreeMap::new(), places: BTreeMap::new() }
    }

    /// The line or zone.
    pub fn border(&self) -> &Border {
        &self.border
    }

    /// By class number; classes that were never counted are left out.
    pub fn classes(&self) -> &BTreeMap<usize, Count> {
        &self.classes
    }

    /// All classes together.
    pub fn total(&self) -> Count {
        self.classes.values().fold(Count::default(), |sum, one| Count {
            entered: sum.entered + one.entered,
            left: sum.left + one.left,
            inside: sum.inside + one.inside,
        })
    }

    fn update(&mut self, track: &Track) {
        let detection = track.detection();
        let point = self.border.anchor(detection);
        let distance = self.border.distance(point);
        let [x1, y1, x2, y2] = detection.bounds.map(f64::from);
        let margin = MARGIN * ((x2 - x1) + (y2 - y1)) / 2.0;
        let beyond = distance.abs() > margin;
        let now = Place { point, distance, side: distance > 0.0, sure: beyond, through: false };
        let place = self.places.entry(track.id()).or_insert(now);
        if (place.distance > 0.0) != (distance > 0.0) {
            place.through = self.border.meets(place.point, point);
        }
        (place.point, place.distance) = (point, distance);
        if !beyond {
            return;
        }
        let inwards = distance > 0.0;
        if place.sure && place.side != inwards && place.through {
            let count = self.classes.entry(detection.class).or_default();
            *(if inwards { &mut count.entered } else { &mut count.left }) += 1;
        }
        (place.side, place.sure) = (inwards, true);
    }

    fn count_inside(&mut self, classes: &BTreeMap<u64, usize>) {
        self.places.retain(|track, _| classes.contains_key(track));
        if !self.border.is_line() {
            self.classes.values_mut().for_each(|count| count.inside = 0);
            for (track, place) in &self.places {
                // The side of a track that is not sure of it yet follows its box.
                let inside = if place.sure { place.side } else { place.distance > 0.0 };
                if inside && let Some(class) = classes.get(track) {
                    self.classes.entry(*class).or_default().inside += 1;
                }
            }
        }
    }
}

/// Where a track is, seen from one border.
#[derive(Clone, Copy, Debug)]
struct Place {
    point: [f64; 2],
    distance: f64,
    /// The side on which it was last beyond the margin.
    side: bool,
    /// Whether it was ever beyond the margin.
    sure: bool,
    /// Whether its last way to the other side led through the border.
    through: bool,
}

/// Counts tracks at lines and in zones.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    counts: Vec<Counts>,
}

impl Counter {
    /// With nothing counted yet.
    ///
    /// # Errors
    /// A border that can't be crossed (see [`Border::check`]), two of one name, more than 100.
    pub fn new(borders: Vec<Border>) -> Result<Self> {
        let mut counter = Self::default();
        counter.set_borders(borders)?;
        Ok(counter)
    }

    /// Other lines and zones from the next frame on. One that is there already, by its name, keeps its counts, even if it was
    /// moved; moving it over a track is not a crossing.
    ///
    /// # Errors
    /// As [`Counter::new`]; then the old ones stay.
    pub fn set_borders(&mut self, borders: Vec<Border>) -> Result<()> {
        if borders.len() > MAX_BORDERS {
            let message = format!("{} lines and zones are more than {MAX_BORDERS}", borders.len());
            return Err(Error::new(ErrorKind::Argument, message).hint("count at fewer of them"));
        }
        let mut names = BTreeSet::new();
        for border in &borders {
            border.check()?;
            if !names.insert(&border.name) {
                let error = Error::new(ErrorKind::Argument, "two lines or zones have this name");
                return Err(error.at(format!("{:?}", border.name)).hint("give each a name of its own"));
            }
        }
        let mut old = std::mem::take(&mut self.counts);
        let kept = |border: Border| {
            let same =
                |counts: &Counts| counts.border.name == border.name && counts.border.is_line() == border.is_line();
            let Some(at) = old.iter().position(same) else { return Counts::new(border) };
            let counts = old.swap_remove(at);
            match counts.border == border {
                true => counts,
                false => Counts { border, places: BTreeMap::new(), ..counts },
            }
        };
        self.counts = borders.into_iter().map(kept).collect();
        Ok(())
    }

    /// Takes in where the tracks are after a frame: those of [`Tracker::tracks`](super::Tracker::tracks).
    pub fn update<'a>(&mut self, tracks: impl Iterator<Item = &'a Track> + Clone) {
        let classes: BTreeMap<u64, usize> = tracks.clone().map(|track| (track.id(), track.detection().class)).collect();
        for counts in &mut self.counts {
            tracks.clone().filter(|track| track.seen()).for_each(|track| counts.update(track));
            counts.count_inside(&classes);
        }
    }

    /// What was counted, in the order of the borders.
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }
}
