//! The anchors of a checkpoint.

use crate::model::Graph;
use crate::weights::{Checkpoint, Tensor};
use crate::{Error, ErrorKind, Result};

/// Training may have replaced the anchors of the YAML: the checkpoint's own (`model.N.anchors`, in grid units) win.
///
/// # Errors
/// Anchors for another number of levels, or another number a level.
pub fn adopt_anchors(graph: &mut Graph, checkpoint: &Checkpoint) -> Result<()> {
    let key = format!("model.{}.anchors", graph.rows.len().saturating_sub(1));
    let Some(Tensor { shape, data }) = checkpoint.tensors.get(&key) else { return Ok(()) };
    let (levels, each) = (graph.anchors.len(), graph.anchors_per_level());
    if shape[..] != [levels, each, 2] {
        let message = format!("{key} has shape {shape:?}, the network needs {:?}", [levels, each, 2]);
        return Err(Error::new(ErrorKind::Weights, message));
    }
    let mut values = data.chunks_exact(2);
    for (level, stride) in graph.anchors.iter_mut().zip(&graph.strides) {
        for (anchor, pair) in level.iter_mut().zip(&mut values) {
            *anchor = [pair[0] * *stride as f32, pair[1] * *stride as f32];
        }
    }
    Ok(())
}
