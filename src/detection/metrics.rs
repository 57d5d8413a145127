//! How good detections are: YOLOv5's own mAP and COCO's (pycocotools), both to the digit.

mod coco;
mod matching;
mod yolo;

use std::fmt;

use serde::Serialize;

use super::Detection;
pub use matching::{ConfusionMatrix, correct, found_labels};
pub use yolo::{PrecisionRecall, average_precision};

/// One true object of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroundTruth {
    /// Class number.
    pub class: usize,
    /// `[x1, y1, x2, y2]` in pixels of the picture.
    pub bounds: [f64; 4],
    /// The object's own area in pixels where it is known (COCO's masks); else the box's.
    pub area: Option<f64>,
    /// A crowd: finding it is neither right nor wrong.
    pub crowd: bool,
}

impl GroundTruth {
    /// An object with nothing known but its box.
    pub fn new(class: usize, bounds: [f64; 4]) -> Self {
        Self { class, bounds, area: None, crowd: false }
    }

    fn bounds_f32(&self) -> [f32; 4] {
        self.bounds.map(|v| v as f32)
    }
}

/// Whose average precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// As YOLOv5's own validation counts.
    #[default]
    Yolo,
    /// As pycocotools counts.
    Coco,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Metric::Yolo => "yolo",
            Metric::Coco => "coco",
        })
    }
}

/// The result for one class that occurs in the labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassReport {
    /// The class number.
    #[serde(skip)]
    pub class: usize,
    /// Its name, or its number where there is no name.
    pub name: String,
    /// How many labels it has.
    pub labels: usize,
    /// Precision at the confidence where the mean F1 is best.
    pub precision: f64,
    /// Recall at that confidence.
    pub recall: f64,
    /// F1 at that confidence.
    #[serde(skip)]
    pub f1: f64,
    /// Average precision at an overlap of 0.5.
    pub map50: f64,
    /// Average precision over the overlaps 0.5 to 0.95.
    pub map: f64,
}

/// The result over all pictures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Which metric `map50` and `map` are. Precision and recall are YOLOv5's in both.
    pub metric: Metric,
    /// Pictures seen.
    pub images: usize,
    /// Labels in them (without crowds).
    pub labels: usize,
    /// Mean precision over the classes.
    pub precision: f64,
    /// Mean recall over the classes.
    pub recall: f64,
    /// Mean average precision at an overlap of 0.5.
    pub map50: f64,
    /// Mean average precision over the overlaps 0.5 to 0.95.
    pub map: f64,
    /// The classes that occur in the labels, by number.
    pub classes: Vec<ClassReport>,
    /// COCO's twelve numbers in pycocotools's order (AP, AP50, AP75, small, medium, large; AR with 1, 10, 100
    /// detections, small, medium, large); -1 where there is nothing to measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<[f64; 12]>,
    /// Who was taken for whom.
    #[serde(skip)]
    pub confusion: ConfusionMatrix,
}

impl Report {
    /// What training calls better: mostly mAP50-95, a little mAP50.
    pub fn fitness(&self) -> f64 {
        0.1 * self.map50 + 0.9 * self.map
    }
}

/// Takes labels and detections picture by picture.
#[derive(Clone, Debug)]
pub struct Evaluator {
    nc: usize,
    metric: Metric,
    names: Vec<String>,
    images: usize,
    yolo: yolo::Accumulator,
    coco: coco::Accumulator,
    confusion: ConfusionMatrix,
}

impl Evaluator {
    /// For `nc` classes. Labels and detections of other classes are left out.
    pub fn new(nc: usize, metric: Metric) -> Self {
        Self {
            nc,
            metric,
            names: Vec::new(),
            images: 0,
            yolo: yolo::Accumulator::new(nc),
            coco: coco::Accumulator::new(nc),
            confusion: ConfusionMatrix::new(nc),
        }
    }

    /// With class names for the report.
    pub fn with_names(mut self, names: &[String]) -> Self {
        self.names = names.to_vec();
        self
    }

    /// Adds a picture. Detections that are not numbers are left out.
    #[inline(never)] // See `[profile.wasm]`: inlined into the bindings, it would be compiled for speed.
    pub fn add(&mut self, labels: &[GroundTruth], detections: &[Detection]) {
        self.images += 1;
        let usable = |d: &&Detection| d.class < self.nc && !d.score.is_nan() && d.bounds.iter().all(|v| v.is_finite());
        let mut detections: Vec<Detection> = detections.iter().filter(usable).copied().collect();
        detections = best_first(&detections, |d| d.score);
        let usable = |t: &&GroundTruth| t.class < self.nc && t.bounds.iter().all(|v| v.is_finite());
        let all: Vec<GroundTruth> = labels.iter().filter(usable).copied().collect();
        let single: Vec<GroundTruth> = all.iter().filter(|t| !t.crowd).copied().collect();
        self.yolo.add(&single, &detections);
        self.confusion.add(&single, &detections);
        if self.metric == Metric::Coco {
            self.coco.add(&all, &detections);
        }
    }

    /// Precision over recall of the classes that occur in the labels, by number, as YOLOv5 draws them.
    pub fn curves(&self) -> Vec<PrecisionRecall> {
        self.yolo.curves()
    }

    /// Who was taken for whom so far.
    pub fn confusion(&self) -> &ConfusionMatrix {
        &self.confusion
    }

    /// Counts it all up.
    pub fn finish(&self) -> Report {
        let yolo = self.yolo.finish();
        let coco = (self.metric == Metric::Coco).then(|| self.coco.finish());
        let mut classes = Vec::new();
        for result in &yolo {
            let class = result.class;
            let ap = coco.as_ref().map_or((result.ap[0], mean(&result.ap)), |c| c.classes[class]);
            classes.push(ClassReport {
                class,
                name: self.names.get(class).cloned().unwrap_or_else(|| class.to_string()),
                labels: result.labels,
                precision: result.precision,
                recall: result.recall,
                f1: result.f1,
                map50: ap.0.max(0.0),
                map: ap.1.max(0.0),
            });
        }
        let over = |value: fn(&ClassReport) -> f64| mean(&classes.iter().map(value).collect::<Vec<_>>());
        let (map50, map) = match &coco {
            Some(coco) => (coco.stats[1].max(0.0), coco.stats[0].max(0.0)),
            None => (over(|c| c.map50), over(|c| c.map)),
        };
        Report {
            metric: self.metric,
            images: self.images,
            labels: classes.iter().map(|c| c.labels).sum(),
            precision: over(|c| c.precision),
            recall: over(|c| c.recall),
            map50,
            map,
            stats: coco.map(|c| c.stats),
            confusion: self.confusion.clone(),
            classes,
        }
    }
}

/// Best score first; equal scores keep their order. The sorting itself is compiled once for all kinds of things.
fn best_first<T: Clone>(things: &[T], score: impl Fn(&T) -> f32) -> Vec<T> {
    let mut order: Vec<(f32, usize)> = things.iter().enumerate().map(|(at, thing)| (score(thing), at)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    order.into_iter().map(|(_, at)| things[at].clone()).collect()
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
