//! Pictures to the device, maps back from it.

use burn::tensor::{Device, Tensor, TensorData};

use ghostdet::detection::RawMap;
use ghostdet::image::Image;
use ghostdet::{Error, ErrorKind, Result};

/// The network's input of pictures that all have one size: `(n, 3, height, width)`, 0..1.
///
/// # Errors
/// No image, images of different sizes, more values than memory can hold.
pub fn input(pictures: &[&Image], device: &Device) -> Result<Tensor<4>> {
    let Some(first) = pictures.first() else {
        return Err(Error::new(ErrorKind::Argument, "there is no picture"));
    };
    let (height, width) = (first.height, first.width);
    let area = height
        .checked_mul(width)
        .filter(|area| area.checked_mul(3).is_some_and(|bytes| bytes.checked_mul(pictures.len()).is_some()));
    let Some(area) = area else {
        return Err(Error::new(ErrorKind::Image, format!("{height}x{width} is too large")));
    };
    let mut values = Vec::with_capacity(pictures.len() * area * 3);
    let scale: [f32; 256] = std::array::from_fn(|byte| byte as f32 / 255.0);
    for (number, image) in pictures.iter().enumerate() {
        if (image.height, image.width) != (height, width) || image.rgb.len() != area * 3 {
            return Err(Error::new(
                ErrorKind::Image,
                format!(
                    "{}x{} with {} bytes can't stand beside {height}x{width}",
                    image.height,
                    image.width,
                    image.rgb.len()
                ),
            )
            .at(format!("picture {number}"))
            .hint("letterbox all to one size"));
        }
        for channel in 0..3 {
            values.extend(image.rgb.iter().skip(channel).step_by(3).map(|&byte| scale[usize::from(byte)]));
        }
    }
    planes(values, [pictures.len(), 3, height, width], device)
}

/// A tensor from values that are in NCHW order already.
///
/// # Errors
/// Another number of values than the shape asks for.
pub fn planes(values: Vec<f32>, shape: [usize; 4], device: &Device) -> Result<Tensor<4>> {
    let count = shape.iter().try_fold(1_usize, |product, &side| product.checked_mul(side));
    if count != Some(values.len()) {
        return Err(Error::new(ErrorKind::Argument, format!("{} values don't fill {shape:?}", values.len())));
    }
    Ok(Tensor::from_data(TensorData::new(values, shape), device))
}

/// Reads detect maps: for every picture of the batch one channels-last map a level.
///
/// It waits for the device, so it isn't for the browser: [`read_async`] is. Values that are no numbers are an error.
///
/// # Errors
/// A device that failed; values that are not numbers.
pub fn read(maps: Vec<Tensor<4>>) -> Result<Vec<Vec<RawMap>>> {
    let mut pictures = Vec::new();
    for map in maps {
        let shape = map.dims();
        let data = map.try_into_data().map_err(device_error)?;
        append(&mut pictures, data, shape)?;
    }
    Ok(pictures)
}

/// [`read`] without blocking.
///
/// # Errors
/// As [`read`].
pub async fn read_async(maps: Vec<Tensor<4>>) -> Result<Vec<Vec<RawMap>>> {
    let mut pictures = Vec::new();
    for map in maps {
        let shape = map.dims();
        let data = map.into_data_async().await.map_err(device_error)?;
        append(&mut pictures, data, shape)?;
    }
    Ok(pictures)
}

fn append(
    pictures: &mut Vec<Vec<RawMap>>,
    data: TensorData,
    [batch, channels, height, width]: [usize; 4],
) -> Result<()> {
    let values: Vec<f32> = data.try_into_vec().map_err(device_error)?;
    if let Some(place) = values.iter().position(|value| !value.is_finite()) {
        return Err(Error::new(ErrorKind::Numeric, format!("the network gave {} at {place}", values[place]))
            .hint("the weights are damaged, or the device computes wrong: try the other one"));
    }
    pictures.resize_with(batch.max(pictures.len()), Vec::new);
    let size = (channels * height * width).max(1);
    for (image, part) in pictures.iter_mut().zip(values.chunks_exact(size)) {
        // Transposed here: on a GPU that would be one more kernel to compile.
        let pixel = |i: usize| part.iter().skip(i).step_by((height * width).max(1)).copied();
        image.push(RawMap { height, width, data: (0..height * width).flat_map(pixel).collect() });
    }
    Ok(())
}

fn device_error(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Device, error.to_string()).at("reading from the device")
}
