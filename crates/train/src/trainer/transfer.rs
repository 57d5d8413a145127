//! Parameters to the device and back.

use burn::tensor::{Device, Tensor, TensorData};
use ghostdet::{Error, ErrorKind, Result};
use ghostdet_burn::ParameterMut;

use crate::optimizer::Parameter;

/// Sends a parameter to its tensor.
pub(super) fn write<const D: usize>(value: &mut Tensor<D>, parameter: &Parameter, device: &Device) {
    let data = TensorData::new(parameter.value.clone(), value.dims());
    let tensor = Tensor::<D>::from_data(data, device);
    *value = if parameter.frozen { tensor.without_autodiff() } else { tensor.require_grad() };
}

/// Shape and values of a parameter.
pub(super) fn read(parameter: &ParameterMut<'_>) -> Result<(Vec<usize>, Vec<f32>)> {
    match parameter {
        ParameterMut::Kernel(value) => Ok((value.dims().to_vec(), numbers((*value).clone().without_autodiff())?)),
        ParameterMut::Matrix(value) => Ok((value.dims().to_vec(), numbers((*value).clone().without_autodiff())?)),
        ParameterMut::Vector(value) | ParameterMut::Statistic(value) => {
            Ok((value.dims().to_vec(), numbers((*value).clone().without_autodiff())?))
        }
    }
}

/// A tensor's values.
pub(super) fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let wrong = |error: String| Error::new(ErrorKind::Device, error).at("reading from the device");
    let data = tensor.try_into_data().map_err(|error| wrong(error.to_string()))?;
    data.try_into_vec().map_err(|error| wrong(error.to_string()))
}
