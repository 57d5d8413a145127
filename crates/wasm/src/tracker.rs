//! The class `WebTracker`. Everything goes in and out as flat lists of numbers: they cost the module least.

use ghostdet::detection::Detection;
use ghostdet::tracking::{Anchor, Border, Count, Counter, Shape, TrackOptions, Tracker};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::{argument, thrown};

/// In the kind of a border: it is a zone; the lower edge's middle crosses it.
const ZONE: u8 = 1;
const BOTTOM: u8 = 2;

/// The tracks and counts of one video or camera.
#[wasm_bindgen]
pub struct WebTracker {
    tracker: Tracker,
    counter: Counter,
}

#[wasm_bindgen]
impl WebTracker {
    /// Without tracks, lines and zones.
    ///
    /// # Errors
    /// None: the default options are in range.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<WebTracker, JsValue> {
        Ok(Self { tracker: Tracker::new(TrackOptions::default()).map_err(thrown)?, counter: Counter::default() })
    }

    /// See the core's `TrackOptions`. The new ones count from the next frame on.
    ///
    /// # Errors
    /// Options out of range.
    #[wasm_bindgen(js_name = setOptions)]
    pub fn set_options(
        &mut self,
        high: f32,
        low: f32,
        start: f32,
        buffer: f64,
        agnostic: bool,
        trail: usize,
    ) -> Result<(), JsValue> {
        let options = TrackOptions { high, low, start, buffer, agnostic, trail };
        self.tracker.set_options(options).map_err(thrown)
    }

    /// Other lines and zones. Of each: its name, its kind (1: a zone; 2: crossed by the lower edge's middle; 3: both), the
    /// number of its points; then the points of all, `x, y`. Counts are kept by name.
    ///
    /// # Errors
    /// Lists that do not fit each other; a border that can't be crossed.
    #[wasm_bindgen(js_name = setBorders)]
    pub fn set_borders(
        &mut self,
        names: Vec<String>,
        kinds: &[u8],
        lengths: &[u32],
        points: &[f32],
    ) -> Result<(), JsValue> {
        let mut points = points.chunks_exact(2).map(|point| [point[0], point[1]]);
        let mut borders = Vec::new();
        for ((name, kind), length) in names.into_iter().zip(kinds).zip(lengths) {
            let points: Vec<[f32; 2]> = points.by_ref().take(*length as usize).collect();
            let shape = match points[..] {
                _ if kind & ZONE != 0 => Shape::Zone(points),
                [start, end] => Shape::Line([start, end]),
                _ => return Err(argument("a line has two points")),
            };
            let anchor = if kind & BOTTOM != 0 { Anchor::Bottom } else { Anchor::Center };
            borders.push(Border { name, shape, anchor });
        }
        self.counter.set_borders(borders).map_err(thrown)
    }

    /// The detections of the next frame that belong to tracks, seven numbers each: `x1, y1, x2, y2, score, class, track`.
    /// `boxes` has the first six of each detection; `time` is in seconds.
    pub fn update(&mut self, time: f64, boxes: &[f32]) -> Vec<f64> {
        let detection = |flat: &[f32]| Detection {
            bounds: [flat[0], flat[1], flat[2], flat[3]],
            score: flat[4],
            class: flat[5] as usize,
        };
        let detections: Vec<Detection> = boxes.chunks_exact(6).map(detection).collect();
        let tracked = self.tracker.update(time, &detections);
        self.counter.update(self.tracker.tracks());
        let mut flat = Vec::with_capacity(7 * tracked.len());
        for one in tracked {
            let Detection { bounds, score, class } = one.detection;
            flat.extend(bounds.map(f64::from));
            flat.extend([f64::from(score), class as f64, one.track as f64]);
        }
        flat
    }

    /// What was counted, in the order of the borders. Of each: its number of classes; then of each class its number, how many came
    /// in, how many went out, how many are inside.
    pub fn counts(&self) -> Vec<f64> {
        let mut flat = Vec::new();
        for counts in self.counter.counts() {
            flat.push(counts.classes().len() as f64);
            for (class, Count { entered, left, inside }) in counts.classes() {
                flat.extend([*class as f64, *entered as f64, *left as f64, *inside as f64]);
            }
        }
        flat
    }

    /// The trails of all tracks that are followed. Of each: its number, its class, 1 if it was seen in the last frame, its number of
    /// points; then the points, `x, y`, oldest first.
    pub fn trails(&self) -> Vec<f64> {
        let mut flat = Vec::new();
        for track in self.tracker.tracks() {
            let trail = track.trail();
            let class = track.detection().class as f64;
            flat.extend([track.id() as f64, class, f64::from(u8::from(track.seen())), trail.len() as f64]);
            flat.extend(trail.flatten().map(f64::from));
        }
        flat
    }
}
