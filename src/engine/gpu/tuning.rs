//! How a network runs on an adapter: what its first start tries and remembers.

pub use super::wgsl::Sharing;
use super::wgsl::{GROUP, Spread, Unit};
use super::{Gpu, step};
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
    /// Who loads the weights of convolutions in rows.
    pub sharing: Sharing,
}

/// Threads that adapters' smallest subgroups have: powers of two, by WebGPU.
const SUBGROUPS: [usize; 6] = [4, 8, 16, 32, 64, 128];

/// No halves, nothing fused, nothing shared.
const PLAIN: Tuning = Tuning {
    threads: 4096,
    pixels: 4,
    blocks: 2,
    half: false,
    native: false,
    fused: false,
    rows: false,
    sharing: Sharing::Own,
};

impl Tuning {
    /// For an adapter that computes on the processor (large tiles) or a real one.
    pub fn new(software: bool) -> Self {
        if software { Self { threads: 16, pixels: 8, ..PLAIN } } else { PLAIN }
    }

    /// What is taken on `gpu` where nothing was timed. Weights that threads load for each other make adapters on the processor
    /// with long vectors a quarter to a half faster; of real ones nobody knows yet.
    pub fn likely(gpu: &Gpu) -> Self {
        let first = Self::new(gpu.software);
        if gpu.software && gpu.subgroup >= 8 { first.with(Sharing::Subgroup(gpu.subgroup)) } else { first }
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
        let Self { threads, pixels, blocks, half, native, fused, rows, sharing } = self;
        let kind = match (half, native) {
            (true, true) => "f16",
            (true, false) => "half",
            _ => "full",
        };
        let [rows, fused] = [if rows { "-rows" } else { "" }, if fused { "-fused" } else { "" }];
        let shared = match sharing {
            Sharing::Own => String::new(),
            Sharing::Subgroup(threads) => format!("-shared{threads}"),
            Sharing::Workgroup => "-staged".into(),
        };
        format!("{kind}-{threads}-{pixels}x{blocks}{rows}{shared}{fused}")
    }

    /// In rows, with weights that are loaded like that.
    fn with(self, sharing: Sharing) -> Self {
        Self { rows: true, sharing, ..self }
    }

    /// What is worth trying on the best of the candidates: workgroups in rows; weights that the threads of a workgroup load for
    /// each other, or those of a subgroup, of which the adapter's smallest has `subgroup`; Ghost modules fused.
    pub fn variants(self, subgroup: usize) -> Vec<Self> {
        let shared = (subgroup > 0).then_some(self.with(Sharing::Subgroup(subgroup)));
        let rows = [self.with(Sharing::Own), self.with(Sharing::Workgroup)];
        rows.into_iter().chain(shared).chain([Self { fused: true, ..self }]).collect()
    }

    /// The candidate of that name.
    pub fn named(name: &str, software: bool) -> Option<Self> {
        let all = Self::candidates(software, true);
        let subgroups = SUBGROUPS.map(Sharing::Subgroup);
        let ways = [Sharing::Own, Sharing::Workgroup].into_iter().chain(subgroups);
        let rows = ways.flat_map(|sharing| all.iter().map(move |one| one.with(sharing)));
        let varied: Vec<Self> = all.iter().copied().chain(rows).collect();
        let fused = varied.iter().map(|&one| Self { fused: true, ..one });
        varied.iter().copied().chain(fused).find(|one| one.name() == name)
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

    /// How `tiles` threads for each group of outputs are dealt out: in rows if three quarters of them are at work then, in
    /// smaller workgroups where that helps.
    pub(super) fn spread(self, tiles: usize) -> Spread {
        let busy = |group: u32| (tiles.next_multiple_of(group as usize) - tiles) * 3 <= tiles;
        let group = [GROUP, GROUP / 2].into_iter().find(|&group| self.rows && busy(group));
        group.map_or(Spread::Packed, |group| Spread::Rows { group, sharing: self.sharing })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::{Keep, Layout, Plan};
    use crate::model::builtin;

    #[test]
    fn every_way_is_found_by_its_name() {
        for software in [true, false] {
            for one in Tuning::candidates(software, true) {
                assert_eq!(Tuning::named(&one.name(), software), Some(one));
                for varied in one.variants(32).into_iter().chain(one.variants(0)) {
                    assert_eq!(Tuning::named(&varied.name(), software), Some(varied), "{}", varied.name());
                    let fused = Tuning { fused: true, ..varied };
                    assert_eq!(Tuning::named(&fused.name(), software), Some(fused), "{}", fused.name());
                }
            }
        }
    }

    /// Dispatches of a network whose shader says `text`, and all.
    fn saying(tuning: Tuning, text: &str) -> (usize, usize) {
        let graph = builtin("yolov5n-ghost-backbone").unwrap().graph(Some(80)).unwrap();
        let program = crate::engine::Engine::unweighted(&graph).unwrap().program().clone();
        let plan = Plan::new(&program, [320; 2], Layout::Blocks, Keep::Maps).unwrap();
        let steps: Vec<_> = (0..program.ops.len()).flat_map(|op| step::steps(&program, &plan, op, tuning)).collect();
        (steps.iter().filter(|step| step.shader.contains(text)).count(), steps.len())
    }

    #[test]
    fn nearly_all_convolutions_share_their_weights_if_asked() {
        for (way, text) in [(Sharing::Subgroup(16), "subgroupBroadcast"), (Sharing::Workgroup, "workgroupBarrier")] {
            let (sharing, all) = saying(PLAIN.with(way), text);
            assert!(sharing * 2 > all, "{text}: {sharing} of {all}");
            assert_eq!(saying(PLAIN.with(Sharing::Own), text).0, 0);
        }
    }
}
