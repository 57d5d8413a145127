//! Measuring on the validation pictures while training.

use ghostdet::data::Dataset;
use ghostdet::detection::metrics::{Evaluator, Metric, PrecisionRecall, Report, Truth};
use ghostdet::detection::{NmsOptions, VAL_FLOOR};
use ghostdet::picture::Picture;
use ghostdet::weights::Checkpoint;
use ghostdet::{Detector, Result};

use super::Event;

/// What was measured.
pub struct Measured {
    /// Precision, recall, mAP, confusion.
    pub report: Report,
    /// Precision over recall, class by class.
    pub curves: Vec<PrecisionRecall>,
}

/// Precision, recall and mAP of a network, with our own executor on the CPU: pictures are fitted into a square of
/// `imgsz`. Pictures that can't be read are named and left out.
pub fn validate(
    checkpoint: Checkpoint,
    data: &Dataset,
    imgsz: usize,
    tell: &mut dyn FnMut(Event<'_>),
) -> Result<Measured> {
    let detector = Detector::from_checkpoint(checkpoint, None)?;
    let mut evaluator = Evaluator::new(detector.info().nc, Metric::Yolo).with_names(detector.names());
    let options = NmsOptions::validation();
    for index in 0..data.len() {
        let one = || -> Result<_> {
            let item = data.item(index)?;
            let picture = Picture::decode(&item.bytes).map_err(|error| error.at(&item.name))?;
            let boxes = detector.predict_above(&picture, Some([imgsz; 2]), false, VAL_FLOOR)?.boxes(&options);
            let truths: Vec<Truth> =
                item.labels.iter().map(|label| label.truth(picture.width, picture.height)).collect();
            Ok((truths, boxes))
        };
        match one() {
            Ok((truths, boxes)) => evaluator.add(&truths, &boxes),
            Err(error) => tell(Event::Note(&format!("warning: {error}; left out of the measurement"))),
        }
        tell(Event::Validating(index + 1, data.len()));
    }
    Ok(Measured { report: evaluator.finish(), curves: evaluator.curves() })
}
