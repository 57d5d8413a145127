//! SGD with Nesterov's momentum in three groups, AdamW, Muon, and the moving average of the weights.

mod adamw;
mod muon;

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Which rule makes a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// SGD with Nesterov's momentum, the reference's.
    #[default]
    Sgd,
    /// AdamW.
    AdamW,
    /// Muon for the kernels of dense convolutions, AdamW for the rest.
    Muon,
}

/// How a parameter is updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Biases, of batch norm too: a learning rate of their own in the warm-up, no decay.
    Bias,
    /// Kernels: decay.
    Weight,
    /// Batch norm's scale: no decay.
    Norm,
    /// Batch norm's running statistics: no gradient; averaged like the rest.
    Statistic,
}

impl Group {
    /// The group of a parameter by its PyTorch key.
    pub fn of(key: &str) -> Self {
        let mut parts = key.rsplit('.');
        let (last, owner) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        match last {
            "bias" => Self::Bias,
            "running_mean" | "running_var" => Self::Statistic,
            _ if owner == "bn" => Self::Norm,
            _ => Self::Weight,
        }
    }
}

/// One parameter (or running statistic) of the network, with what its training needs.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// PyTorch key.
    pub key: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// How it is updated.
    pub group: Group,
    /// Frozen: keeps its value.
    pub frozen: bool,
    /// What it is now.
    pub value: Vec<f32>,
    /// The moving average.
    pub average: Vec<f32>,
    /// SGD's and Muon's momentum, AdamW's first moment; empty before the first step.
    pub momentum: Vec<f32>,
    /// AdamW's second moment; empty elsewhere.
    pub second_moment: Vec<f32>,
    /// The gradient gathered since the last step.
    pub gradient: Vec<f32>,
}

impl Parameter {
    /// A parameter before the first step.
    pub fn new(key: &str, shape: Vec<usize>, value: Vec<f32>) -> Self {
        let group = Group::of(key);
        let average = value.clone();
        Self {
            key: key.to_owned(),
            shape,
            group,
            frozen: false,
            value,
            average,
            momentum: Vec::new(),
            second_moment: Vec::new(),
            gradient: Vec::new(),
        }
    }

    /// Adds a gradient to what is gathered.
    pub fn gather(&mut self, gradient: Vec<f32>) {
        if self.gradient.is_empty() {
            self.gradient = gradient;
        } else {
            self.gradient.iter_mut().zip(gradient).for_each(|(sum, part)| *sum += part);
        }
    }
}

/// The numbers of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Learning rate of the biases.
    pub bias_rate: f32,
    /// Learning rate of the rest.
    pub rate: f32,
    /// Momentum.
    pub momentum: f32,
    /// Decay of the kernels.
    pub decay: f32,
    /// The gradients' norm is cut to this.
    pub clip: f32,
    /// The rule.
    pub optimizer: Optimizer,
    /// This step's number, from 1.
    pub count: u64,
}

/// The gradient's norm over all parameters, before it is cut.
pub fn gradient_norm(parameters: &[Parameter]) -> f32 {
    let squares = |parameter: &Parameter| parameter.gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>();
    parameters.iter().map(squares).sum::<f64>().sqrt() as f32
}

/// One step on what was gathered, which is forgotten then. Returns the gradient's norm before it was cut.
pub fn step(parameters: &mut [Parameter], step: &Step) -> f32 {
    let norm = gradient_norm(parameters);
    let cut = (step.clip / (norm + 1e-6)).min(1.0);
    parameters.par_iter_mut().for_each(|parameter| {
        let mut gradient = std::mem::take(&mut parameter.gradient);
        if parameter.group == Group::Statistic || parameter.frozen || gradient.is_empty() {
            return;
        }
        gradient.iter_mut().for_each(|gradient| *gradient *= cut);
        let decay = if parameter.group == Group::Weight { step.decay } else { 0.0 };
        match step.optimizer {
            Optimizer::Sgd => sgd(parameter, &gradient, decay, step),
            Optimizer::Muon if muon::applies(parameter) => muon::update(parameter, &gradient, decay, step),
            Optimizer::AdamW | Optimizer::Muon => adamw::update(parameter, &gradient, decay, step),
        }
    });
    norm
}

fn sgd(parameter: &mut Parameter, gradient: &[f32], decay: f32, step: &Step) {
    let rate = if parameter.group == Group::Bias { step.bias_rate } else { step.rate };
    let fresh = parameter.momentum.is_empty();
    parameter.momentum.resize(gradient.len(), 0.0);
    for ((value, velocity), gradient) in parameter.value.iter_mut().zip(&mut parameter.momentum).zip(gradient) {
        let gradient = gradient + decay * *value;
        *velocity = if fresh { gradient } else { step.momentum * *velocity + gradient };
        *value -= rate * (gradient + step.momentum * *velocity);
    }
}

/// The moving average of all values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Average {
    /// The decay it tends to.
    pub decay: f32,
    /// Steps over which it gets there.
    pub ramp: f32,
    /// Steps so far.
    pub updates: u64,
}

impl Default for Average {
    fn default() -> Self {
        Self { decay: 0.9999, ramp: 2000.0, updates: 0 }
    }
}

impl Average {
    /// Takes the values of now into the averages.
    pub fn update(&mut self, parameters: &mut [Parameter]) {
        self.updates += 1;
        let decay = f64::from(self.decay) * (1.0 - (-(self.updates as f64) / f64::from(self.ramp)).exp());
        let keep = decay as f32;
        let take = (1.0 - decay) as f32;
        for parameter in parameters {
            for (average, value) in parameter.average.iter_mut().zip(&parameter.value) {
                *average = *average * keep + value * take;
            }
        }
    }
}

/// Which parameters stay as they are: all whose key begins with one of these (`model.0.`).
#[derive(Clone, Debug, Default)]
pub struct Frozen(pub Arc<[String]>);

impl Frozen {
    /// The first `rows` rows of the network.
    pub fn rows(rows: usize) -> Self {
        Self((0..rows).map(|row| format!("model.{row}.")).collect())
    }

    /// Whether `key` stays as it is.
    pub fn holds(&self, key: &str) -> bool {
        self.0.iter().any(|prefix| key.starts_with(prefix))
    }
}
