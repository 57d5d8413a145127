//! The class `WebEvaluator`: how good detections are. And what label files say.

use ghostdet::data::parse_labels;
use ghostdet::detection::Detection;
use ghostdet::detection::metrics::{Evaluator, GroundTruth, Metric, Report, found_labels};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::{argument, thrown};

/// Numbers per true object: class, `x1, y1, x2, y2` in pixels, 1 for a crowd, the object's own area or NaN.
const TRUTH: usize = 7;

/// Numbers per detection: `x1, y1, x2, y2` in pixels, score, class.
const FOUND: usize = 6;

/// The overlap at which a picture's detections are called right or wrong.
const OVERLAP: f32 = 0.5;

/// Takes pictures one after the other.
#[wasm_bindgen]
pub struct WebEvaluator(Evaluator);

#[wasm_bindgen]
impl WebEvaluator {
    /// For `nc` classes. `metric`: `yolo` or `coco`.
    ///
    /// # Errors
    /// Another metric.
    #[wasm_bindgen(constructor)]
    pub fn new(nc: usize, metric: &str) -> Result<WebEvaluator, JsValue> {
        let metric = match metric {
            "yolo" => Metric::Yolo,
            "coco" => Metric::Coco,
            _ => return Err(argument("metric is \"yolo\" or \"coco\"")),
        };
        Ok(Self(Evaluator::new(nc, metric)))
    }

    /// Adds a picture: its true objects, seven numbers each, and its detections, best first, six numbers each.
    pub fn add(&mut self, truths: &[f64], found: &[f32]) {
        self.0.add(&self::truths(truths), &detections(found));
    }

    /// The report as numbers, so that nothing has to be written as text: pictures, labels, precision, recall, mAP50, mAP50-95;
    /// how many of COCO's numbers follow, and those; then six for each class that occurs: class, labels, precision, recall, mAP50,
    /// mAP50-95.
    pub fn report(&self) -> Vec<f64> {
        let Report { images, labels, precision, recall, map50, map, stats, classes, .. } = self.0.finish();
        let mut numbers = vec![images as f64, labels as f64, precision, recall, map50, map];
        numbers.push(stats.map_or(0, |stats| stats.len()) as f64);
        numbers.extend(stats.iter().flatten());
        for one in classes {
            numbers.extend([one.class as f64, one.labels as f64, one.precision, one.recall, one.map50, one.map]);
        }
        numbers
    }

    /// Who was taken for whom, three numbers for each pair that happened: predicted class, true class, how often. The number after
    /// the last class is the background.
    pub fn confusion(&self) -> Vec<u32> {
        let entries = self.0.confusion().entries();
        entries.flat_map(|(predicted, truth, count)| [predicted as u32, truth as u32, count as u32]).collect()
    }
}

/// The index of the true object that each detection found at an overlap of 0.5, or -1 for a false alarm.
#[wasm_bindgen(js_name = foundTruths)]
pub fn found_truths(truths: &[f64], found: &[f32]) -> Vec<i32> {
    let matched = found_labels(&self::truths(truths), &detections(found), OVERLAP);
    matched.into_iter().map(|label| label.map_or(-1, |label| label as i32)).collect()
}

/// The labels in a YOLO text file, five numbers each: class, and the corners `x1, y1, x2, y2` as fractions of the picture.
///
/// # Errors
/// The first line that is wrong.
#[wasm_bindgen(js_name = readLabels)]
pub fn read_labels(text: &str, nc: usize) -> Result<Vec<f64>, JsValue> {
    let labels = parse_labels(text, nc).map_err(thrown)?;
    // The corners in a picture of one pixel are fractions.
    let numbers = labels.iter().map(|label| (label.class, label.corners(1, 1)));
    Ok(numbers.flat_map(|(class, [x1, y1, x2, y2])| [class as f64, x1, y1, x2, y2]).collect())
}

fn truths(numbers: &[f64]) -> Vec<GroundTruth> {
    let truth = |one: &[f64]| GroundTruth {
        class: one[0] as usize,
        bounds: [one[1], one[2], one[3], one[4]],
        area: Some(one[6]).filter(|area| area.is_finite()),
        crowd: one[5] != 0.0,
    };
    numbers.chunks_exact(TRUTH).map(truth).collect()
}

fn detections(numbers: &[f32]) -> Vec<Detection> {
    let detection =
        |one: &[f32]| Detection { bounds: [one[0], one[1], one[2], one[3]], score: one[4], class: one[5] as usize };
    numbers.chunks_exact(FOUND).map(detection).collect()
}
