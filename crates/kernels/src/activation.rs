//! Activation functions.

/// An activation function. The formulas are PyTorch's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `x * sigmoid(x)`, the default.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x` if positive, else `slope * x`.
    LeakyRelu(f32),
    /// As LeakyReLU, with one slope that is trained: the parameter `weight`, 0.25 at the start.
    Prelu,
    /// `x * clamp(x + 3, 0, 6) / 6`.
    Hardswish,
    /// `clamp(x + 3, 0, 6) / 6`.
    Hardsigmoid,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `x * tanh(ln(1 + exp(x)))`.
    Mish,
    /// `x` if positive, else `exp(x) - 1`. ELU and CELU are the same for their default alpha of 1.
    Elu,
    /// `1.0507009873554805 * (x if positive, else 1.6732632423543772 * (exp(x) - 1))`.
    Selu,
    /// `x` times the normal distribution's cumulative function at `x` (exact, with erf).
    Gelu,
    /// `ln(1 + exp(x))`.
    Softplus,
}
