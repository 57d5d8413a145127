//! One module run as training does it, for checking its gradients.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::build::Builder;
use super::convolution::ParameterMut;
use super::layer::RowLayer;
use super::load::Loader;
use super::pass::{Moments, Pass};
use ghostdet::model::Block;
use ghostdet::weights;
use ghostdet::{Error, ErrorKind, Result};

/// What batch norms normalise by in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norms {
    /// The batch's mean and variance.
    Batch,
    /// Their running statistics.
    Frozen,
}

/// What a module gave in training.
pub struct BlockRun {
    /// Its output.
    pub output: Tensor<4>,
    /// The gradient on its first input.
    pub input_gradient: Option<Tensor<4>>,
    /// The gradient on every parameter, by its key inside the module, as a flat list.
    pub gradients: BTreeMap<String, Tensor<1>>,
    /// Key of every batch norm (`cv1.bn`), mean and variance (of the population) of what it saw; none if frozen.
    pub statistics: Vec<(String, Tensor<1>, Tensor<1>)>,
}

/// Runs one module forward and backward: `weights` by their keys inside the module, `gradient` on its only output. The
/// inputs' device must be one with automatic differentiation.
///
/// # Errors
/// A parameter that is missing or has another shape, inputs that do not fit the module.
pub fn block_training(
    block: &Block,
    weights: &BTreeMap<String, weights::Tensor>,
    inputs: Vec<Tensor<4>>,
    gradient: Tensor<4>,
    norms: Norms,
) -> Result<BlockRun> {
    let Some(first) = inputs.first() else {
        return Err(Error::new(ErrorKind::Argument, "a module takes at least one input"));
    };
    let mut loader = Loader::new(weights, &first.device());
    let mut layer = Builder::new(&mut loader).several(block)?;
    loader.finish()?;
    require(&mut layer);
    let inputs: Vec<Tensor<4>> = inputs.into_iter().map(Tensor::require_grad).collect();
    let first = inputs.first().cloned();
    let moments = Moments::default();
    let pass = match norms {
        Norms::Batch => Pass::Training(&moments),
        Norms::Frozen => Pass::FrozenNorms,
    };
    let output = layer.run(inputs, pass)?.pop();
    let output = output.ok_or_else(|| Error::new(ErrorKind::Config, "the module gives nothing"))?;
    let mut found = (output.clone() * gradient).sum().backward();
    let mut gradients = BTreeMap::new();
    layer.visit(&mut |key, parameter| {
        let gradient = match parameter {
            ParameterMut::Kernel(value) => value.grad_remove(&mut found).map(flat),
            ParameterMut::Matrix(value) => value.grad_remove(&mut found).map(flat),
            ParameterMut::Vector(value) => value.grad_remove(&mut found),
            ParameterMut::Statistic(_) => None,
        };
        if let Some(gradient) = gradient {
            gradients.insert(key.to_owned(), gradient);
        }
    });
    Ok(BlockRun {
        output,
        input_gradient: first.and_then(|input| input.grad_remove(&mut found)),
        gradients,
        statistics: moments.into_inner().into_iter().map(|one| (one.key, one.mean, one.variance)).collect(),
    })
}

fn require(layer: &mut RowLayer) {
    layer.visit(&mut |_, parameter| match parameter {
        ParameterMut::Kernel(value) => *value = value.clone().require_grad(),
        ParameterMut::Matrix(value) => *value = value.clone().require_grad(),
        ParameterMut::Vector(value) => *value = value.clone().require_grad(),
        ParameterMut::Statistic(_) => {}
    });
}

fn flat<const D: usize>(kernel: Tensor<D>) -> Tensor<1> {
    let count = kernel.dims().iter().product::<usize>();
    kernel.reshape([count])
}
