//! Binary cross-entropy on logits, with focal loss's weighting where it is wanted.

/// Weight of certainty that focal loss gives to what is there (Lin et al. 2017).
const ALPHA: f64 = 0.25;

#[derive(Clone, Copy)]
pub(super) struct Bce {
    /// Weight of what is there.
    pub(super) positive: f32,
    /// Focal loss's exponent; 0 for none.
    pub(super) gamma: f32,
}

impl Bce {
    /// The loss of one logit and its derivative.
    pub(super) fn of(self, logit: f32, target: f32) -> (f64, f64) {
        let (x, t) = (f64::from(logit), f64::from(target));
        let weight = 1.0 + (f64::from(self.positive) - 1.0) * t;
        // ln(1 + e^-x), without overflow.
        let softplus = (-x.abs()).exp().ln_1p() + (-x).max(0.0);
        let p = 1.0 / (1.0 + (-x).exp());
        let loss = (1.0 - t) * x + weight * softplus;
        let slope = (1.0 - t) - weight * (1.0 - p);
        if self.gamma <= 0.0 {
            return (loss, slope);
        }
        let gamma = f64::from(self.gamma);
        let missed = 1.0 - (t * p + (1.0 - t) * (1.0 - p));
        let towards = (2.0 * t - 1.0) * p * (1.0 - p);
        let alpha = t * ALPHA + (1.0 - t) * (1.0 - ALPHA);
        let factor = missed.powf(gamma);
        let bend = -gamma * missed.powf(gamma - 1.0) * towards;
        (loss * alpha * factor, alpha * (slope * factor + loss * bend))
    }
}
