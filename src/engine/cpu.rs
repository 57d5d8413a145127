//! The CPU executor, which runs the operations of a program on one arena of channels-last maps. Its kernels are in the crate
//! `ghostdet-kernels`.

mod executor;
mod fused_stem;
mod precision;

use super::Input;
use super::plan::{BufferView, Plan};
use super::program::{INPUT, Op, OpKind, Program, UpsampleMode, ValueId};
use crate::detection::RawMap;
pub use executor::CpuExecutor;
use ghostdet_kernels::parallel::parallel_for;
pub use ghostdet_kernels::{Isa, parallel};
use ghostdet_kernels::{Job, Map, MapMut, PackedConv, PackedDepthwise, PackedInt16, Source, dispatch, elementwise};
pub use precision::Precision;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// The packed weights of an operation.
enum Packed {
    Conv(PackedConv),
    Int16(PackedInt16),
    Depthwise(PackedDepthwise),
    /// The kernel reads the source weights, or there are none.
    Direct,
}

/// The kernels of a program: its weights in the order in which the kernels read them.
pub struct Kernels {
    isa: Isa,
    precision: Precision,
    packed: Vec<Packed>,
}

impl Kernels {
    /// Packs all weights of `program` for `isa`.
    ///
    /// # Panics
    /// If the processor does not support `isa`.
    pub fn new(program: &Program, isa: Isa, precision: Precision) -> Self {
        assert!(isa.is_supported(), "this processor has no {}", isa.name());
        let pack = |op| Self::pack(op, isa, precision_of(op, levels(program), precision));
        Self { isa, precision, packed: program.ops.iter().map(pack).collect() }
    }

    /// As [`Kernels::new`], but frees the source weights of each operation once they are packed.
    ///
    /// # Panics
    /// If the processor does not support `isa`.
    pub fn draining(program: &mut Program, isa: Isa, precision: Precision) -> Self {
        assert!(isa.is_supported(), "this processor has no {}", isa.name());
        let (outputs, levels) = (program.outputs.clone(), levels(program).to_vec());
        let pack = |op: &mut Op| {
            let packed = Self::pack(op, isa, precision_of(op, &levels, precision));
            op.forget_packed_weights(&outputs);
            packed
        };
        Self { isa, precision, packed: program.ops.iter_mut().map(pack).collect() }
    }

    /// An executor in floats with nothing packed yet: see [`Kernels::only`].
    pub(super) fn unpacked(program: &Program, isa: Isa) -> Self {
        Self { isa, precision: Precision::Float, packed: program.ops.iter().map(|_| Packed::Direct).collect() }
    }

    /// Packs the weights of these operations and frees those of all others.
    pub(super) fn only(&mut self, program: &Program, operations: std::ops::Range<usize>) {
        for (index, (packed, op)) in self.packed.iter_mut().zip(&program.ops).enumerate() {
            let wanted = operations.contains(&index);
            *packed = if wanted { Self::pack(op, self.isa, self.precision) } else { Packed::Direct };
        }
    }

    fn pack(op: &Op, isa: Isa, precision: Precision) -> Packed {
        let isa = match &op.kind {
            OpKind::Conv { shape, .. } | OpKind::FusedGhostDepthwise { shape, .. } => {
                isa.with_outputs(shape.channels[1])
            }
            _ => isa,
        };
        let (lanes, most) = isa.vectors();
        match &op.kind {
            OpKind::Conv { shape, weights, activation } => {
                let depthwise = shape.groups > 1 && shape.channels == [shape.groups; 2];
                if depthwise {
                    Packed::Depthwise(PackedDepthwise::new(*shape, weights, *activation, lanes))
                } else if precision == Precision::Int16 && PackedInt16::fits(shape) {
                    Packed::Int16(PackedInt16::new(*shape, weights, *activation, lanes, isa.int16_vectors()))
                } else {
                    Packed::Conv(PackedConv::new(*shape, weights, *activation, lanes, most))
                }
            }
            OpKind::FusedGhostDepthwise { shape, weights, activation } => {
                Packed::Depthwise(PackedDepthwise::new(*shape, weights, *activation, lanes).with_input())
            }
            _ => Packed::Direct,
        }
    }

    /// The number type of dense convolutions.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes of packed weights.
    pub fn weight_bytes(&self) -> usize {
        let bytes = |p: &Packed| match p {
            Packed::Conv(c) => c.floats() * size_of::<f32>(),
            Packed::Int16(c) => c.bytes(),
            Packed::Depthwise(d) => d.floats() * size_of::<f32>(),
            Packed::Direct => 0,
        };
        self.packed.iter().map(bytes).sum()
    }

    /// Runs operation `index` of `program` on the arena.
    pub(super) fn run(&self, program: &Program, plan: &Plan, index: usize, arena: &mut [f32]) {
        assert_eq!(arena.len(), plan.arena, "the arena belongs to another plan");
        let op = &program.ops[index];
        let base = arena.as_mut_ptr();
        let read = |value: ValueId| map(base, &plan.views[value]);
        let (input, residual) = (read(op.input), op.residual.map(read));
        let upsampled_addend = op.upsampled_addend.map(|c| (read(c.value), c.scale));
        let view = &plan.views[op.output];
        let output = map_mut(base, view);
        // What the unsafe blocks below rely on: the plan keeps every map inside the arena, with padding behind it. An
        // operation's output never overlaps its inputs, except that a residual may share the output's memory; each of its
        // values is read before the value there is written. Threads get disjoint rows or pixels.
        match (&self.packed[index], &op.kind) {
            // SAFETY: valid maps and disjoint outputs, as said above.
            (Packed::Conv(packed), _) => parallel_for(view.height * view.width, 24, |first, last| unsafe {
                self.convolve(Job { packed, input, residual, upsampled_addend, output, first, last });
            }),
            (Packed::Int16(packed), _) => {
                let pointwise = packed.shape().is_pointwise();
                let magnitude = if pointwise { 0.0 } else { self.magnitude(input, plan.views[op.input].channels) };
                let input = Source::Map(input, magnitude);
                let [total, least] = if pointwise { [view.height * view.width, 8] } else { [view.height, 1] };
                // SAFETY: valid maps and disjoint outputs, as said above.
                parallel_for(total, least, |first, last| unsafe {
                    dispatch::convolve_int16(
                        self.isa,
                        Job { packed, input, residual, upsampled_addend, output, first, last },
                    );
                });
            }
            // SAFETY: valid maps and disjoint outputs, as said above.
            (Packed::Depthwise(packed), _) => parallel_for(view.height, 1, |first, last| unsafe {
                let job = Job { packed, input, residual, upsampled_addend, output, first, last };
                dispatch::convolve_depthwise(self.isa.with_outputs(packed.channels()), job);
            }),
            // SAFETY: valid maps and disjoint outputs, as said above.
            (Packed::Direct, kind) => parallel_for(view.height, 2, |first, last| unsafe {
                match kind {
                    &OpKind::MaxPool { kernel, stride, padding } => {
                        dispatch::max_pool(self.isa, input, output, [kernel, stride, padding], [first, last]);
                    }
                    &OpKind::AvgPool { kernel, stride, padding } => {
                        elementwise::avg_pool(input, output, [kernel, stride, padding], first, last);
                    }
                    &OpKind::ZeroPad { sides: [left, _, top, _] } => {
                        elementwise::zero_pad(input, output, [left, top], first, last);
                    }
                    &OpKind::Upsample { scale, mode: UpsampleMode::Nearest } => {
                        elementwise::upsample(input, output, scale, first, last);
                    }
                    &OpKind::Upsample { scale, mode: UpsampleMode::Bilinear } => {
                        elementwise::upsample_bilinear(input, output, scale, first, last);
                    }
                    &OpKind::Attention { heads } => dispatch::attend(self.isa, input, output, heads, [first, last]),
                    OpKind::Copy => elementwise::copy(input, output, first, last),
                    OpKind::Affine { scale, bias, activation } => {
                        elementwise::affine(input, output, scale, bias, *activation, first, last);
                    }
                    &OpKind::SpaceToDepth { gain, columns_first } => {
                        elementwise::space_to_depth(input, output, gain, columns_first, first, last);
                    }
                    &OpKind::DepthToSpace { gain } => elementwise::depth_to_space(input, output, gain, first, last),
                    OpKind::ConvTranspose { shape, weights, .. } => {
                        elementwise::conv_transpose(shape, weights, input, output, first, last);
                    }
                    OpKind::Conv { .. } | OpKind::FusedGhostDepthwise { .. } => {}
                }
            }),
        }
    }
}

/// The map at `view` of the arena that begins at `base`.
fn map(base: *const f32, view: &BufferView) -> Map {
    Map { data: base.wrapping_add(view.start), height: view.height, width: view.width, stride: view.stride }
}

/// The map at `view` of the arena that begins at `base`, to write.
fn map_mut(base: *mut f32, view: &BufferView) -> MapMut {
    let &BufferView { start, height, width, channels, stride, .. } = view;
    MapMut { data: base.wrapping_add(start), height, width, channels, stride }
}

/// The outputs of the detect levels.
fn levels(program: &Program) -> &[ValueId] {
    if program.anchors > 0 { &program.outputs } else { &[] }
}

/// Detect levels use floats: their weights are read unpacked.
fn precision_of(op: &Op, levels: &[ValueId], precision: Precision) -> Precision {
    if levels.contains(&op.output) { Precision::Float } else { precision }
}

impl Kernels {
    /// # Safety
    /// As for [`dispatch::convolve`].
    unsafe fn convolve(&self, job: Job<'_, PackedConv>) {
        // SAFETY: the caller upholds the contract of this function.
        unsafe { dispatch::convolve(self.isa.with_outputs(job.packed.shape.channels[1]), job) }
    }

    /// The largest magnitude in a map. Infinite or NaN values win.
    fn magnitude(&self, map: Map, channels: usize) -> f32 {
        // The bits of non-negative floats are ordered like the floats, with NaN last.
        let most = AtomicU32::new(0);
        parallel_for(map.height, 1, |first, last| {
            // SAFETY: the map has these channels, the processor the instruction set.
            let found = unsafe { dispatch::magnitude(self.isa, map, channels, [first, last]) };
            most.fetch_max(found.to_bits(), Relaxed);
        });
        f32::from_bits(most.into_inner())
    }

    /// The dot products of `weights` with some pixels, which begin every `stride` values.
    pub(super) fn dots(&self, values: &[f32], stride: usize, weights: &[f32], sums: &mut [f32]) {
        // SAFETY: the processor has the instruction set.
        unsafe { dispatch::dots(self.isa, values, stride, weights, sums) }
    }

    /// The whole output of a detect level that has no buffer in the plan: for levels with many candidates.
    pub(super) fn whole_map(&self, program: &Program, plan: &Plan, index: usize, arena: &mut [f32]) -> RawMap {
        assert_eq!(arena.len(), plan.arena, "the arena belongs to another plan");
        let op = &program.ops[index];
        let (from, to) = (plan.views[op.input], plan.views[op.output]);
        let (height, width, channels) = (to.height, to.width, to.channels);
        let mut data = vec![0.0; height * width * channels];
        let output = MapMut { data: data.as_mut_ptr(), height, width, channels, stride: channels };
        let input = map(arena.as_ptr(), &from);
        if let Packed::Conv(packed) = &self.packed[index] {
            // SAFETY: the plan keeps the input inside the arena; threads get disjoint pixels.
            parallel_for(height * width, 24, |first, last| unsafe {
                self.convolve(Job { packed, input, residual: None, upsampled_addend: None, output, first, last });
            });
        }
        RawMap { height, width, data }
    }

    /// Runs the first two operations of a plan that fuses them. Returns the milliseconds of both, summed over the threads, if
    /// `timed`. The image must have the plan's size.
    pub(super) fn run_fused_stem(
        &self,
        program: &Program,
        plan: &Plan,
        input: Input<'_>,
        arena: &mut [f32],
        timed: bool,
    ) -> [f64; 2] {
        assert_eq!(arena.len(), plan.arena, "the arena belongs to another plan");
        let shape = |index: usize| match &program.ops[index].kind {
            OpKind::Conv { shape, .. } => shape,
            other => unreachable!("the stem is two convolutions, not {}", other.name()),
        };
        let view = &plan.views[program.ops[1].output];
        let output = map_mut(arena.as_mut_ptr(), view);
        let size = |value: usize| [plan.views[value].height, plan.views[value].width];
        let sizes = [size(INPUT), size(program.ops[0].output)];
        // One scale for the whole image: results don't depend on the number of threads.
        let magnitude = match (input, &self.packed[0]) {
            (Input::Values(values), Packed::Int16(_)) => {
                f32::from_bits(values.iter().fold(0, |most, value| most.max(value.abs().to_bits())))
            }
            _ => 0.0,
        };
        let stem =
            fused_stem::FusedStem { kernels: self, shapes: [shape(0), shape(1)], input, magnitude, sizes, output };
        // Workers in WebAssembly have no clock, so a timed run is one chunk there.
        let total = view.height.div_ceil(fused_stem::ROWS_PER_BAND);
        let least = if timed && cfg!(feature = "wasm-threads") { total } else { 1 };
        let spent = [AtomicU64::new(0), AtomicU64::new(0)];
        // SAFETY: the plan has checked that the operations are two chained convolutions. Threads get disjoint rows.
        parallel_for(total, least, |first, last| unsafe {
            let rows = [first * fused_stem::ROWS_PER_BAND, view.height.min(last * fused_stem::ROWS_PER_BAND)];
            let times = stem.run(rows, timed);
            spent.iter().zip(times).for_each(|(sum, time)| {
                sum.fetch_add((time * 1e6) as u64, Relaxed);
            });
        });
        spent.map(|nanoseconds| nanoseconds.into_inner() as f64 / 1e6)
    }
}
