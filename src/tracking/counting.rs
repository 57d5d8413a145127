//! Who crossed which line, and who is in which zone.

use super::border::Border;
use super::tracker::Track;
use crate::{Error, ErrorKind, Result};

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
    /// By class number.
    classes: Vec<(usize, Count)>,
    /// By track number.
    places: Vec<(u64, Place)>,
}

impl Counts {
    fn new(border: Border) -> Self {
        Self { border, classes: Vec::new(), places: Vec::new() }
    }

    /// The line or zone.
    pub fn border(&self) -> &Border {
        &self.border
    }

    /// Class numbers with their counts, in order; classes that were never counted are left out.
    pub fn classes(&self) -> &[(usize, Count)] {
        &self.classes
    }

    /// All classes together.
    pub fn total(&self) -> Count {
        self.classes.iter().fold(Count::default(), |sum, (_, one)| Count {
            entered: sum.entered + one.entered,
            left: sum.left + one.left,
            inside: sum.inside + one.inside,
        })
    }

    /// Takes in the tracks after a frame.
    fn update<'a>(&mut self, tracks: impl Iterator<Item = &'a Track>) {
        self.places.iter_mut().for_each(|(_, place)| place.followed = false);
        for track in tracks {
            if track.seen() {
                self.see(track);
            } else if let Ok(at) = self.places.binary_search_by_key(&track.id(), |place| place.0) {
                self.places[at].1.followed = true;
            }
        }
        self.places.retain(|(_, place)| place.followed);
        self.classes.iter_mut().for_each(|(_, count)| count.inside = 0);
        if !self.border.is_line() {
            for (_, place) in self.places.iter().filter(|(_, place)| place.is_inside()) {
                count_of(&mut self.classes, place.class).inside += 1;
            }
        }
    }

    fn see(&mut self, track: &Track) {
        let class = track.detection().class;
        let point = self.border.anchor(track.detection());
        let distance = self.border.distance(point);
        let [x1, y1, x2, y2] = track.detection().bounds.map(f64::from);
        let margin = MARGIN * ((x2 - x1) + (y2 - y1)) / 2.0;
        let (inwards, beyond) = (distance > 0.0, distance.abs() > margin);
        let now = Place { class, point, distance, side: inwards, sure: beyond, through: false, followed: true };
        let at = match self.places.binary_search_by_key(&track.id(), |place| place.0) {
            Ok(at) => at,
            Err(at) => {
                self.places.insert(at, (track.id(), now));
                at
            }
        };
        let before = self.places[at].1;
        let other_side = (before.distance > 0.0) != inwards;
        let through = if other_side { self.border.meets(before.point, point) } else { before.through };
        if beyond && before.sure && before.side != inwards && through {
            let count = count_of(&mut self.classes, class);
            *(if inwards { &mut count.entered } else { &mut count.left }) += 1;
        }
        let side = if beyond { inwards } else { before.side };
        self.places[at].1 = Place { side, sure: before.sure || beyond, through, ..now };
    }
}

/// The count of a class.
fn count_of(classes: &mut Vec<(usize, Count)>, class: usize) -> &mut Count {
    let at = match classes.binary_search_by_key(&class, |count| count.0) {
        Ok(at) => at,
        Err(at) => {
            classes.insert(at, (class, Count::default()));
            at
        }
    };
    &mut classes[at].1
}

/// Where a track is, seen from one border.
#[derive(Clone, Copy, Debug)]
struct Place {
    class: usize,
    point: [f64; 2],
    distance: f64,
    /// The side on which it was last beyond the margin.
    side: bool,
    /// Whether it was ever beyond the margin.
    sure: bool,
    /// Whether its last way to the other side led through the border.
    through: bool,
    /// Whether the tracker still has it.
    followed: bool,
}

impl Place {
    /// Whether it is on the inner side. Until it is sure, that follows its box.
    fn is_inside(&self) -> bool {
        if self.sure { self.side } else { self.distance > 0.0 }
    }
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
    #[inline(never)] // See `[profile.wasm]`: inlined into the bindings, it would be compiled for speed.
    pub fn set_borders(&mut self, borders: Vec<Border>) -> Result<()> {
        if borders.len() > MAX_BORDERS {
            let message = format!("{} lines and zones are more than {MAX_BORDERS}", borders.len());
            return Err(Error::new(ErrorKind::Argument, message).hint("count at fewer of them"));
        }
        for (i, border) in borders.iter().enumerate() {
            border.check()?;
            if borders[..i].iter().any(|other| other.name == border.name) {
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
                false => Counts { border, places: Vec::new(), ..counts },
            }
        };
        self.counts = borders.into_iter().map(kept).collect();
        Ok(())
    }

    /// Takes in where the tracks are after a frame: those of [`Tracker::tracks`](super::Tracker::tracks).
    pub fn update<'a>(&mut self, tracks: impl Iterator<Item = &'a Track> + Clone) {
        self.counts.iter_mut().for_each(|counts| counts.update(tracks.clone()));
    }

    /// What was counted, in the order of the borders.
    pub fn counts(&self) -> &[Counts] {
        &self.counts
    }
}
