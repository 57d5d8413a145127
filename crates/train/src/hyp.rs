//! Hyperparameters in one place, under the reference's names, from a YAML of the reference's kind (`hyp.scratch-low.yaml`).

use ghostdet::{Error, ErrorKind, Result, text};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::augment::Augment;
use crate::loader::Scores;
use crate::loss::Hyperparameters;
use crate::optimizer::{Average, Optimizer};
use crate::schedule::Schedule;

/// All numbers of a training that are seldom changed. Names that the reference has and we don't use are accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hyp {
    /// First learning rate.
    pub lr0: f32,
    /// The last one, as a part of the first.
    pub lrf: f32,
    /// Momentum.
    pub momentum: f32,
    /// Decay of the kernels.
    pub weight_decay: f32,
    /// Epochs of warm-up.
    pub warmup_epochs: f32,
    /// Momentum at the beginning of the warm-up.
    pub warmup_momentum: f32,
    /// The biases' learning rate at the beginning of the warm-up.
    pub warmup_bias_lr: f32,
    /// The rule that makes the steps.
    pub optimizer: Optimizer,
    /// The learning rate falls with every batch, not with every epoch.
    pub smooth_lr: bool,
    /// Batch norms keep their running statistics.
    pub freeze_bn: bool,
    /// Decay of the average of the weights.
    pub ema_decay: f32,
    /// Steps over which the decay is reached.
    pub ema_ramp: f32,
    /// Pictures of classes that fewer than this part of the pictures have are taken more often.
    pub repeat_rare: f32,
    /// The loss's part.
    #[serde(flatten)]
    pub loss: Hyperparameters,
    /// The pictures' part.
    #[serde(flatten)]
    pub augment: Augment,
    /// What scores of labels mean.
    #[serde(flatten)]
    pub scores: Scores,
}

/// Names of the reference that change nothing here.
const WITHOUT_EFFECT: [&str; 3] = ["anchors", "copy_paste", "iou_t"];

impl Default for Hyp {
    fn default() -> Self {
        let (schedule, average) = (Schedule::new(1, 1, 1), Average::default());
        Self {
            lr0: schedule.lr0,
            lrf: schedule.lrf,
            momentum: schedule.momentum,
            weight_decay: schedule.weight_decay,
            warmup_epochs: schedule.warmup_epochs,
            warmup_momentum: schedule.warmup_momentum,
            warmup_bias_lr: schedule.warmup_bias_lr,
            optimizer: Optimizer::Sgd,
            smooth_lr: false,
            freeze_bn: false,
            ema_decay: average.decay,
            ema_ramp: average.ramp,
            repeat_rare: 0.0,
            loss: Hyperparameters::default(),
            augment: Augment::default(),
            scores: Scores::default(),
        }
    }
}

impl Hyp {
    /// For weights that learn other classes: the biases' warm-up begins at 0, so that it does not undo what the weights
    /// know, and the learning rate falls smoothly even in few epochs.
    pub fn new_classes() -> Self {
        Self { warmup_epochs: 0.5, warmup_bias_lr: 0.0, smooth_lr: true, ..Self::default() }
    }

    /// For good weights that learn on with their own classes: small steps by Muon, frozen batch norms, scores taken as
    /// probabilities. SGD from the same weights made them worse (docs/training.md).
    pub fn fine_tuning() -> Self {
        Self {
            lr0: 0.0004,
            lrf: 0.02,
            weight_decay: 0.02,
            warmup_epochs: 0.3,
            optimizer: Optimizer::Muon,
            freeze_bn: true,
            ema_decay: 0.998,
            ema_ramp: 200.0,
            augment: Augment { mosaic: 0.5, ..Augment::default() },
            scores: Scores { score_gain: 1.0, weak_score: 0.5, ..Scores::default() },
            ..Self::new_classes()
        }
    }

    /// Reads a YAML of names and numbers; what it leaves out keeps its default.
    ///
    /// # Errors
    /// Text that is not a YAML mapping of names and numbers; a number out of range.
    pub fn parse(text: &str) -> Result<Self> {
        Self::default().with(text)
    }

    /// These hyperparameters with those replaced that a YAML of names and numbers has.
    ///
    /// # Errors
    /// Text that is not a YAML mapping of names and numbers; a number out of range.
    pub fn with(&self, yaml: &str) -> Result<Self> {
        let given: Value = text::parse_yaml(yaml).map_err(wrong)?;
        match given {
            Value::Object(given) => self.with_values(given),
            Value::Null => self.with_values(Map::new()),
            _ => Err(wrong("wanted are names and numbers, as in `lr0: 0.01`")),
        }
    }

    /// These hyperparameters with those replaced that `given` has.
    ///
    /// # Errors
    /// A value of the wrong type; a number out of range.
    pub fn with_values(&self, given: Map<String, Value>) -> Result<Self> {
        let mut all = serde_json::to_value(self).map_err(wrong)?;
        if let Value::Object(all) = &mut all {
            for (name, value) in given.into_iter().filter(|(_, value)| !value.is_null()) {
                // A number may be text: PyYAML reads 1e-3 as that.
                let number = value.as_str().and_then(|text| text.trim().parse::<f64>().ok()).map(Value::from);
                let is_number = all.get(&name).is_some_and(Value::is_number);
                let value = number.filter(|_| is_number).unwrap_or(value);
                if is_number && !value.is_number() {
                    return Err(Error::new(ErrorKind::Config, format!("{name}: {value} is not a number")));
                }
                all.insert(name, value);
            }
        }
        let hyp: Self = serde_json::from_value(all).map_err(wrong)?;
        hyp.check()?;
        Ok(hyp)
    }

    /// What a YAML of hyperparameters has that changes nothing, one sentence each: names that are not known, and what the
    /// reference does and this trainer does not.
    pub fn without_effect(yaml: &str) -> Vec<String> {
        let known = serde_json::to_value(Self::default()).unwrap_or_default();
        let Ok(Value::Object(given)) = text::parse_yaml(yaml) else { return Vec::new() };
        let told = |(name, value): (&String, &Value)| match name.as_str() {
            "copy_paste" if value.as_f64() != Some(0.0) => Some("copy_paste is not done here; passed over".to_owned()),
            name if known.get(name).is_none() && !WITHOUT_EFFECT.contains(&name) => {
                Some(format!("{name} is no hyperparameter that is known here; passed over"))
            }
            _ => None,
        };
        given.iter().filter_map(told).collect()
    }

    fn check(&self) -> Result<()> {
        let wrong = |what: &str, value: f32, wanted: &str| {
            Err(Error::new(ErrorKind::Config, format!("{what} is {value}; wanted is a number {wanted}")))
        };
        let loss = &self.loss;
        for (what, value) in [("lr0", self.lr0), ("anchor_t", loss.anchor_t), ("ema_ramp", self.ema_ramp)] {
            if !(value.is_finite() && value > 0.0) {
                return wrong(what, value, "above 0");
            }
        }
        let below_one =
            [("momentum", self.momentum), ("warmup_momentum", self.warmup_momentum), ("ema_decay", self.ema_decay)];
        for (what, value) in below_one {
            if !(0.0..1.0).contains(&value) {
                return wrong(what, value, "from 0 on, but less than 1");
            }
        }
        let others = [
            ("lrf", self.lrf),
            ("weight_decay", self.weight_decay),
            ("warmup_epochs", self.warmup_epochs),
            ("warmup_bias_lr", self.warmup_bias_lr),
            ("repeat_rare", self.repeat_rare),
            ("score_gain", self.scores.score_gain),
            ("weak_score", self.scores.weak_score),
            ("box", loss.box_gain),
            ("cls", loss.cls_gain),
            ("obj", loss.obj_gain),
            ("cls_pw", loss.cls_pw),
            ("obj_pw", loss.obj_pw),
            ("fl_gamma", loss.fl_gamma),
            ("label_smoothing", loss.label_smoothing),
        ];
        for (what, value) in others {
            if !(value.is_finite() && value >= 0.0) {
                return wrong(what, value, "from 0 on");
            }
        }
        self.augment.check()
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
            optimizer: self.optimizer,
            smooth: self.smooth_lr,
            ..Schedule::new(epochs, batch, 1)
        }
    }
}

fn wrong(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Config, format!("not a list of hyperparameters: {error}"))
}
