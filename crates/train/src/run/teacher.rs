//! The teacher's raw maps of a batch.

use ghostdet::detection::RawMap;
use ghostdet::{Detector, Result};

use crate::loader::Batch;

/// A teacher's raw maps of a batch, picture by picture.
pub(super) fn raw_maps(teacher: &Detector, batch: &Batch) -> Result<Vec<Vec<RawMap>>> {
    let area = batch.size[0] * batch.size[1];
    let picture = |planes: &[u8]| {
        let pixels: Vec<f32> =
            (0..area).flat_map(|at| [0, 1, 2].map(|c| f32::from(planes[c * area + at]) / 255.0)).collect();
        teacher.engine().forward(&pixels, batch.size)
    };
    batch.images.chunks_exact(3 * area).map(picture).collect()
}
