//! How a layer is run.

#[cfg(feature = "train")]
use std::cell::RefCell;

#[cfg(feature = "train")]
use burn::tensor::Tensor;

/// What batch norms saw in a forward pass, for their running statistics.
#[cfg(feature = "train")]
pub(super) type Moments = RefCell<Vec<Moment>>;

/// Mean and variance of the batch in front of one batch norm.
#[cfg(feature = "train")]
pub(super) struct Moment {
    /// The norm's key: `model.0.bn`.
    pub(super) key: String,
    pub(super) mean: Tensor<1>,
    /// Of the population (divided by one less than the count).
    pub(super) variance: Tensor<1>,
}

/// How a layer is run.
#[derive(Clone, Copy)]
pub(super) enum Pass<'a> {
    /// Batch norm by its running statistics.
    Inference,
    /// Batch norm by the batch, which is noted.
    #[cfg(feature = "train")]
    Training(&'a Moments),
    /// Batch norm by its running statistics, with our kernels and gradients.
    #[cfg(feature = "train")]
    FrozenNorms,
    /// As in inference, but what batch norms see is noted.
    #[cfg(feature = "train")]
    Watching(&'a Moments),
    /// Keeps the lifetime in use where there is no training.
    #[cfg(not(feature = "train"))]
    #[expect(dead_code, reason = "never made")]
    Never(std::convert::Infallible, std::marker::PhantomData<&'a ()>),
}
