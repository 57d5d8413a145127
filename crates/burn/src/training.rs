//! The forward pass of training: batch norm over the batch, our kernels on the CPU, Burn's own elsewhere.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::convolution::BatchNorm;
use super::kernels::{self, Sizes, Statistics};
use super::pass::{Moment, Moments};
use ghostdet::model::BATCH_NORM_EPSILON;

/// A convolution whose gradients our kernels compute.
pub(super) fn convolve(x: Tensor<4>, weight: Tensor<4>, options: &ConvOptions<2>) -> Tensor<4> {
    if !on_cpu(&x.device()) || options.is_asymmetric() {
        return conv2d(x, weight, None, options.clone());
    }
    Tensor::from_dispatch(Dispatch::convolve(x.into_dispatch(), weight.into_dispatch(), options.clone()))
}

/// Batch norm over the batch, then SiLU if `silu`.
pub(super) fn normalise(norm: &BatchNorm, x: Tensor<4>, silu: bool, moments: &Moments) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let count = (batch * height * width) as f64;
    let unbiased = count / (count - 1.0).max(1.0);
    let (y, mean, variance) = match on_cpu(&x.device()) {
        true => {
            let (weight, bias) = (norm.weight.clone().into_dispatch(), norm.bias.clone().into_dispatch());
            let (y, mean, variance) = Dispatch::normalise(x.into_dispatch(), weight, bias, silu);
            (Tensor::from_dispatch(y), Tensor::from_dispatch(mean), Tensor::from_dispatch(variance))
        }
        false => {
            let wide = |v: Tensor<1>| v.reshape([1, channels, 1, 1]);
            let mean = mean_of(x.clone());
            let centred = x - wide(mean.clone());
            let variance = mean_of(centred.clone().square());
            let scale = norm.weight.clone() / (variance.clone() + BATCH_NORM_EPSILON).sqrt();
            let y = centred * wide(scale) + wide(norm.bias.clone());
            (if silu { activation::silu(y) } else { y }, mean.without_autodiff(), variance.without_autodiff())
        }
    };
    moments.borrow_mut().push(Moment { key: norm.key.clone(), mean, variance: variance * unbiased });
    y
}

/// Batch norm by its running statistics, then SiLU if `silu`.
pub(super) fn normalise_frozen(norm: &BatchNorm, x: Tensor<4>, silu: bool) -> Tensor<4> {
    let (mean, variance) = (norm.running_mean.clone(), norm.running_var.clone());
    let read = |v: &Tensor<1>| v.clone().without_autodiff().try_into_data().ok()?.try_into_vec::<f32>().ok();
    if on_cpu(&x.device())
        && let (Some(mean), Some(variance)) = (read(&mean), read(&variance))
    {
        let statistics = Statistics { mean, variance };
        let (weight, bias) = (norm.weight.clone().into_dispatch(), norm.bias.clone().into_dispatch());
        return Tensor::from_dispatch(Dispatch::normalise_frozen(x.into_dispatch(), weight, bias, statistics, silu));
    }
    let [_, channels, _, _] = x.dims();
    let wide = |v: Tensor<1>| v.reshape([1, channels, 1, 1]);
    let y =
        (x - wide(mean)) * wide(norm.weight.clone() / (variance + BATCH_NORM_EPSILON).sqrt()) + wide(norm.bias.clone());
    if silu { activation::silu(y) } else { y }
}

/// Notes what a batch norm sees.
pub(super) fn watch(norm: &BatchNorm, x: Tensor<4>, moments: &Moments) {
    let x = x.without_autodiff();
    let mean = mean_of(x.clone());
    let centred = x - mean.clone().reshape([1, mean.dims()[0], 1, 1]);
    moments.borrow_mut().push(Moment { key: norm.key.clone(), mean, variance: mean_of(centred.square()) });
}

/// The mean of every channel.
fn mean_of(x: Tensor<4>) -> Tensor<1> {
    let channels = x.dims()[1];
    x.mean_dim(0).mean_dim(2).mean_dim(3).reshape([channels])
}

fn on_cpu(device: &Device) -> bool {
    *device == super::cpu()
}

/// The operations with gradients of our own. Tensors are f32.
#[backend_extension(Flex, Autodiff)]
pub(super) trait TrainingOps: Backend {
    /// `(batch, channels, height, width)` by `(filters, channels / groups, kernel)`.
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self>;

    /// The normalised and activated map, the batch's mean and variance.
    fn normalise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        silu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// The map normalised by given statistics, and activated.
    fn normalise_frozen(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: Statistics,
        silu: bool,
    ) -> FloatTensor<Self>;
}

type Value = FloatTensor<Flex>;

fn values(tensor: &Value) -> Vec<f32> {
    tensor.as_slice::<f32>().map_or_else(|| tensor.to_contiguous().storage::<f32>().to_vec(), <[f32]>::to_vec)
}

/// Calls `run` with the tensor's values in order, copied only if they lie otherwise.
fn with_values<T>(tensor: &Value, run: impl FnOnce(&[f32]) -> T) -> T {
    match tensor.as_slice::<f32>() {
        Some(values) => run(values),
        None => run(&values(tensor)),
    }
}

fn tensor(values: Vec<f32>, shape: Vec<usize>) -> Value {
    let device = Default::default();
    Flex::float_from_data(TensorData::new(values, shape), &device)
}

fn sizes(x: &Value, weight: &Value, options: &ConvOptions<2>) -> Sizes {
    let [batch, channels, height, width] = x.shape().dims();
    let [filters, _, rows, columns] = weight.shape().dims();
    let padding = options.padding.map(|(begin, _)| begin);
    let ConvOptions { stride, dilation, groups, .. } = *options;
    Sizes { batch, channels, height, width, filters, kernel: [rows, columns], stride, padding, dilation, groups }
}

impl TrainingOps for Flex {
    fn convolve(x: Value, weight: Value, options: ConvOptions<2>) -> Value {
        let sizes = sizes(&x, &weight, &options);
        let y = with_values(&x, |x| with_values(&weight, |w| kernels::convolution(&sizes, x, w)));
        let [height, width] = sizes.output();
        tensor(y, vec![sizes.batch, sizes.filters, height, width])
    }

    fn normalise(x: Value, weight: Value, bias: Value, silu: bool) -> (Value, Value, Value) {
        let [batch, channels, height, width] = x.shape().dims();
        let affine = [values(&weight), values(&bias)];
        let affine = affine.each_ref().map(Vec::as_slice);
        let (y, Statistics { mean, variance }) =
            with_values(&x, |x| kernels::norm_forward(x, height * width, affine, BATCH_NORM_EPSILON as f32, silu));
        let shape = vec![batch, channels, height, width];
        (tensor(y, shape), tensor(mean, vec![channels]), tensor(variance, vec![channels]))
    }

    fn normalise_frozen(x: Value, weight: Value, bias: Value, statistics: Statistics, silu: bool) -> Value {
        let [_, _, height, width] = x.shape().dims();
        let affine = [values(&weight), values(&bias)];
        let affine = affine.each_ref().map(Vec::as_slice);
        let y = with_values(&x, |x| {
            kernels::frozen_norm_forward(x, height * width, &statistics, affine, BATCH_NORM_EPSILON as f32, silu)
        });
        tensor(y, x.shape().to_vec())
    }
}

impl<C: CheckpointStrategy> TrainingOps for Autodiff<Flex, C> {
    fn convolve(x: FloatTensor<Self>, weight: FloatTensor<Self>, options: ConvOptions<2>) -> FloatTensor<Self> {
        let prepared = ConvolveBackward.prepare::<C>([x.node(), weight.node()]).compute_bound().stateful();
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let y = Flex::convolve(x.clone(), weight.clone(), options.clone());
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight, options), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn normalise(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        silu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [x.node(), weight.node(), bias.node()];
        let prepared = NormaliseBackward.prepare::<C>(nodes).compute_bound().stateful();
        let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
        let (y, mean, variance) = Flex::normalise(x.clone(), weight.clone(), bias.clone(), silu);
        let y = match prepared {
            OpsKind::Tracked(prepared) => prepared.finish(([x, weight, bias, mean.clone(), variance.clone()], silu), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        };
        (y, Self::from_inner(mean), Self::from_inner(variance))
    }

    fn normalise_frozen(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        statistics: Statistics,
        silu: bool,
    ) -> FloatTensor<Self> {
        let nodes = [x.node(), weight.node(), bias.node()];
        let prepared = NormaliseFrozenBackward.prepare::<C>(nodes).compute_bound().stateful();
        let (x, weight, bias) = (x.into_primitive(), weight.into_primitive(), bias.into_primitive());
        let y = Flex::normalise_frozen(x.clone(), weight.clone(), bias.clone(), statistics.clone(), silu);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish(([x, weight, bias], statistics, silu), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }
}

#[derive(Debug)]
struct ConvolveBackward;

impl Backward<Flex, 2> for ConvolveBackward {
    type State = (Value, Value, ConvOptions<2>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let (x, weight, options) = ops.state;
        let [x_node, weight_node] = ops.parents;
        let sizes = sizes(&x, &weight, &options);
        let (dx, dw) = with_values(&x, |x| {
            with_values(&weight, |w| {
                with_values(&dy, |dy| kernels::convolution_backward(&sizes, x, w, dy, x_node.is_some()))
            })
        });
        if let (Some(node), Some(dx)) = (x_node, dx) {
            grads.register::<Flex>(node.id, tensor(dx, x.shape().to_vec()));
        }
        if let Some(node) = weight_node {
            grads.register::<Flex>(node.id, tensor(dw, weight.shape().to_vec()));
        }
    }
}

#[derive(Debug)]
struct NormaliseBackward;

impl Backward<Flex, 3> for NormaliseBackward {
    type State = ([Value; 5], bool);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let ([x, weight, bias, mean, variance], silu) = ops.state;
        let [_, _, height, width] = x.shape().dims();
        let statistics = Statistics { mean: values(&mean), variance: values(&variance) };
        let affine = [values(&weight), values(&bias)];
        let affine = affine.each_ref().map(Vec::as_slice);
        let found = with_values(&x, |x| {
            with_values(&dy, |dy| {
                kernels::norm_backward(x, dy, height * width, &statistics, affine, BATCH_NORM_EPSILON as f32, silu)
            })
        });
        let shapes = [x.shape().to_vec(), weight.shape().to_vec(), bias.shape().to_vec()];
        for ((node, values), shape) in ops.parents.into_iter().zip(found).zip(shapes) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(values, shape));
            }
        }
    }
}

#[derive(Debug)]
struct NormaliseFrozenBackward;

impl Backward<Flex, 3> for NormaliseFrozenBackward {
    type State = ([Value; 3], Statistics, bool);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let ([x, weight, bias], statistics, silu) = ops.state;
        let [_, _, height, width] = x.shape().dims();
        let affine = [values(&weight), values(&bias)];
        let affine = affine.each_ref().map(Vec::as_slice);
        let found = with_values(&x, |x| {
            with_values(&dy, |dy| {
                kernels::frozen_norm_backward(
                    x,
                    dy,
                    height * width,
                    &statistics,
                    affine,
                    BATCH_NORM_EPSILON as f32,
                    silu,
                )
            })
        });
        let shapes = [x.shape().to_vec(), weight.shape().to_vec(), bias.shape().to_vec()];
        for ((node, values), shape) in ops.parents.into_iter().zip(found).zip(shapes) {
            if let Some(node) = node {
                grads.register::<Flex>(node.id, tensor(values, shape));
            }
        }
    }
}
