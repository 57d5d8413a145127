//! How the threads of a convolution get at its weights.

use super::{ElementLayout, WeightSharing, WorkgroupMapping, activation, entry, handed, header, weights};
use crate::model::Activation;
use std::fmt::Write;

/// How a thread gets at its weights.
pub struct Loads {
    sharing: WeightSharing,
    /// Threads of a workgroup.
    group: usize,
    /// Blocks of input channels whose weights are got together: as many as one load a thread is enough for.
    pub together: usize,
    /// Their weights.
    pub count: usize,
}

impl Loads {
    /// For `per_block` weights of each of `blocks` blocks of channels.
    pub fn new(mapping: WorkgroupMapping, per_block: usize, blocks: usize) -> Self {
        let (sharing, group) = (mapping.sharing(), mapping.group() as usize);
        let threads = match sharing {
            WeightSharing::PerThread => 1,
            WeightSharing::Subgroup(threads) => threads,
            WeightSharing::Workgroup => group,
        };
        let most = (threads / per_block).clamp(1, 8);
        let together = (1..=most).rev().find(|&n| blocks.is_multiple_of(n)).unwrap_or(1);
        Self { sharing, group, together, count: together * per_block }
    }

    /// Each thread loads every so many-th weight from `k` on.
    pub fn begin(&self, t: &mut String, element: ElementLayout) {
        let each = |threads: usize| (0..self.count).step_by(threads).enumerate();
        match self.sharing {
            WeightSharing::PerThread => {}
            WeightSharing::Subgroup(threads) => {
                for (load, first) in each(threads) {
                    let last = (self.count - first).min(threads) - 1;
                    line!(t, "    let mine{load} = lws(k + {first}u + min(lane, {last}u));");
                }
            }
            WeightSharing::Workgroup => {
                line!(t, "    workgroupBarrier();");
                for (_, first) in each(self.group) {
                    let read = format!("staged[{first}u + l] = {}(k + {first}u + l);", element.factors()[2]);
                    line!(t, "    if ({first}u + l < {}u) {{ {read} }}", self.count);
                }
                line!(t, "    workgroupBarrier();");
            }
        }
    }

    /// Weight `at` of those from `k` on.
    pub fn weight(&self, element: ElementLayout, at: usize) -> String {
        match self.sharing {
            WeightSharing::PerThread => format!("{}(k + {at}u)", element.factors()[2]),
            WeightSharing::Subgroup(threads) => {
                format!("own(subgroupBroadcast(mine{}, {}u))", at / threads, at % threads)
            }
            WeightSharing::Workgroup => format!("staged[{at}]"),
        }
    }

    /// The shader around a body that uses them.
    pub fn shader(&self, element: ElementLayout, act: Activation, body: &str, mapping: WorkgroupMapping) -> String {
        let more = match self.sharing {
            WeightSharing::PerThread => String::new(),
            WeightSharing::Subgroup(_) => handed(element),
            WeightSharing::Workgroup => {
                format!("var<workgroup> staged: array<{}, {}>;\n", element.factors()[0], self.count)
            }
        };
        mapping.enable().to_owned()
            + &header(element)
            + &weights(element)
            + &more
            + &activation(act)
            + &entry(body, mapping)
    }
}
