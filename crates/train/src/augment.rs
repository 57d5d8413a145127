//! YOLOv5's augmentation of training pictures: mosaic, random perspective, colours, flips, mixup.
//!
//! All chance comes from the generator that is passed in: the same generator gives the same picture.

mod boxes;
mod colour;
mod flip;
mod mosaic;
mod transform;
mod warp;

use fastrand::Rng;
use ghostdet::image::{Image, LetterboxOptions, letterbox, resize};
use ghostdet::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

pub use boxes::{Corners, LabelBox, LabelRegion};
pub use colour::shift_colours;
pub use flip::{flip_left_right, flip_up_down, mix};
pub use mosaic::mosaic;
pub use transform::Transform;
pub use warp::warp;

/// Grey of what no picture covers.
pub(crate) const BORDER: u8 = 114;

/// How much pictures are changed. The default is YOLOv5's `hyp.scratch-low`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Augment {
    /// Hue changes by up to this fraction.
    pub hsv_h: f32,
    /// Saturation changes by up to this fraction.
    pub hsv_s: f32,
    /// Value (brightness) changes by up to this fraction.
    pub hsv_v: f32,
    /// Rotation up to this many degrees to either side.
    pub degrees: f32,
    /// Shift up to this fraction of the size.
    pub translate: f32,
    /// Scale between one minus and one plus this; below 1.
    pub scale: f32,
    /// Shear up to this many degrees.
    pub shear: f32,
    /// Perspective up to this (a sensible most is 0.001).
    pub perspective: f32,
    /// Probability of top and bottom swapped.
    pub flipud: f32,
    /// Probability of left and right swapped.
    pub fliplr: f32,
    /// Probability that a picture is put together from four.
    pub mosaic: f32,
    /// Probability that such a mosaic is blended with another one.
    pub mixup: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            hsv_h: 0.015,
            hsv_s: 0.7,
            hsv_v: 0.4,
            degrees: 0.0,
            translate: 0.1,
            scale: 0.5,
            shear: 0.0,
            perspective: 0.0,
            flipud: 0.0,
            fliplr: 0.5,
            mosaic: 1.0,
            mixup: 0.0,
        }
    }
}

/// A picture with its boxes.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The picture.
    pub picture: Image,
    /// What is in it, in its pixels.
    pub boxes: Vec<LabelBox>,
    /// Where not all classes are labelled exhaustively.
    pub regions: Vec<LabelRegion>,
}

impl Example {
    /// The corners of all boxes and regions.
    fn corners_mut(&mut self) -> impl Iterator<Item = &mut Corners> {
        let boxes = self.boxes.iter_mut().map(|b| &mut b.bounds);
        boxes.chain(self.regions.iter_mut().map(|region| &mut region.bounds))
    }

    /// Scaled (aspect kept) so that it just fits into `size` (height, width).
    pub fn fit(self, size: [usize; 2]) -> Self {
        let (w, h) = (self.picture.width as f64, self.picture.height as f64);
        let ratio = (size[0] as f64 / h).min(size[1] as f64 / w);
        // The nudge takes back what rounding may have lost: 320 * (160 / 320) is 160.
        let side = |old: f64| ((old * ratio + 1e-9) as usize).max(1);
        self.resized(side(w), side(h))
    }

    fn resized(mut self, width: usize, height: usize) -> Self {
        if (width, height) == (self.picture.width, self.picture.height) {
            return self;
        }
        let (x, y) = (width as f32 / self.picture.width as f32, height as f32 / self.picture.height as f32);
        self.corners_mut().for_each(|bounds| boxes::scale(bounds, x, y));
        Self { picture: resize(&self.picture, width, height), ..self }
    }

    /// Scaled to fit into `size` (height, width), in the middle, with a grey border around.
    pub fn letterboxed(self, size: [usize; 2]) -> Self {
        let mut fitted = self.fit(size);
        let boxed = letterbox(&fitted.picture, &LetterboxOptions { size, auto: false, ..LetterboxOptions::default() });
        let [left, top] = [boxed.geometry.left as f32, boxed.geometry.top as f32];
        let [x, y] = boxed.ratio.map(|r| r as f32);
        for bounds in fitted.corners_mut() {
            boxes::scale(bounds, x, y);
            boxes::shift(bounds, left, top);
        }
        Self { picture: boxed.image, ..fitted }
    }
}

impl Augment {
    /// Nothing changes but the size.
    pub fn none() -> Self {
        Self {
            hsv_h: 0.0,
            hsv_s: 0.0,
            hsv_v: 0.0,
            degrees: 0.0,
            translate: 0.0,
            scale: 0.0,
            shear: 0.0,
            perspective: 0.0,
            flipud: 0.0,
            fliplr: 0.0,
            mosaic: 0.0,
            mixup: 0.0,
        }
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first setting out of its range.
    pub fn check(&self) -> Result<()> {
        let most = [
            ("hsv_h", self.hsv_h, 1.0),
            ("hsv_s", self.hsv_s, 1.0),
            ("hsv_v", self.hsv_v, 1.0),
            ("degrees", self.degrees, 180.0),
            ("translate", self.translate, 0.9),
            ("scale", self.scale, 0.99),
            ("shear", self.shear, 60.0),
            ("perspective", self.perspective, 0.001),
            ("flipud", self.flipud, 1.0),
            ("fliplr", self.fliplr, 1.0),
            ("mosaic", self.mosaic, 1.0),
            ("mixup", self.mixup, 1.0),
        ];
        for (name, value, most) in most {
            if !(0.0..=most).contains(&value) {
                return Err(Error::new(ErrorKind::Argument, format!("{name} is {value}, not between 0 and {most}"))
                    .at("augmentation"));
            }
        }
        Ok(())
    }

    /// The training picture of `size` (height, width) for picture `index` of `count`.
    ///
    /// `load` gives pictures in their own size; for a mosaic it is asked for `index` and for others.
    ///
    /// # Errors
    /// What `load` fails with.
    pub fn apply<F>(&self, index: usize, count: usize, size: [usize; 2], rng: &mut Rng, load: &mut F) -> Result<Example>
    where
        F: FnMut(usize, &mut Rng) -> Result<Example>,
    {
        let mut example = if rng.f32() < self.mosaic {
            let first = self.assembled(index, count, size, rng, load)?;
            if rng.f32() < self.mixup {
                let other = rng.usize(..count);
                let second = self.assembled(other, count, size, rng, load)?;
                mix(first, second, rng)
            } else {
                first
            }
        } else {
            let whole = load(index, rng)?.letterboxed(size);
            self.moved(whole, size, rng)
        };
        // A box that ends on the last pixel still has its centre inside of the grid.
        let (w, h) = (size[1] as f32 - 1e-3, size[0] as f32 - 1e-3);
        example.corners_mut().for_each(|bounds| boxes::clip(bounds, w, h));
        shift_colours(&mut example.picture, [self.hsv_h, self.hsv_s, self.hsv_v], rng);
        if rng.f32() < self.flipud {
            flip_up_down(&mut example);
        }
        if rng.f32() < self.fliplr {
            flip_left_right(&mut example);
        }
        Ok(example)
    }

    /// A mosaic of picture `index` and three others, moved.
    fn assembled<F>(&self, index: usize, count: usize, size: [usize; 2], rng: &mut Rng, load: &mut F) -> Result<Example>
    where
        F: FnMut(usize, &mut Rng) -> Result<Example>,
    {
        let mut indices = [index, rng.usize(..count), rng.usize(..count), rng.usize(..count)];
        rng.shuffle(&mut indices);
        let mut parts = Vec::with_capacity(4);
        for index in indices {
            parts.push(load(index, rng)?.fit(size));
        }
        let whole = mosaic(&parts, size, rng);
        Ok(self.moved(whole, size, rng))
    }

    /// Rotated, scaled, sheared and shifted about the middle, cut to `size`.
    fn moved(&self, example: Example, size: [usize; 2], rng: &mut Rng) -> Example {
        let from = [example.picture.height, example.picture.width];
        let transform = Transform::random(self, from, size, rng);
        let boxes = transform.boxes(&example.boxes, size);
        let regions = transform.regions(&example.regions, size);
        let picture = if transform.is_identity() && from == size {
            example.picture
        } else {
            warp(&example.picture, &transform, size)
        };
        Example { picture, boxes, regions }
    }
}
