//! Which pictures an epoch has.

use fastrand::Rng;
use ghostdet::data::Dataset;

/// How the pictures of an epoch are chosen. The default takes every picture once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// Pictures an epoch; all if `None`.
    pub pictures: Option<usize>,
    /// How much oftener than others a picture is taken; all alike if empty.
    pub weights: Vec<f32>,
}

impl Sampling {
    /// Takes pictures of rare classes more often: by `sqrt(share / f)`, at least 1, where `f` is the part of all pictures
    /// in which the rarest class of the picture is labelled (repeat factor sampling, Gupta et al. 2019).
    pub fn repeat_rare(data: &Dataset, share: f32) -> Vec<f32> {
        let mut pictures = vec![0_usize; data.names().len()];
        let classes = |i: usize| {
            let mut classes: Vec<usize> = data.labels(i).iter().map(|label| label.class).collect();
            classes.sort_unstable();
            classes.dedup();
            classes
        };
        (0..data.len()).flat_map(classes).for_each(|class| pictures[class] += 1);
        let factor = |class: usize| (share * data.len() as f32 / pictures[class] as f32).sqrt().max(1.0);
        (0..data.len()).map(|i| classes(i).into_iter().map(factor).fold(1.0, f32::max)).collect()
    }

    /// The pictures of an epoch of a data set of `count`, in their order.
    pub(super) fn order(&self, count: usize, rng: &mut Rng) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        rng.shuffle(&mut order);
        let wanted = self.pictures.unwrap_or(count);
        if wanted == count && self.weights.is_empty() {
            return order;
        }
        // Systematic sampling: equal steps along the weights laid end to end.
        let weight = |i: usize| self.weights.get(i).map_or(1.0, |&weight| f64::from(weight));
        let step = (0..count).map(weight).sum::<f64>() / wanted as f64;
        let mut next = rng.f64() * step;
        let (mut chosen, mut end) = (Vec::with_capacity(wanted), 0.0);
        for &i in &order {
            end += weight(i);
            while next < end && chosen.len() < wanted {
                chosen.push(i);
                next += step;
            }
        }
        // Rounding may have lost the last one.
        chosen.resize(wanted, order[count - 1]);
        rng.shuffle(&mut chosen);
        chosen
    }
}
