//! One network in training: forward and backward passes accumulate gradients, `step` updates the parameters.

mod calibrate;
mod transfer;

use burn::tensor::{Device, Tensor, TensorData};
use ghostdet::detection::RawMap;
use ghostdet::model::graph::Graph;
use ghostdet::weights::{self, Checkpoint};
use ghostdet::{Error, ErrorKind, Result};
use ghostdet_burn::{self as network, Network, ParameterMut};

use crate::loss::{DetectionLoss, Loss, Map, Region, Target};
use crate::optimizer::{Average, Frozen, Parameter, Step, step};
use transfer::{numbers, read, write};

/// A network with its parameters, their momenta and averages.
pub struct Trainer {
    network: Network,
    device: Device,
    parameters: Vec<Parameter>,
    /// The moving average's state.
    pub average: Average,
    /// Batch norms normalise by their running statistics, which stay as they are.
    pub freeze_bn: bool,
    loss: DetectionLoss,
}

/// Pictures of one size with their labels.
#[derive(Clone, Debug)]
pub struct Pictures<'a> {
    /// How many.
    pub count: usize,
    /// Height and width.
    pub size: [usize; 2],
    /// `(count, 3, height, width)`, 0 to 255.
    pub pixels: &'a [u8],
    /// What is in them.
    pub targets: &'a [Target],
    /// Where not all classes are labelled.
    pub regions: &'a [Region],
    /// A teacher's raw maps, picture by picture and level by level, and the weight of the distillation loss (0 to 1).
    pub teacher: Option<(&'a [Vec<RawMap>], f32)>,
}

impl Trainer {
    /// The loss it learns by.
    pub fn loss(&self) -> &DetectionLoss {
        &self.loss
    }

    /// Puts `graph` with the parameters of `checkpoint` (batch norm not folded) on `device`.
    ///
    /// # Errors
    /// A parameter that is missing or has another shape.
    pub fn new(
        graph: &Graph,
        checkpoint: &Checkpoint,
        device: &Device,
        loss: DetectionLoss,
        frozen: &Frozen,
    ) -> Result<Self> {
        let device = device.clone().autodiff();
        let mut network = Network::new(graph, checkpoint, &device)?;
        network.require_gradients(&|key| !frozen.holds(key));
        let mut parameters = Vec::new();
        let mut failed = None;
        network.visit(&mut |key, parameter| match read(&parameter) {
            Ok((shape, value)) => {
                let mut parameter = Parameter::new(key, shape, value);
                parameter.frozen = frozen.holds(key);
                parameters.push(parameter);
            }
            Err(error) => failed = Some(error),
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(Self { network, device, parameters, average: Average::default(), freeze_bn: false, loss }),
        }
    }

    /// The parameters in the network's order.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The parameters to restore a saved state into; [`push_all`](Self::push_all) sends them to the device.
    pub fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }

    /// Runs a batch forward and backward and gathers its gradients.
    ///
    /// # Errors
    /// A loss that is no number: the learning rate is too high, or the data is damaged.
    pub fn gather(&mut self, pictures: &Pictures<'_>) -> Result<Loss> {
        let [height, width] = pictures.size;
        let values: Vec<f32> = pictures.pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let input = network::planes(values, [pictures.count, 3, height, width], &self.device)?;
        let maps = match self.freeze_bn {
            true => self.network.forward_frozen_norms(input)?,
            false => self.network.forward_training(input)?,
        };
        let mut read_back = Vec::with_capacity(maps.len());
        for map in &maps {
            let [_, _, height, width] = map.dims();
            read_back.push((numbers(map.clone().without_autodiff())?, height, width));
        }
        let views: Vec<Map<'_>> =
            read_back.iter().map(|(values, height, width)| Map { values, height: *height, width: *width }).collect();
        let (mut loss, mut gradients) =
            self.loss.compute_masked(pictures.count, &views, pictures.targets, pictures.regions)?;
        if let Some((maps, weight)) = pictures.teacher {
            let distilled = self.loss.distill(&views, maps)?;
            blend((&mut loss, &mut gradients), distilled, weight);
        }
        if !loss.total.is_finite() {
            return Err(Error::new(ErrorKind::Numeric, format!("the loss is {}", loss.total))
                .at("training")
                .hint("go on from the last checkpoint with a lower --lr"));
        }
        // A sum whose gradient on every map is the loss's.
        let mut sum: Option<Tensor<1>> = None;
        for (map, gradient) in maps.into_iter().zip(gradients) {
            let gradient = Tensor::<4>::from_data(TensorData::new(gradient, map.dims()), &self.device);
            let part = (map * gradient).sum();
            sum = Some(match sum {
                Some(sum) => sum + part,
                None => part,
            });
        }
        let sum = sum.ok_or_else(|| Error::new(ErrorKind::Config, "the network has no detect maps"))?;
        let mut gradients = sum.backward();
        let mut at = 0;
        let mut failed = None;
        let parameters = &mut self.parameters;
        self.network.visit(&mut |_, parameter| {
            let gradient = match &parameter {
                ParameterMut::Kernel(value) => value.grad_remove(&mut gradients).map(numbers),
                ParameterMut::Matrix(value) => value.grad_remove(&mut gradients).map(numbers),
                ParameterMut::Vector(value) => value.grad_remove(&mut gradients).map(numbers),
                ParameterMut::Statistic(value) => {
                    match numbers((*value).clone()) {
                        Ok(value) => parameters[at].value = value,
                        Err(error) => failed = Some(error),
                    }
                    None
                }
            };
            match gradient {
                Some(Ok(gradient)) => parameters[at].gather(gradient),
                Some(Err(error)) => failed = Some(error),
                None => {}
            }
            at += 1;
        });
        match failed {
            Some(error) => Err(error),
            None => Ok(loss),
        }
    }

    /// Makes a step on what was gathered and takes it into the average. Returns the gradient's norm.
    pub fn step(&mut self, numbers: &Step) -> f32 {
        let numbers = Step { count: self.average.updates + 1, ..*numbers };
        let norm = step(&mut self.parameters, &numbers);
        self.average.update(&mut self.parameters);
        self.send(false);
        norm
    }

    /// Sends all parameters to the device, frozen ones too.
    pub fn push_all(&mut self) {
        self.send(true);
    }

    /// Sends the parameters that a step changes to the device.
    fn send(&mut self, all: bool) {
        let (device, parameters) = (&self.device, &self.parameters);
        let mut at = 0;
        self.network.visit(&mut |_, target| {
            let parameter = &parameters[at];
            at += 1;
            match target {
                ParameterMut::Kernel(value) if all || !parameter.frozen => write(value, parameter, device),
                ParameterMut::Matrix(value) if all || !parameter.frozen => write(value, parameter, device),
                ParameterMut::Vector(value) if all || !parameter.frozen => write(value, parameter, device),
                ParameterMut::Statistic(value) => {
                    let data = TensorData::new(parameter.value.clone(), value.dims());
                    *value = Tensor::<1>::from_data(data, device).without_autodiff();
                }
                _ => {}
            }
        });
    }

    /// The averaged weights as tensors by PyTorch key.
    pub fn averaged(&self) -> impl Iterator<Item = (String, weights::Tensor)> + '_ {
        self.parameters.iter().map(|parameter| {
            let tensor = weights::Tensor { shape: parameter.shape.clone(), data: parameter.average.clone() };
            (parameter.key.clone(), tensor)
        })
    }
}

/// Replaces `share` of a loss and its gradient by another one.
fn blend((loss, gradients): (&mut Loss, &mut [Vec<f32>]), (other, others): (Loss, Vec<Vec<f32>>), share: f32) {
    let mix = |own: &mut f32, other: f32| *own += (other - *own) * share;
    mix(&mut loss.total, other.total);
    loss.parts.iter_mut().zip(other.parts).for_each(|(own, other)| mix(own, other));
    for (own, others) in gradients.iter_mut().zip(others) {
        own.iter_mut().zip(others).for_each(|(own, other)| mix(own, other));
    }
}
