//! The configuration of the shaders for an adapter: what autotuning tries and remembers.

pub use super::wgsl::WeightSharing;
use super::wgsl::{ElementLayout, GROUP, WorkgroupMapping};
use super::{Gpu, step};
use crate::engine::program::{Op, Program};
use crate::{Error, ErrorKind, Result};
use std::fmt;
use std::str::FromStr;

/// A configuration of the shaders.
///
/// Its [`Display`](fmt::Display) form (`half-4096-4x2`) is what autotuning remembers, and [`FromStr`] reads it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Threads a dispatch should have at least, so that the adapter is busy: tiles shrink until there are as many.
    pub threads: usize,
    /// The most pixels per thread.
    pub pixels: usize,
    /// The most blocks of four output channels per thread.
    pub blocks: usize,
    /// Activations and weights are stored as fp16 where the network allows it. Sums are fp32.
    pub f16_storage: bool,
    /// Products are computed in fp16, too. Needs the adapter's feature `shader-f16`.
    pub f16_math: bool,
    /// The two convolutions of a Ghost module are one dispatch where the map fits a workgroup's memory.
    pub fused: bool,
    /// Each workgroup of a convolution stays within one group of outputs, unless too many of its threads would be idle.
    pub tile_per_row: bool,
    /// How convolutions with `tile_per_row` load their weights.
    pub sharing: WeightSharing,
}

/// The sizes of the smallest subgroup that an adapter may have: WebGPU allows powers of two.
const SUBGROUP_SIZES: [usize; 6] = [4, 8, 16, 32, 64, 128];

/// fp32, nothing fused, nothing shared.
const BASE: Tuning = Tuning {
    threads: 4096,
    pixels: 4,
    blocks: 2,
    f16_storage: false,
    f16_math: false,
    fused: false,
    tile_per_row: false,
    sharing: WeightSharing::PerThread,
};

impl Tuning {
    /// The base configuration: large tiles for an adapter that runs on the CPU (`software`), small ones for a GPU.
    pub fn new(software: bool) -> Self {
        if software { Self { threads: 16, pixels: 8, ..BASE } } else { BASE }
    }

    /// The configuration to use on `gpu` when nothing was measured.
    ///
    /// Subgroup weight sharing speeds up software adapters with long vectors by 25 to 50 %; it is unmeasured on hardware.
    pub fn default_for(gpu: &Gpu) -> Self {
        let base = Self::new(gpu.software);
        match gpu.software && gpu.subgroup >= 8 {
            true => base.with_sharing(WeightSharing::Subgroup(gpu.subgroup)),
            false => base,
        }
    }

    /// The configurations that autotuning measures, the most promising first. `f16`: the adapter has `shader-f16`.
    pub fn configurations(software: bool, f16: bool) -> Vec<Self> {
        let base = Self::new(software);
        if software {
            return vec![base];
        }
        let f16_math = f16.then_some(Self { f16_storage: true, f16_math: true, ..base });
        let others = [
            Self { f16_storage: true, ..base },
            base,
            Self { f16_storage: true, pixels: 8, ..base },
            Self { f16_storage: true, blocks: 4, ..base },
        ];
        f16_math.into_iter().chain(others).collect()
    }

    fn with_sharing(self, sharing: WeightSharing) -> Self {
        Self { tile_per_row: true, sharing, ..self }
    }

    /// The variants that autotuning measures of the best of [`Tuning::configurations`]. `subgroup`: the size of the
    /// adapter's smallest subgroup, 0 without subgroups.
    pub fn variants(self, subgroup: usize) -> Vec<Self> {
        let per_row = [self.with_sharing(WeightSharing::PerThread), self.with_sharing(WeightSharing::Workgroup)];
        let subgroups = (subgroup > 0).then_some(self.with_sharing(WeightSharing::Subgroup(subgroup)));
        per_row.into_iter().chain(subgroups).chain([Self { fused: true, ..self }]).collect()
    }

    /// All configurations that have a name.
    fn all() -> Vec<Self> {
        let mut all = [Self::configurations(true, true), Self::configurations(false, true)].concat();
        let subgroups = SUBGROUP_SIZES.map(WeightSharing::Subgroup);
        let sharings = [WeightSharing::PerThread, WeightSharing::Workgroup].into_iter().chain(subgroups);
        let shared: Vec<Self> =
            sharings.flat_map(|sharing| all.iter().map(move |one| one.with_sharing(sharing))).collect();
        all.extend(shared);
        let fused: Vec<Self> = all.iter().map(|&one| Self { fused: true, ..one }).collect();
        all.extend(fused);
        all
    }

    /// The same, with fp32 storage where the network can't have fp16.
    pub fn fit(self, program: &Program) -> Self {
        let vectorized = |(index, op): (usize, &Op)| {
            step::element_layout(program, op) == ElementLayout::Vec4 && !step::needs_values(program, index)
        };
        Self { f16_storage: self.f16_storage && program.ops.iter().enumerate().all(vectorized), ..self }
    }

    /// Bytes of a stored value.
    pub(super) fn bytes(self) -> usize {
        if self.f16_storage { 2 } else { 4 }
    }

    /// How blocks of four channels are stored.
    pub(super) fn block(self) -> ElementLayout {
        match (self.f16_storage, self.f16_math) {
            (true, true) => ElementLayout::NativeF16,
            (true, false) => ElementLayout::PackedF16,
            _ => ElementLayout::Vec4,
        }
    }

    /// How `element` is stored.
    pub(super) fn stored(self, element: ElementLayout) -> ElementLayout {
        if element == ElementLayout::Vec4 { self.block() } else { element }
    }

    /// How the `tiles` threads of each group of outputs are mapped to workgroups: per row if at most a quarter of them are
    /// idle then, in smaller workgroups where that helps.
    pub(super) fn workgroup_mapping(self, tiles: usize) -> WorkgroupMapping {
        let busy = |group: u32| (tiles.next_multiple_of(group as usize) - tiles) * 3 <= tiles;
        let group = [GROUP, GROUP / 2].into_iter().find(|&group| self.tile_per_row && busy(group));
        group.map_or(WorkgroupMapping::Linear, |group| WorkgroupMapping::PerRow { group, sharing: self.sharing })
    }

    /// Blocks of four output channels that a thread computes.
    pub(super) fn blocks_of(self, outputs: usize) -> usize {
        let blocks = outputs.div_ceil(4);
        (1..=self.blocks).rev().find(|&b| blocks.is_multiple_of(b)).unwrap_or(1)
    }

    /// Pixels per thread for a map of `width` pixels in a row (`height * width` for a 1x1 kernel) and `others` tiles beside.
    pub(super) fn pixels(self, width: usize, others: usize) -> usize {
        let mut best = (0.0, 1);
        for pixels in 1..=self.pixels {
            let tiles = width.div_ceil(pixels);
            let used = width as f64 / (tiles * pixels) as f64;
            let busy = ((tiles * others) as f64 / self.threads as f64).min(1.0);
            // A tile of n pixels loads its weights once, which is worth about n / (n + 2).
            let score = used * busy * pixels as f64 / (pixels + 2) as f64;
            if score > best.0 {
                best = (score, pixels);
            }
        }
        best.1
    }
}

impl fmt::Display for Tuning {
    /// `half-4096-4x2-rows-shared16-fused`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = match (self.f16_storage, self.f16_math) {
            (true, true) => "f16",
            (true, false) => "half",
            _ => "full",
        };
        write!(f, "{numbers}-{}-{}x{}", self.threads, self.pixels, self.blocks)?;
        if self.tile_per_row {
            f.write_str("-rows")?;
        }
        match self.sharing {
            WeightSharing::PerThread => {}
            WeightSharing::Subgroup(size) => write!(f, "-shared{size}")?,
            WeightSharing::Workgroup => f.write_str("-staged")?,
        }
        if self.fused { f.write_str("-fused") } else { Ok(()) }
    }
}

impl FromStr for Tuning {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::all().into_iter().find(|one| one.to_string() == name).ok_or_else(|| {
            Error::new(ErrorKind::Argument, format!("{name:?} is no configuration of the shaders"))
                .hint("one is named like half-4096-4x2-rows-fused")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lower::{Tensors, lower};
    use crate::engine::plan::{Layout, Plan, Retain};
    use crate::model::builtin;

    #[test]
    fn every_configuration_is_found_by_its_name() {
        for software in [true, false] {
            for one in Tuning::configurations(software, true) {
                assert_eq!(one.to_string().parse::<Tuning>().unwrap(), one);
                for varied in one.variants(32).into_iter().chain(one.variants(0)) {
                    assert_eq!(varied.to_string().parse::<Tuning>().unwrap(), varied);
                    let fused = Tuning { fused: true, ..varied };
                    assert_eq!(fused.to_string().parse::<Tuning>().unwrap(), fused);
                }
            }
        }
        assert!("half-4096-4x3".parse::<Tuning>().is_err());
    }

    /// The number of dispatches of a network whose shader contains `text`, and of all.
    fn count_shaders(tuning: Tuning, text: &str) -> (usize, usize) {
        let graph = builtin("yolov5n-ghost-backbone").unwrap().graph(Some(80)).unwrap();
        let program = lower(&graph, Tensors::random()).unwrap();
        let plan = Plan::new(&program, [320; 2], Layout::Blocks, Retain::Maps).unwrap();
        let steps: Vec<_> = (0..program.ops.len()).flat_map(|op| step::steps(&program, &plan, op, tuning)).collect();
        (steps.iter().filter(|step| step.shader.contains(text)).count(), steps.len())
    }

    #[test]
    fn most_convolutions_share_their_weights() {
        for (sharing, text) in
            [(WeightSharing::Subgroup(16), "subgroupBroadcast"), (WeightSharing::Workgroup, "workgroupBarrier")]
        {
            let (found, all) = count_shaders(BASE.with_sharing(sharing), text);
            assert!(found * 2 > all, "{text}: {found} of {all}");
            assert_eq!(count_shaders(BASE.with_sharing(WeightSharing::PerThread), text).0, 0);
        }
    }
}
