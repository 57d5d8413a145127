//! From boxes in single frames to objects over time: tracks, and counts at lines and in zones.
//!
//! ```text
//! detections of one frame  Tracker  ->  the same with the number of their track  Counter  ->  in, out, inside
//! ```
//!
//! [`Tracker`] is ByteTrack (Zhang et al., "ByteTrack: Multi-Object Tracking by Associating Every Detection Box", ECCV 2022).
//! It needs boxes, scores, classes and the time of each frame, and never looks at pixels. [`Counter`] counts tracks that cross
//! a line or the outline of a zone. [`evaluate`] compares tracks with known ones.
//!
//! ```
//! use ghostdet::detection::Detection;
//! use ghostdet::tracking::{Border, Counter, TrackOptions, Tracker};
//!
//! let mut tracker = Tracker::new(TrackOptions::default())?;
//! let mut counter = Counter::new(vec![Border::line("door", [100.0, 0.0], [100.0, 200.0])])?;
//! for frame in 0..30 {
//!     // One person who walks to the left, 5 pixels a frame.
//!     let x = 150.0 - 5.0 * frame as f32;
//!     let person = Detection { bounds: [x, 50.0, x + 40.0, 150.0], score: 0.9, class: 0 };
//!     let found = tracker.update(f64::from(frame) / 30.0, &[person]);
//!     assert_eq!(found[0].track, 1);
//!     counter.update(tracker.tracks());
//! }
//! // For who looks along the line from its start to its end, "in" is from left to right.
//! let door = &counter.counts()[0];
//! assert_eq!((door.total().entered, door.total().left), (1, 0));
//! # Ok::<(), ghostdet::Error>(())
//! ```

mod assignment;
mod border;
mod counting;
pub mod evaluate;
mod kalman;
pub mod mot;
mod tracker;

pub use border::{Anchor, Border, Shape};
pub use counting::{Count, Counter, Counts};
pub use tracker::{MAX_DETECTIONS, MAX_TRACKS, Track, TrackOptions, Tracked, Tracker};

/// Intersection over union in fp64: 0 where a box is empty or not a number.
fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let both = width * height;
    let area = |c: &[f64; 4]| (c[2] - c[0]) * (c[3] - c[1]);
    let union = area(a) + area(b) - both;
    if both > 0.0 && union > 0.0 { both / union } else { 0.0 }
}
