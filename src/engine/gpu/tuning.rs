//! How a network runs on an adapter: what its first start tries and remembers.

use super::step;
use super::wgsl::{GROUP, Spread, Unit};
use crate::engine::program::{Op, Program};

/// How many threads an adapter needs to be busy; tiles shrink until there are as many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Threads wanted per dispatch.
    pub threads: usize,
    /// Most pixels per thread.
    pub pixels: usize,
    /// Most output blocks per thread.
    pub blocks: usize,
    /// Activations and weights lie in memory as halves (fp16), where the network allows it; sums are fp32.
    pub half: bool,
    /// Halves are multiplied as such, too: wants an adapter with `shader-f16`.
    pub native: bool,
    /// A Ghost module's two convolutions are one dispatch where the map fits a workgroup's memory.
    pub fused: bool,
    /// Workgroups of a convolution stay within a group of outputs, where few threads are idle then.
    pub rows: bool,
}

impl Tuning {
    /// For an adapter that computes on the processor (large tiles) or a real one.
    pub fn new(software: bool) -> Self {
        match software {
            true => Self { threads: 16, pixels: 8, blocks: 2, half: false, native: false, fused: false, rows: false },
            false => {
                Self { threads: 4096, pixels: 4, blocks: 2, half: false, native: false, fused: false, rows: false }
            }
        }
    }

    /// What is worth timing on an adapter, the likeliest first; `f16`: whether it has `shader-f16`.
    pub fn candidates(software: bool, f16: bool) -> Vec<Self> {
        let first = Self::new(software);
        if software {
            return vec![first];
        }
        let native = f16.then_some(Self { half: true, native: true, ..first });
        let others = [
            Self { half: true, ..first },
            first,
            Self { half: true, pixels: 8, ..first },
            Self { half: true, blocks: 4, ..first },
        ];
        native.into_iter().chain(others).collect()
    }

    /// A name to remember it by: `half-4096-4x2`.
    pub fn name(self) -> String {
        let Self { threads, pixels, blocks, half, native, fused, rows } = self;
        let kind = match (half, native) {
            (true, true) => "f16",
            (true, false) => "half",
            _ => "full",
        };
        let [rows, fused] = [if rows { "-rows" } else { "" }, if fused { "-fused" } else { "" }];
        format!("{kind}-{threads}-{pixels}x{blocks}{rows}{fused}")
    }

    /// What is worth trying on the best of the candidates: workgroups in rows, then Ghost modules fused.
    pub fn variants(self) -> [Self; 2] {
        [Self { rows: !self.rows, ..self }, Self { fused: true, ..self }]
    }

    /// The candidate of that name.
    pub fn named(name: &str, software: bool) -> Option<Self> {
        let all = Self::candidates(software, true);
        let [rows, fused] = [false, true].map(|fused| move |one: &Self| one.variants()[usize::from(fused)]);
        let varied = all.iter().map(rows).collect::<Vec<_>>();
        let fused = all.iter().chain(&varied).map(fused).collect::<Vec<_>>();
        all.into_iter().chain(varied).chain(fused).find(|one| one.name() == name)
    }

    /// The same, without halves where the network can't have them.
    pub fn fit(self, program: &Program) -> Self {
        let whole = |(index, op): (usize, &Op)| {
            step::unit_of(program, op) == Unit::Block && !step::needs_values(program, index)
        };
        Self { half: self.half && program.ops.iter().enumerate().all(whole), ..self }
    }

    /// Bytes of a stored value.
    pub(super) fn bytes(self) -> usize {
        if self.half { 2 } else { 4 }
    }

    /// How blocks are stored.
    pub(super) fn block(self) -> Unit {
        match (self.half, self.native) {
            (true, true) => Unit::Native,
            (true, false) => Unit::Half,
            _ => Unit::Block,
        }
    }

    /// How `unit` is stored.
    pub(super) fn stored(self, unit: Unit) -> Unit {
        if unit == Unit::Block { self.block() } else { unit }
    }

    /// How `tiles` threads for each group of outputs are dealt out: in rows if three quarters of them are at work then.
    pub(super) fn spread(self, tiles: usize) -> Spread {
        let idle = tiles.next_multiple_of(GROUP as usize) - tiles;
        if self.rows && idle * 3 <= tiles { Spread::Rows } else { Spread::Packed }
    }

    /// Blocks of outputs a thread computes.
    pub(super) fn blocks_of(self, outputs: usize) -> usize {
        let blocks = outputs.div_ceil(4);
        (1..=self.blocks).rev().find(|&b| blocks.is_multiple_of(b)).unwrap_or(1)
    }

    /// Pixels a thread for a map of `width` (`height * width` in a row if the kernel is flat) and `others` tiles else.
    pub(super) fn pixels(self, width: usize, others: usize) -> usize {
        let mut best = (0.0, 1);
        for pixels in 1..=self.pixels {
            let tiles = width.div_ceil(pixels);
            let used = width as f64 / (tiles * pixels) as f64;
            let busy = ((tiles * others) as f64 / self.threads as f64).min(1.0);
            // A tile of n pixels loads its weights once: worth about n / (n + 2).
            let score = used * busy * pixels as f64 / (pixels + 2) as f64;
            if score > best.0 {
                best = (score, pixels);
            }
        }
        best.1
    }
}
