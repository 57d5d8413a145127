//! Hyperparameters in one place, under the reference's names, from a YAML of the reference's kind (`hyp.scratch-low.yaml`).

use ghostdet::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::augment::Augment;
use crate::loss::Hyperparameters;
use crate::schedule::Schedule;

/// All numbers of a training that are seldom changed. Names that the reference has and we don't use are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hyp {
    /// First learning rate.
    pub lr0: f32,
    /// The last one, as a part of the first.
    pub lrf: f32,
    /// SGD's momentum.
    pub momentum: f32,
    /// Decay of the kernels.
    pub weight_decay: f32,
    /// Epochs of warm-up.
    pub warmup_epochs: f32,
    /// Momentum at the beginning of the warm-up.
    pub warmup_momentum: f32,
    /// The biases' learning rate at the beginning of the warm-up.
    pub warmup_bias_lr: f32,
    /// Gain of the box loss.
    #[serde(rename = "box")]
    pub box_gain: f32,
    /// Gain of the class loss.
    pub cls: f32,
    /// Weight of positive classes.
    pub cls_pw: f32,
    /// Gain of the objectness loss.
    pub obj: f32,
    /// Weight of positive objectness.
    pub obj_pw: f32,
    /// Labels match anchors whose sides differ by less than this factor.
    pub anchor_t: f32,
    /// Focal loss's exponent.
    pub fl_gamma: f32,
    /// Takes this much of certainty from the class targets.
    pub label_smoothing: f32,
    /// Hue.
    pub hsv_h: f32,
    /// Saturation.
    pub hsv_s: f32,
    /// Value.
    pub hsv_v: f32,
    /// Rotation in degrees.
    pub degrees: f32,
    /// Shift.
    pub translate: f32,
    /// Scale.
    pub scale: f32,
    /// Shear in degrees.
    pub shear: f32,
    /// Perspective.
    pub perspective: f32,
    /// Probability of top and bottom swapped.
    pub flipud: f32,
    /// Probability of left and right swapped.
    pub fliplr: f32,
    /// Probability of a mosaic.
    pub mosaic: f32,
    /// Probability of two mosaics blended.
    pub mixup: f32,
}

impl Default for Hyp {
    fn default() -> Self {
        let (loss, schedule, augment) = (Hyperparameters::default(), Schedule::new(1, 1, 1), Augment::default());
        Self {
            lr0: schedule.lr0,
            lrf: schedule.lrf,
            momentum: schedule.momentum,
            weight_decay: schedule.weight_decay,
            warmup_epochs: schedule.warmup_epochs,
            warmup_momentum: schedule.warmup_momentum,
            warmup_bias_lr: schedule.warmup_bias_lr,
            box_gain: loss.box_gain,
            cls: loss.cls_gain,
            cls_pw: loss.cls_pw,
            obj: loss.obj_gain,
            obj_pw: loss.obj_pw,
            anchor_t: loss.anchor_t,
            fl_gamma: loss.fl_gamma,
            label_smoothing: loss.label_smoothing,
            hsv_h: augment.hsv_h,
            hsv_s: augment.hsv_s,
            hsv_v: augment.hsv_v,
            degrees: augment.degrees,
            translate: augment.translate,
            scale: augment.scale,
            shear: augment.shear,
            perspective: augment.perspective,
            flipud: augment.flipud,
            fliplr: augment.fliplr,
            mosaic: augment.mosaic,
            mixup: augment.mixup,
        }
    }
}

impl Hyp {
    /// Reads a YAML of names and numbers; what it leaves out keeps its default.
    ///
    /// # Errors
    /// Text that is no such YAML, numbers that can't be meant.
    pub fn parse(text: &str) -> Result<Self> {
        let hyp: Self = serde_yaml::from_str(text)
            .map_err(|error| Error::new(ErrorKind::Config, format!("not a list of hyperparameters: {error}")))?;
        let wrong =
            |what: &str, value: f32| Err(Error::new(ErrorKind::Config, format!("{what}: {value} can't be meant")));
        for (what, value) in [("lr0", hyp.lr0), ("anchor_t", hyp.anchor_t)] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(what, value);
            }
        }
        for (what, value) in [("momentum", hyp.momentum), ("warmup_momentum", hyp.warmup_momentum)] {
            if !(0.0..1.0).contains(&value) {
                return wrong(what, value);
            }
        }
        let others = [
            ("lrf", hyp.lrf),
            ("weight_decay", hyp.weight_decay),
            ("warmup_epochs", hyp.warmup_epochs),
            ("warmup_bias_lr", hyp.warmup_bias_lr),
            ("box", hyp.box_gain),
            ("cls", hyp.cls),
            ("obj", hyp.obj),
            ("cls_pw", hyp.cls_pw),
            ("obj_pw", hyp.obj_pw),
            ("fl_gamma", hyp.fl_gamma),
            ("label_smoothing", hyp.label_smoothing),
        ];
        for (what, value) in others {
            if !(value.is_finite() && value >= 0.0) {
                return wrong(what, value);
            }
        }
        hyp.augment().check()?;
        Ok(hyp)
    }

    /// The loss's part.
    pub fn loss(&self) -> Hyperparameters {
        Hyperparameters {
            box_gain: self.box_gain,
            cls_gain: self.cls,
            obj_gain: self.obj,
            cls_pw: self.cls_pw,
            obj_pw: self.obj_pw,
            anchor_t: self.anchor_t,
            fl_gamma: self.fl_gamma,
            label_smoothing: self.label_smoothing,
        }
    }

    /// The pictures' part.
    pub fn augment(&self) -> Augment {
        Augment {
            hsv_h: self.hsv_h,
            hsv_s: self.hsv_s,
            hsv_v: self.hsv_v,
            degrees: self.degrees,
            translate: self.translate,
            scale: self.scale,
            shear: self.shear,
            perspective: self.perspective,
            flipud: self.flipud,
            fliplr: self.fliplr,
            mosaic: self.mosaic,
            mixup: self.mixup,
        }
    }

    /// The schedule's part.
    pub fn schedule(&self, epochs: usize, batch: usize) -> Schedule {
        Schedule {
            lr0: self.lr0,
            lrf: self.lrf,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            warmup_epochs: self.warmup_epochs,
            warmup_momentum: self.warmup_momentum,
            warmup_bias_lr: self.warmup_bias_lr,
            ..Schedule::new(epochs, batch, 1)
        }
    }
}
