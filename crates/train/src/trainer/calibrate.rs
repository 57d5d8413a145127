//! Opening batch norms that were folded.

use std::collections::BTreeMap;

use ghostdet::Result;
use ghostdet::model::BATCH_NORM_EPSILON;
use ghostdet_burn as network;

use super::transfer::numbers;
use super::{Pictures, Trainer};

impl Trainer {
    /// Gives the batch norms in `norms` (`model.0.bn`), which were folded, back what folding took: they get the mean and
    /// variance they see in these pictures, and scales that keep the network's function the same.
    ///
    /// # Errors
    /// Pictures whose sides don't fit the network.
    pub fn calibrate(&mut self, norms: &[String], batches: &[Pictures<'_>]) -> Result<()> {
        let mut seen: BTreeMap<String, [Vec<f64>; 2]> = BTreeMap::new();
        for pictures in batches {
            let [height, width] = pictures.size;
            let values = pictures.pixels.iter().map(|&byte| f32::from(byte) / 255.0).collect();
            let input = network::planes(values, [pictures.count, 3, height, width], &self.device)?;
            for (key, mean, variance) in self.network.watch(input)? {
                let sums = seen.entry(key).or_default();
                for (sum, values) in sums.iter_mut().zip([numbers(mean)?, numbers(variance)?]) {
                    sum.resize(values.len(), 0.0);
                    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
                }
            }
        }
        let count = batches.len().max(1) as f64;
        for norm in norms {
            let Some([mean, variance]) = seen.get(norm) else { continue };
            let mean: Vec<f32> = mean.iter().map(|sum| (sum / count) as f32).collect();
            let variance: Vec<f32> = variance.iter().map(|sum| (sum / count) as f32).collect();
            for parameter in &mut self.parameters {
                match parameter.key.strip_prefix(norm.as_str()) {
                    Some(".weight") => {
                        parameter.value = variance.iter().map(|v| (v + BATCH_NORM_EPSILON as f32).sqrt()).collect()
                    }
                    Some(".bias") => parameter.value.iter_mut().zip(&mean).for_each(|(bias, mean)| *bias += mean),
                    Some(".running_mean") => parameter.value.clone_from(&mean),
                    Some(".running_var") => parameter.value.clone_from(&variance),
                    _ => continue,
                }
                parameter.average.clone_from(&parameter.value);
            }
        }
        self.push_all();
        Ok(())
    }
}
