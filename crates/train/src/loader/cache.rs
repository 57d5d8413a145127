//! A cache of decoded pictures.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::augment::Example;

/// Keeps pictures while there is room and never evicts: every epoch reads every picture once, so any subset saves the same.
pub(super) struct Cache {
    room: usize,
    kept: RwLock<Kept>,
}

#[derive(Default)]
struct Kept {
    bytes: usize,
    examples: HashMap<usize, Arc<Example>>,
}

impl Cache {
    /// With room for this many bytes.
    pub fn new(room: usize) -> Self {
        Self { room, kept: RwLock::default() }
    }

    /// Picture `index`, if it was kept.
    pub fn get(&self, index: usize) -> Option<Example> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).examples.get(&index).cloned();
        kept.map(|example| (*example).clone())
    }

    /// Keeps a picture if there is room.
    pub fn keep(&self, index: usize, example: &Example) {
        let bytes = example.picture.rgb.len() + size_of_val(example.boxes.as_slice());
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        if kept.bytes + bytes <= self.room && !kept.examples.contains_key(&index) {
            kept.bytes += bytes;
            kept.examples.insert(index, Arc::new(example.clone()));
        }
    }
}
