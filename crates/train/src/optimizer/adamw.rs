//! AdamW (Loshchilov and Hutter 2019).

use super::{Parameter, Step};

const BETAS: [f32; 2] = [0.9, 0.99];
const EPSILON: f32 = 1e-8;

/// One step on `gradient`, with decoupled weight decay.
pub(super) fn update(parameter: &mut Parameter, gradient: &[f32], decay: f32, step: &Step) {
    let count = step.count.clamp(1, 100_000) as i32;
    let corrections = BETAS.map(|beta| 1.0 / (1.0 - beta.powi(count)));
    parameter.momentum.resize(gradient.len(), 0.0);
    parameter.second_moment.resize(gradient.len(), 0.0);
    let moments = parameter.momentum.iter_mut().zip(&mut parameter.second_moment);
    for ((value, (first, second)), &gradient) in parameter.value.iter_mut().zip(moments).zip(gradient) {
        *first += (gradient - *first) * (1.0 - BETAS[0]);
        *second += (gradient * gradient - *second) * (1.0 - BETAS[1]);
        let direction = *first * corrections[0] / ((*second * corrections[1]).sqrt() + EPSILON);
        *value -= step.rate * (direction + decay * *value);
    }
}
