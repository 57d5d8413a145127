//! Measuring on the validation pictures while training.

use ghostdet::data::{Dataset, Label};
use ghostdet::detection::metrics::{Evaluator, GroundTruth, Metric, PrecisionRecall, Report};
use ghostdet::detection::{NmsOptions, RawMap, VAL_THRESHOLD};
use ghostdet::detector::DetectorOptions;
use ghostdet::image::Image;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, Result};

use super::Event;
use crate::loss::{DetectionLoss, Map, Target};

/// Pictures whose loss is computed together.
const TOGETHER: usize = 16;

/// What was measured.
pub struct Measured {
    /// Precision, recall, mAP, confusion.
    pub report: Report,
    /// Precision over recall, class by class.
    pub curves: Vec<PrecisionRecall>,
    /// Mean box, objectness and class loss.
    pub losses: [f64; 3],
}

/// Precision, recall, mAP and `loss` of a network, with our own executor on the CPU: pictures are fitted into a square of
/// `imgsz`. Pictures that can't be read are named and left out.
///
/// # Errors
/// Weights that are no network. Pictures that can't be read are only told.
pub fn validate(
    checkpoint: Checkpoint,
    data: &Dataset,
    imgsz: usize,
    loss: DetectionLoss,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Measured> {
    let detector = Detector::from_checkpoint(checkpoint, &DetectorOptions::default())?;
    let mut evaluator = Evaluator::new(detector.info().nc, Metric::Yolo).with_names(detector.names());
    let options = NmsOptions::validation();
    let mut losses = Losses { loss, maps: Vec::new(), targets: Vec::new(), sums: [0.0; 3], batches: 0 };
    for index in 0..data.len() {
        let mut one = || -> Result<_> {
            let item = data.item(index)?;
            let picture = Image::decode(&item.bytes).map_err(|error| error.at(&item.name))?;
            let prepared = detector.prepare(&picture, Some([imgsz; 2]), false)?;
            let maps = detector.engine().forward(&prepared.image.rgb, prepared.size())?;
            let boxes = detector.postprocess(&prepared, &maps, 0.0, VAL_THRESHOLD)?.boxes(&options);
            let truths: Vec<GroundTruth> =
                item.labels.iter().map(|label| label.truth(picture.width, picture.height)).collect();
            losses.add(maps, targets(&item.labels, &picture, prepared.size()))?;
            Ok((truths, boxes))
        };
        match one() {
            Ok((truths, boxes)) => evaluator.add(&truths, &boxes),
            Err(error) => tell(Event::Note(&format!("warning: {error}; left out of the measurement"))),
        }
        tell(Event::Validating(index + 1, data.len()));
    }
    losses.finish_batch()?;
    let mean = losses.sums.map(|sum| sum / losses.batches.max(1) as f64);
    Ok(Measured { report: evaluator.finish(), curves: evaluator.curves(), losses: mean })
}

/// The labels of a picture as targets in its letterbox of `[height, width]`.
fn targets(labels: &[Label], picture: &Image, [height, width]: [usize; 2]) -> Vec<Target> {
    let (height, width) = (height as f64, width as f64);
    let gain = (height / picture.height as f64).min(width / picture.width as f64);
    let pad = [(width - picture.width as f64 * gain) / 2.0, (height - picture.height as f64 * gain) / 2.0];
    let one = |label: &Label| {
        let [x1, y1, x2, y2] = label.corners(picture.width, picture.height).map(|at| at * gain);
        let centre = [((x1 + x2) / 2.0 + pad[0]) / width, ((y1 + y2) / 2.0 + pad[1]) / height];
        let bounds = [centre[0], centre[1], (x2 - x1) / width, (y2 - y1) / height].map(|side| side as f32);
        Target { image: 0, class: label.class, bounds, weight: label.score }
    };
    labels.iter().filter(|label| !label.crowd && label.score > 0.0).map(one).collect()
}

/// Losses of pictures, a few at a time.
struct Losses {
    loss: DetectionLoss,
    maps: Vec<Vec<RawMap>>,
    targets: Vec<Target>,
    sums: [f64; 3],
    batches: usize,
}

impl Losses {
    fn add(&mut self, maps: Vec<RawMap>, targets: Vec<Target>) -> Result<()> {
        let image = self.maps.len();
        self.maps.push(maps);
        self.targets.extend(targets.into_iter().map(|target| Target { image, ..target }));
        if self.maps.len() == TOGETHER { self.finish_batch() } else { Ok(()) }
    }

    fn finish_batch(&mut self) -> Result<()> {
        let pictures = std::mem::take(&mut self.maps);
        let Some(first) = pictures.first() else { return Ok(()) };
        let planes: Vec<Vec<f32>> =
            (0..first.len()).map(|level| pictures.iter().flat_map(|maps| planar(&maps[level])).collect()).collect();
        let maps: Vec<Map<'_>> = first
            .iter()
            .zip(&planes)
            .map(|(map, values)| Map { values, height: map.height, width: map.width })
            .collect();
        let (loss, _) = self.loss.compute(pictures.len(), &maps, &std::mem::take(&mut self.targets))?;
        self.sums.iter_mut().zip(loss.parts).for_each(|(sum, part)| *sum += f64::from(part));
        self.batches += 1;
        Ok(())
    }
}

/// The values channel by channel.
fn planar(map: &RawMap) -> impl Iterator<Item = f32> {
    let cells = map.height * map.width;
    let channels = map.data.len() / cells.max(1);
    (0..channels).flat_map(move |channel| (0..cells).map(move |cell| map.data[cell * channels + channel]))
}
