//! What comes back from the GPU.

use super::buffers::bytes_of;
use super::compiled_plan::CompiledPlan;
use super::wgsl::{FRAME, HEADER, MAX_CANDIDATES};
use super::{Gpu, Head, pack};
use crate::detection::{Candidate, RawMap};
use crate::engine::plan::BufferView;
use crate::engine::program::Program;
use crate::weights::Tensor;
use crate::{Error, ErrorKind, Result};
use std::sync::atomic::Ordering::Relaxed;

impl CompiledPlan {
    /// The raw maps, channels last.
    pub async fn read_maps(&self, gpu: &Gpu, program: &Program) -> Result<Vec<RawMap>> {
        let views: Vec<BufferView> = program.outputs.iter().map(|&v| self.plan.views[v]).collect();
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let mut to = 0;
        for view in &views {
            let (from, size) = ((view.start * self.width) as u64, bytes_of(view, self.width));
            encoder.copy_buffer_to_buffer(&self.buffers.arena, from, &self.buffers.staging, to, size);
            to += size;
        }
        gpu.queue.submit([encoder.finish()]);
        let values = self.values(&gpu.read(&self.buffers.staging, to).await?);
        let mut start = 0;
        let mut maps = Vec::new();
        for view in &views {
            let count = view.height * view.width;
            let level = &values[start..];
            let data = (0..count).flat_map(|i| (0..view.channels).map(move |c| level[(c / 4 * count + i) * 4 + c % 4]));
            maps.push(RawMap { height: view.height, width: view.width, data: data.collect() });
            start += bytes_of(view, self.width) as usize / self.width;
        }
        Ok(maps)
    }

    /// The output of every row as `(C, H, W)`, of a plan that keeps all values.
    pub async fn read_rows(&self, gpu: &Gpu, program: &Program) -> Result<Vec<Option<Tensor>>> {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.buffers.arena, 0, &self.buffers.staging, 0, self.buffers.arena.size());
        gpu.queue.submit([encoder.finish()]);
        let values = self.values(&gpu.read(&self.buffers.staging, self.buffers.arena.size()).await?);
        let tensor = |value: usize| {
            let view = &self.plan.views[value];
            let count = view.height * view.width;
            let channel = |c: usize| {
                let c = view.offset + c;
                let values = &values;
                (0..count).map(move |i| values[view.start + (c / 4 * count + i) * 4 + c % 4])
            };
            let data = (0..view.channels).flat_map(channel).collect();
            Tensor { shape: vec![view.channels, view.height, view.width], data }
        };
        Ok(program.rows.iter().map(|row| row.map(tensor)).collect())
    }

    /// What is stored, as fp32.
    fn values(&self, bytes: &[u8]) -> Vec<f32> {
        pack::read(bytes, self.width == 2)
    }

    /// The cells that [`CompiledPlan::run_candidates`] found, per level; none if there were more than fit.
    pub async fn read_candidates(&self, gpu: &Gpu, heads: &[Head]) -> Result<Option<Vec<Vec<Candidate>>>> {
        let bytes = gpu.read(&self.buffers.staging, self.buffers.found.size()).await?;
        let words = bytes.as_chunks::<4>().0;
        let word = |at: usize| u32::from_le_bytes(words[at]);
        if word(FRAME) != self.frame.load(Relaxed) {
            return Err(Error::new(ErrorKind::Device, "the GPU answered with another picture's results")
                .at(gpu.name.clone())
                .hint("take the processor instead (device cpu)"));
        }
        let mut rows = HEADER + heads.len() * MAX_CANDIDATES;
        let mut levels = Vec::new();
        for (level, head) in heads.iter().enumerate() {
            let count = word(level) as usize;
            if count > MAX_CANDIDATES {
                return Ok(None);
            }
            let list = HEADER + level * MAX_CANDIDATES;
            let mut cells: Vec<Candidate> = (0..count)
                .map(|slot| Candidate {
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
            rows += MAX_CANDIDATES * head.outputs;
        }
        Ok(Some(levels))
    }
}
