//! One image on its way through the detector.

use crate::detection::{Detection, NmsOptions, Predictions, nms, scale_boxes};
use crate::image::Image;
use serde::Serialize;
use web_time::Instant;

/// Milliseconds per stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Speed {
    /// Scaling and padding the image.
    pub letterbox: f64,
    /// The network.
    pub network: f64,
    /// Decoding, NMS, scaling back.
    pub nms: f64,
}

/// What was found in one image.
#[derive(Clone, Debug)]
pub struct Detections {
    /// Width of the image.
    pub width: usize,
    /// Height of the image.
    pub height: usize,
    /// The detections in the image's pixels, best score first.
    pub detections: Vec<Detection>,
    /// Milliseconds per stage.
    pub speed: Speed,
}

/// An image that is ready for the network.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The letterboxed image.
    pub image: Image,
    image_size: [usize; 2],
    milliseconds: f64,
}

impl Prepared {
    pub(super) fn new(image: Image, image_size: [usize; 2], milliseconds: f64) -> Self {
        Self { image, image_size, milliseconds }
    }

    /// `[height, width]` of the network's input.
    pub fn size(&self) -> [usize; 2] {
        [self.image.height, self.image.width]
    }

    pub(super) fn framing(&self) -> Framing {
        let Self { image_size, milliseconds, .. } = *self;
        Framing { network_size: self.size(), image_size, milliseconds }
    }

    /// The network's input: channels last, values from 0 to 1.
    pub fn pixels(&self) -> Vec<f32> {
        self.image.rgb.iter().map(|&byte| f32::from(byte) / 255.0).collect()
    }
}

/// `[height, width]` of an image in and before its letterbox, and the milliseconds that took.
#[derive(Clone, Copy)]
pub struct Framing {
    pub(super) network_size: [usize; 2],
    pub(super) image_size: [usize; 2],
    pub(super) milliseconds: f64,
}

/// One image after the network: thresholds can be applied again and again without running it.
#[derive(Clone, Debug)]
pub struct Predicted {
    candidates: Predictions,
    network_size: [usize; 2],
    image_size: [usize; 2],
    /// Milliseconds of letterbox, network and decoding.
    pub speed: Speed,
}

impl Predicted {
    pub(super) fn new(framing: Framing, candidates: Predictions, network: f64, nms: f64) -> Self {
        let Framing { network_size, image_size, milliseconds } = framing;
        Self { candidates, network_size, image_size, speed: Speed { letterbox: milliseconds, network, nms } }
    }

    /// The detections for these thresholds, in the image's pixels. Candidates at or below the objectness threshold of the
    /// run are gone already.
    pub fn boxes(&self, options: &NmsOptions) -> Vec<Detection> {
        let mut found = nms(&self.candidates, options);
        let mut bounds: Vec<[f32; 4]> = found.iter().map(|d| d.bounds).collect();
        scale_boxes(self.network_size, &mut bounds, self.image_size, None);
        found.iter_mut().zip(bounds).for_each(|(d, b)| d.bounds = b);
        found
    }
}

pub(super) fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}
