//! Where pictures come from.

use ghostdet::data::Dataset;
use ghostdet::image::Image;
use ghostdet::{Error, ErrorKind, Result};

use crate::augment::{Example, LabelBox, LabelRegion};

/// Smaller pictures teach nothing.
const LEAST_SIDE: usize = 10;

/// Pictures with labels, by index.
pub trait Source: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads one of them, in its own size.
    ///
    /// # Errors
    /// A picture that can't be read.
    fn example(&self, index: usize) -> Result<Example>;
}

/// Crowds and boxes without an area are left out; what sticks out of the picture is cut off.
impl Source for Dataset {
    fn len(&self) -> usize {
        Dataset::len(self)
    }

    fn example(&self, index: usize) -> Result<Example> {
        let item = self.item(index)?;
        let picture = Image::decode(&item.bytes).map_err(|error| error.at(&item.name))?;
        let (width, height) = (picture.width, picture.height);
        if width < LEAST_SIDE || height < LEAST_SIDE {
            let text = format!("{width}x{height} pixels are too few to train on");
            return Err(Error::new(ErrorKind::Image, text).at(&item.name));
        }
        let boxes = item.labels.iter().filter(|label| !label.crowd).filter_map(|label| {
            let bounds = label.corners(width, height).map(|v| v as f32);
            let mut b = LabelBox { class: label.class, bounds, score: label.score };
            b.clip(width as f32, height as f32);
            // Also false for what is not a number.
            (b.width() > 0.0 && b.height() > 0.0).then_some(b)
        });
        let boxes = boxes.collect();
        let whole = |exhaustive| LabelRegion { bounds: [0.0, 0.0, width as f32, height as f32], exhaustive };
        let regions = item.exhaustive.map(whole).into_iter().collect();
        Ok(Example { picture, boxes, regions })
    }
}
