//! Which tensors of a checkpoint belong to a network: the rest is left aside, what lacks is told.

use std::collections::{BTreeMap, BTreeSet};

use super::{Checkpoint, keys, weights_error};
use crate::error::{Error, Result};
use crate::model::{Config, Graph, builtin};

const ANOTHER: &str = "it was made for another architecture; give the YAML it was trained with";

impl Checkpoint {
    /// Leaves tensors aside that no module of `graph` owns: profilers' counters, buffers, second heads. Each kind is
    /// told in [`notes`](Checkpoint::notes).
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Weights`](crate::ErrorKind::Weights): weights of rows or repeats that the network does not
    /// have. They belong to another architecture.
    pub fn keep_owned(&mut self, graph: &Graph) -> Result<()> {
        let owned = owned(graph);
        let strangers: Vec<String> = self.tensors.keys().filter(|key| !owned.contains(*key)).cloned().collect();
        if strangers.is_empty() {
            return Ok(());
        }
        // Filled one by one: collecting would bring a sort of its own for each type into the module for browsers.
        let (mut patterns, mut rows) = (BTreeSet::new(), BTreeSet::new());
        patterns.extend(owned.iter().map(|key| pattern(key)));
        rows.extend(owned.iter().filter_map(|key| keys::row(key)));
        for key in strangers.iter().filter(|key| is_weight(key)) {
            if keys::row(key).is_none_or(|row| !rows.contains(&row)) || patterns.contains(&pattern(key)) {
                return Err(weights_error(format!("the network has no place for the tensor {key}")).hint(ANOTHER));
            }
        }
        strangers.iter().for_each(|key| {
            self.tensors.remove(key);
        });
        keys::note_aside(&mut self.notes, &strangers, "no module of the network owns them");
        Ok(())
    }

    /// Fails if the weights end before `graph` does; batch norm must be folded. A single tensor that is missing is told
    /// by the engine that takes it.
    pub(crate) fn check_rows(&self, graph: &Graph) -> Result<()> {
        let mut rows: BTreeMap<usize, bool> = BTreeMap::new();
        for (key, _) in graph.parameters(true) {
            let row = keys::row(&key).unwrap_or_default();
            *rows.entry(row).or_default() |= self.tensors.contains_key(&key);
        }
        let last_found = rows.iter().filter(|(_, found)| **found).map(|(row, _)| *row).next_back();
        let from = match last_found {
            Some(row) if rows.range(row + 1..).next().is_none() => return Ok(()),
            Some(row) => row + 1,
            None => 0,
        };
        Err(part(from, graph.detect_row()).hint("give the weights of a whole network"))
    }

    /// The network that the file itself tells: by its configuration, else by its tensors.
    pub(super) fn own_graph(&self) -> Option<Graph> {
        let config = match (&self.yaml, &self.inferred) {
            (Some(yaml), _) => Config::parse(yaml).ok()?,
            (None, Some(known)) => builtin(known.architecture)?.with_multiples(known.depth, known.width).ok()?,
            (None, None) => return None,
        };
        let classes = self.inferred.as_ref().map(|known| known.nc);
        config.graph(classes).ok()
    }
}

/// The error for weights that end before the network does.
pub(super) fn part(from: usize, last: usize) -> Error {
    weights_error(format!("rows {from} to {last} (neck and head) are missing: this is not a whole detector"))
}

/// Every key that the network may have, folded or not.
pub(super) fn owned(graph: &Graph) -> BTreeSet<String> {
    let both = [false, true].into_iter().flat_map(|folded| graph.parameters(folded));
    let mut owned = BTreeSet::new();
    owned.extend(both.map(|(key, _)| key));
    owned.insert(format!("model.{}.anchors", graph.detect_row()));
    owned
}

fn is_weight(key: &str) -> bool {
    matches!(key.rsplit('.').next(), Some("weight" | "bias" | "running_mean" | "running_var"))
}

/// A key with its numbers left open, but for the row: `model.2.m.#.cv#.conv.weight`.
fn pattern(key: &str) -> String {
    let open = |part: &str| match part.trim_end_matches(|c: char| c.is_ascii_digit()) {
        stem if stem.len() < part.len() => format!("{stem}#"),
        _ => part.to_owned(),
    };
    let parts = key.split('.').enumerate().map(|(i, part)| if i < 2 { part.to_owned() } else { open(part) });
    parts.collect::<Vec<_>>().join(".")
}
