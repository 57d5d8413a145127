//! Batch norm folded into the convolution before it.

use std::collections::BTreeMap;

use super::{Tensor, weights_error};
use crate::error::{Error, Result};
use crate::model::BATCH_NORM_EPSILON;

/// Convolutions `X` that have `X.conv.weight` and `X.bn.…`.
pub(super) fn unfolded(tensors: &BTreeMap<String, Tensor>) -> Vec<String> {
    let convolutions = tensors.keys().filter_map(|key| key.strip_suffix(".conv.weight"));
    convolutions.filter(|x| tensors.contains_key(&format!("{x}.bn.running_mean"))).map(str::to_owned).collect()
}

/// Folds every batch norm that follows a convolution; a norm of its own (BottleneckCSP's) stays.
pub(super) fn fold(tensors: &mut BTreeMap<String, Tensor>) -> Result<()> {
    for x in unfolded(tensors) {
        let (weight, bias) = fold_one(tensors, &x)?;
        for part in ["weight", "bias", "running_mean", "running_var"] {
            tensors.remove(&format!("{x}.bn.{part}"));
        }
        tensors.insert(format!("{x}.conv.weight"), weight);
        tensors.insert(format!("{x}.conv.bias"), bias);
    }
    Ok(())
}

fn fold_one(tensors: &BTreeMap<String, Tensor>, x: &str) -> Result<(Tensor, Tensor)> {
    let get = |part: &str| {
        let key = format!("{x}.{part}");
        tensors.get(&key).ok_or_else(|| weights_error("this tensor is missing").at(key))
    };
    let mut weight = get("conv.weight")?.clone();
    let channels = weight.shape.first().copied().unwrap_or(0);
    if channels == 0 || weight.data.len() % channels != 0 {
        return Err(
            weights_error(format!("shape {:?} isn't a convolution's", weight.shape)).at(format!("{x}.conv.weight"))
        );
    }
    let norm = |part: &str| {
        let tensor = get(&format!("bn.{part}"))?;
        if tensor.data.len() == channels {
            Ok::<_, Error>(&tensor.data)
        } else {
            Err(differs(x, part, tensor, channels))
        }
    };
    let (gamma, beta, mean, variance) = (norm("weight")?, norm("bias")?, norm("running_mean")?, norm("running_var")?);
    let own = tensors.get(&format!("{x}.conv.bias"));
    let mut bias = Vec::with_capacity(channels);
    let each = weight.data.len() / channels;
    for (c, filter) in weight.data.chunks_exact_mut(each).enumerate() {
        let deviation = (f64::from(variance[c]) + BATCH_NORM_EPSILON).sqrt();
        // NaN is a variance below -epsilon.
        if deviation.is_nan() || deviation == 0.0 {
            return Err(
                weights_error(format!("variance {} of channel {c}", variance[c])).at(format!("{x}.bn.running_var"))
            );
        }
        let scale = f64::from(gamma[c]) / deviation;
        for value in filter {
            *value = (f64::from(*value) * scale) as f32;
        }
        let before = own.and_then(|own| own.data.get(c)).copied().unwrap_or(0.0);
        bias.push((f64::from(beta[c]) + (f64::from(before) - f64::from(mean[c])) * scale) as f32);
    }
    Ok((weight, Tensor { shape: vec![channels], data: bias }))
}

fn differs(x: &str, part: &str, tensor: &Tensor, channels: usize) -> Error {
    weights_error(format!("shape {:?}, but the convolution has {channels} channels", tensor.shape))
        .at(format!("{x}.bn.{part}"))
}
