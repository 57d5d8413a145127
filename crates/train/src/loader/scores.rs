//! What the scores of boxes that networks drew mean for training.

use serde::{Deserialize, Serialize};

/// How labels of little certainty, and classes that are not labelled, are treated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Scores {
    /// A box counts by its score times this, at least 0.1 and at most 1.
    pub score_gain: f32,
    /// Boxes of lower scores are weak evidence: neither object nor background.
    pub weak_score: f32,
    /// Whether what a picture does not label exhaustively is no background.
    pub mask_negatives: bool,
}

impl Default for Scores {
    fn default() -> Self {
        Self { score_gain: 1.6, weak_score: 0.0, mask_negatives: true }
    }
}

impl Scores {
    /// The weight of a box with this score; 0 for weak evidence.
    pub fn weight(&self, score: f32) -> f32 {
        if score < self.weak_score { 0.0 } else { (score * self.score_gain).clamp(0.1, 1.0) }
    }
}
