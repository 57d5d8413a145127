//! What comes back from the GPU.

use super::prepared::{Prepared, bytes_of};
use super::wgsl::{CELLS, FRAME, HEADER};
use super::{Gpu, Head};
use crate::detection::{Cell, RawMap};
use crate::engine::plan::Place;
use crate::engine::program::Program;
use crate::weights::Tensor;
use crate::{Error, ErrorKind, Result};
use half::f16;
use std::sync::atomic::Ordering::Relaxed;

impl Prepared {
    /// The raw maps, channels last.
    pub async fn read_maps(&self, gpu: &Gpu, program: &Program) -> Result<Vec<RawMap>> {
        let places: Vec<Place> = program.outputs.iter().map(|&v| self.plan.places[v]).collect();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut to = 0;
        for place in &places {
            let (from, size) = ((place.start * self.width) as u64, bytes_of(place, self.width));
            encoder.copy_buffer_to_buffer(&self.arena, from, &self.staging, to, size);
            to += size;
        }
        gpu.queue.submit([encoder.finish()]);
        let values = self.values(&gpu.read(&self.staging, to).await?);
        let mut start = 0;
        let mut maps = Vec::new();
        for place in &places {
            let count = place.height * place.width;
            let level = &values[start..];
            let data =
                (0..count).flat_map(|i| (0..place.channels).map(move |c| level[(c / 4 * count + i) * 4 + c % 4]));
            maps.push(RawMap { height: place.height, width: place.width, data: data.collect() });
            start += bytes_of(place, self.width) as usize / self.width;
        }
        Ok(maps)
    }

    /// The output of every row as `(C, H, W)`, of a plan that keeps all values.
    pub async fn read_rows(&self, gpu: &Gpu, program: &Program) -> Result<Vec<Option<Tensor>>> {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.arena, 0, &self.staging, 0, self.arena.size());
        gpu.queue.submit([encoder.finish()]);
        let values = self.values(&gpu.read(&self.staging, self.arena.size()).await?);
        let tensor = |value: usize| {
            let place = &self.plan.places[value];
            let count = place.height * place.width;
            let channel = |c: usize| {
                let c = place.offset + c;
                let values = &values;
                (0..count).map(move |i| values[place.start + (c / 4 * count + i) * 4 + c % 4])
            };
            let data = (0..place.channels).flat_map(channel).collect();
            Tensor { shape: vec![place.channels, place.height, place.width], data }
        };
        Ok(program.rows.iter().map(|row| row.map(tensor)).collect())
    }

    /// What is stored, as fp32.
    fn values(&self, bytes: &[u8]) -> Vec<f32> {
        match self.width {
            2 => bytes.as_chunks::<2>().0.iter().map(|&b| f16::from_le_bytes(b).to_f32()).collect(),
            _ => bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        }
    }

    /// The cells that [`Prepared::run_cells`] found, per level; none if there were more than fit.
    pub async fn read_cells(&self, gpu: &Gpu, heads: &[Head]) -> Result<Option<Vec<Vec<Cell>>>> {
        let bytes = gpu.read(&self.staging, self.found_bytes()).await?;
        let words = bytes.as_chunks::<4>().0;
        let word = |at: usize| u32::from_le_bytes(words[at]);
        if word(FRAME) != self.frame.load(Relaxed) {
            return Err(Error::new(ErrorKind::Device, "the GPU answered with another picture's results")
                .at(gpu.name.clone())
                .hint("take the processor instead (device cpu)"));
        }
        let mut rows = HEADER + heads.len() * CELLS;
        let mut levels = Vec::new();
        for (level, head) in heads.iter().enumerate() {
            let count = word(level) as usize;
            if count > CELLS {
                return Ok(None);
            }
            let list = HEADER + level * CELLS;
            let mut cells: Vec<Cell> = (0..count)
                .map(|slot| Cell {
                    index: word(list + slot) as usize,
                    logits: words[rows + slot * head.outputs..][..head.outputs]
                        .iter()
                        .map(|&w| f32::from_le_bytes(w))
                        .collect(),
                })
                .collect();
            // Threads race for the slots; the order of the cells is that of the maps.
            cells.sort_unstable_by_key(|cell| cell.index);
            levels.push(cells);
            rows += CELLS * head.outputs;
        }
        Ok(Some(levels))
    }
}
