//! Where pictures come from.

use ghostdet::data::Dataset;
use ghostdet::picture::Picture;
use ghostdet::{Error, ErrorKind, Result};

use crate::augment::{Example, LabelBox};

/// Smaller pictures teach nothing.
const LEAST_SIDE: usize = 10;

/// Pictures with boxes, by number.
pub trait Source: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads one of them, in its own size.
    fn example(&self, index: usize) -> Result<Example>;
}

/// How much a box counts that a network drew with this score: from 0.63 on as much as one drawn by a person.
pub fn weight(score: f32) -> f32 {
    (score * 1.6).clamp(0.1, 1.0)
}

/// Crowds and boxes without an area are left out; what sticks out of the picture is cut off.
impl Source for Dataset {
    fn len(&self) -> usize {
        Dataset::len(self)
    }

    fn example(&self, index: usize) -> Result<Example> {
        let item = self.item(index)?;
        let picture = Picture::decode(&item.bytes).map_err(|error| error.at(&item.name))?;
        let (width, height) = (picture.width, picture.height);
        if width < LEAST_SIDE || height < LEAST_SIDE {
            let text = format!("{width}x{height} pixels are too few to train on");
            return Err(Error::new(ErrorKind::Picture, text).at(&item.name));
        }
        let boxes = item.labels.iter().filter(|label| !label.crowd).filter_map(|label| {
            let bounds = label.corners(width, height).map(|v| v as f32);
            let mut b = LabelBox { class: label.class, bounds, weight: weight(label.score) };
            b.clip(width as f32, height as f32);
            // Also false for what is not a number.
            (b.width() > 0.0 && b.height() > 0.0).then_some(b)
        });
        let boxes = boxes.collect();
        Ok(Example { picture, boxes })
    }
}
