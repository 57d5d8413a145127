//! `MixConv2d`: kernels of several sizes side by side (Tan and Le 2019).

use super::{Channels, Definition};
use crate::Result;
use crate::model::block::{Act, Block, Conv, ConvShape};
use crate::model::geometry::gcd;
use crate::model::parse_args::Arguments;

pub(super) const DEFINITIONS: &[Definition] = &[Definition {
    name: "MixConv2d",
    path: "models.experimental.MixConv2d",
    channels: Channels::Scaled { repeats: false },
    arguments: &["c2", "k", "s", "equal_ch"],
    build: mix_conv,
}];

/// One bare convolution a kernel, joined, then a batch norm and a SiLU of its own.
fn mix_conv(arguments: &Arguments) -> Result<Block> {
    let kernels = arguments.any_kernels(1, &[1, 3])?;
    let stride = arguments.stride(2)?;
    let (c1, c2) = (arguments.input(), arguments.outputs);
    let parts = if arguments.truth(3, true)? { equal_channels(c2, kernels.len()) } else { equal_weights(c2, &kernels) };
    let sum: usize = parts.iter().sum();
    if sum != c2 || parts.contains(&0) {
        return Err(
            arguments.error(format!("MixConv2d can't divide {c2} channels among the kernels {kernels:?}: {parts:?}"))
        );
    }
    if kernels.iter().any(|kernel| kernel % 2 != kernels[0] % 2) {
        return Err(arguments.error(format!("MixConv2d needs kernels that are all odd or all even, not {kernels:?}")));
    }
    let part = |(j, (&kernel, c)): (usize, (&usize, usize))| {
        let shape = ConvShape::square(c1, c, kernel, stride).grouped(gcd(c1, c));
        Block::Conv(Conv::bare(format!("{}.m.{j}", arguments.key), shape, false))
    };
    let joined = Block::Concat(kernels.iter().zip(parts).enumerate().map(part).collect());
    let norm = Block::BatchNorm { key: format!("{}.bn", arguments.key), channels: c2, activation: Act::OWN_SILU };
    // Itself and the ModuleList.
    Ok(Block::module(2, Block::Chain(vec![joined, norm])))
}

/// Channels of each of `count` kernels: output channel `i` goes to the kernel `floor(i * (count - 1e-6) / (c2 - 1))`.
fn equal_channels(c2: usize, count: usize) -> Vec<usize> {
    let step = if c2 > 1 { (count as f64 - 1e-6) / (c2 - 1) as f64 } else { 0.0 };
    let mut parts = vec![0; count];
    for channel in 0..c2 {
        parts[((channel as f64 * step) as usize).min(count - 1)] += 1;
    }
    parts
}

/// Channels so that every kernel has as many weights: in proportion to `1 / kernel²`, halves rounded to even.
fn equal_weights(c2: usize, kernels: &[usize]) -> Vec<usize> {
    let share = |&kernel: &usize| 1.0 / (kernel * kernel) as f64;
    let all: f64 = kernels.iter().map(share).sum();
    kernels.iter().map(|kernel| (c2 as f64 * share(kernel) / all).round_ties_even() as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_of_the_reference() {
        assert_eq!(equal_channels(16, 3), [6, 5, 5]);
        assert_eq!(equal_channels(8, 3), [3, 2, 3]);
        assert_eq!(equal_weights(16, &[1, 3]), [14, 2]);
        assert_eq!(equal_weights(32, &[3, 5, 7]), [21, 7, 4]);
        assert_eq!(equal_weights(24, &[3, 5, 7]), [16, 6, 3], "does not sum up: refused");
    }
}
