//! The CPU executor: the program's operations on one arena, channels last.
//!
//! Kernels are generic over the instruction set ([`simd::Simd`]) and compiled once for each: AVX-512 and AVX2 with FMA,
//! chosen at run time; else what the target always has (NEON, SSE2, wasm SIMD128).

mod aligned;
pub mod bands;
mod conv;
mod depthwise;
mod epilogue;
mod fixed;
mod forms;
mod isa;
mod math;
mod precision;
mod simd;
mod simple;
mod stream;
mod taps;

use super::Input;
use super::plan::{Place, Plan};
use super::program::{INPUT, Op, OpKind, Program, ValueId};
use crate::detection::RawMap;
pub(super) use aligned::Aligned;
use bands::bands;
use conv::PackedConv;
use depthwise::PackedDepthwise;
use fixed::{PackedFixed, Source};
pub use isa::Isa;
pub use precision::Precision;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

/// A map to read: `height * width` pixels, `stride` floats apart.
#[derive(Clone, Copy)]
pub struct Map {
    data: *const f32,
    height: usize,
    width: usize,
    stride: usize,
}

/// A map to write.
#[derive(Clone, Copy)]
pub struct MapMut {
    data: *mut f32,
    height: usize,
    width: usize,
    channels: usize,
    stride: usize,
}

// Safety: the executor hands disjoint rows of the output to the threads; inputs are only read.
unsafe impl Send for Map {}
unsafe impl Sync for Map {}
unsafe impl Send for MapMut {}
unsafe impl Sync for MapMut {}

impl Map {
    unsafe fn pixel(&self, y: usize, x: usize, channels: usize) -> &[f32] {
        debug_assert!(y < self.height && x < self.width && channels <= self.stride);
        unsafe { std::slice::from_raw_parts(self.data.add((y * self.width + x) * self.stride), channels) }
    }
}

impl MapMut {
    #[allow(clippy::mut_from_ref)]
    unsafe fn pixel(&self, y: usize, x: usize) -> &mut [f32] {
        debug_assert!(y < self.height && x < self.width);
        unsafe { std::slice::from_raw_parts_mut(self.data.add((y * self.width + x) * self.stride), self.channels) }
    }
}

enum Packed {
    Conv(PackedConv),
    Fixed(PackedFixed),
    Depthwise(PackedDepthwise),
    Plain,
}

/// Weights packed for this processor.
pub struct CpuExecutor {
    isa: Isa,
    precision: Precision,
    packed: Vec<Packed>,
}

impl CpuExecutor {
    /// Packs all weights of `program` for `isa`.
    ///
    /// # Panics
    /// If the processor lacks it.
    pub fn new(program: &Program, isa: Isa, precision: Precision) -> Self {
        assert!(isa.is_here(), "this processor has no {}", isa.name());
        let pack = |op| Self::pack(op, isa, precision_of(op, levels(program), precision));
        Self { isa, precision, packed: program.ops.iter().map(pack).collect() }
    }

    /// As [`CpuExecutor::new`], giving back what was packed operation by operation.
    pub fn draining(program: &mut Program, isa: Isa, precision: Precision) -> Self {
        assert!(isa.is_here(), "this processor has no {}", isa.name());
        let (outputs, levels) = (program.outputs.clone(), levels(program).to_vec());
        let pack = |op: &mut Op| {
            let packed = Self::pack(op, isa, precision_of(op, &levels, precision));
            op.forget_packed_weights(&outputs);
            packed
        };
        Self { isa, precision, packed: program.ops.iter_mut().map(pack).collect() }
    }

    /// For floats, with nothing packed yet: see [`CpuExecutor::only`].
    pub(super) fn unpacked(program: &Program, isa: Isa) -> Self {
        Self { isa, precision: Precision::Float, packed: program.ops.iter().map(|_| Packed::Plain).collect() }
    }

    /// Packs these operations and gives back all others.
    pub(super) fn only(&mut self, program: &Program, operations: std::ops::Range<usize>) {
        for (index, (packed, op)) in self.packed.iter_mut().zip(&program.ops).enumerate() {
            let wanted = operations.contains(&index);
            *packed = if wanted { Self::pack(op, self.isa, self.precision) } else { Packed::Plain };
        }
    }

    fn pack(op: &Op, isa: Isa, precision: Precision) -> Packed {
        let isa = match &op.kind {
            OpKind::Conv { shape, .. } | OpKind::GhostTail { shape, .. } => isa.with_outputs(shape.channels[1]),
            _ => isa,
        };
        let (lanes, most) = isa.vectors();
        match &op.kind {
            OpKind::Conv { shape, weights, activation } => {
                let one_each = shape.groups > 1 && shape.channels == [shape.groups; 2];
                if one_each {
                    Packed::Depthwise(PackedDepthwise::new(*shape, weights, *activation, lanes))
                } else if precision == Precision::Fixed && PackedFixed::fits(shape) {
                    Packed::Fixed(PackedFixed::new(*shape, weights, *activation, lanes, isa.fixed_vectors()))
                } else {
                    Packed::Conv(PackedConv::new(*shape, weights, *activation, lanes, most))
                }
            }
            OpKind::GhostTail { shape, weights, activation } => {
                Packed::Depthwise(PackedDepthwise::new(*shape, weights, *activation, lanes).with_input())
            }
            _ => Packed::Plain,
        }
    }

    /// What dense convolutions are done in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Bytes of packed weights.
    pub fn weight_bytes(&self) -> usize {
        let bytes = |p: &Packed| match p {
            Packed::Conv(c) => c.floats() * size_of::<f32>(),
            Packed::Fixed(c) => c.bytes(),
            Packed::Depthwise(d) => d.floats() * size_of::<f32>(),
            Packed::Plain => 0,
        };
        self.packed.iter().map(bytes).sum()
    }

    /// Runs operation `index` of `program` on the arena.
    pub(super) fn run(&self, program: &Program, plan: &Plan, index: usize, arena: &mut [f32]) {
        assert_eq!(arena.len(), plan.arena, "the arena belongs to another plan");
        let op = &program.ops[index];
        let base = arena.as_mut_ptr();
        let read = |place: &Place| Map {
            data: unsafe { base.add(place.start) },
            height: place.height,
            width: place.width,
            stride: place.stride,
        };
        let place = plan.places[op.output];
        let input = read(&plan.places[op.input]);
        let residual = op.residual.map(|r| read(&plan.places[r]));
        let coarse = op.coarse.map(|c| (read(&plan.places[c.value]), c.scale));
        let output = MapMut {
            data: unsafe { base.add(place.start) },
            height: place.height,
            width: place.width,
            channels: place.channels,
            stride: place.stride,
        };
        // Safety: the plan keeps every map inside the arena, with slack behind it, and never lets an operation's
        // output overlap what it reads, except its residual, which lies at the same place then and is read before each
        // value is written; threads get disjoint rows or pixels.
        match (&self.packed[index], &op.kind) {
            (Packed::Conv(packed), _) => bands(place.height * place.width, 24, |first, last| unsafe {
                self.convolve(conv::Job { packed, input, residual, coarse, output, first, last });
            }),
            (Packed::Fixed(packed), _) => {
                let flat = packed.shape().is_flat();
                let magnitude = if flat { 0.0 } else { self.magnitude(input, plan.places[op.input].channels) };
                let input = Source::Map(input, magnitude);
                let [total, least] = if flat { [place.height * place.width, 8] } else { [place.height, 1] };
                bands(total, least, |first, last| unsafe {
                    forms::convolve_fixed(
                        self.isa,
                        fixed::Job { packed, input, residual, coarse, output, first, last },
                    );
                });
            }
            (Packed::Depthwise(packed), _) => bands(place.height, 1, |first, last| unsafe {
                let job = depthwise::Job { packed, input, residual, output, first, last };
                forms::convolve_depthwise(self.isa.with_outputs(packed.channels()), job);
            }),
            (Packed::Plain, kind) => bands(place.height, 2, |first, last| unsafe {
                match kind {
                    &OpKind::MaxPool { kernel, stride, padding } => {
                        forms::max_pool(self.isa, input, output, [kernel, stride, padding], [first, last]);
                    }
                    &OpKind::Upsample { scale } => simple::upsample(input, output, scale, first, last),
                    OpKind::Copy => simple::copy(input, output, first, last),
                    OpKind::Affine { scale, bias, activation } => {
                        simple::affine(input, output, scale, bias, *activation, first, last);
                    }
                    &OpKind::SpaceToDepth { gain, columns_first } => {
                        simple::space_to_depth(input, output, gain, columns_first, first, last);
                    }
                    &OpKind::DepthToSpace { gain } => simple::depth_to_space(input, output, gain, first, last),
                    OpKind::ConvTranspose { shape, weights, .. } => {
                        simple::conv_transpose(shape, weights, input, output, first, last);
                    }
                    OpKind::Conv { .. } | OpKind::GhostTail { .. } => {}
                }
            }),
        }
    }
}

/// What detect levels write.
fn levels(program: &Program) -> &[ValueId] {
    if program.anchors > 0 { &program.outputs } else { &[] }
}

/// Floats for detect levels, whose weights are read as they are.
fn precision_of(op: &Op, levels: &[ValueId], precision: Precision) -> Precision {
    if levels.contains(&op.output) { Precision::Float } else { precision }
}

impl CpuExecutor {
    /// # Safety
    /// As for [`conv::convolve`].
    unsafe fn convolve(&self, job: conv::Job) {
        unsafe { forms::convolve(self.isa.with_outputs(job.packed.shape.channels[1]), job) }
    }

    /// The largest magnitude in a map; infinite or NaN if something in it is.
    fn magnitude(&self, map: Map, channels: usize) -> f32 {
        // Without signs, numbers are in the order of their bits, and what is none comes last.
        let most = AtomicU32::new(0);
        bands(map.height, 1, |first, last| {
            // Safety: the map has these channels, the processor the instruction set.
            let found = unsafe { forms::magnitude(self.isa, map, channels, [first, last]) };
            most.fetch_max(found.to_bits(), Relaxed);
        });
        f32::from_bits(most.into_inner())
    }

    /// The sum of the products of two lists of the same length.
    pub(super) fn dot(&self, a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len(), "lists of one length");
        // Safety: the lists are as long as each other, the processor has the instruction set.
        unsafe { forms::dot(self.isa, a, b) }
    }

    /// The whole map of a convolution whose output has no place: for a detect level with too many cells above the floor.
    pub(super) fn whole_map(&self, program: &Program, plan: &Plan, index: usize, arena: &mut [f32]) -> RawMap {
        assert_eq!(arena.len(), plan.arena, "the arena belongs to another plan");
        let op = &program.ops[index];
        let (from, to) = (plan.places[op.input], plan.places[op.output]);
        let (height, width, channels) = (to.height, to.width, to.channels);
        let mut data = vec![0.0; height * width * channels];
        let output = MapMut { data: data.as_mut_ptr(), height, width, channels, stride: channels };
        let input = Map {
            data: unsafe { arena.as_ptr().add(from.start) },
            height: from.height,
            width: from.width,
            stride: from.stride,
        };
        if let Packed::Conv(packed) = &self.packed[index] {
            // Safety: the plan keeps the input inside the arena; threads get disjoint pixels.
            bands(height * width, 24, |first, last| unsafe {
                self.convolve(conv::Job { packed, input, residual: None, coarse: None, output, first, last });
            });
        }
        RawMap { height, width, data }
    }

    /// Runs the first two operations of a plan that streams its picture, which has the right size. Milliseconds of both
    /// (summed over the threads) if `timed`.
    pub(super) fn stream(
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
            other => unreachable!("a plan streams two convolutions, not {}", other.name()),
        };
        let place = plan.places[program.ops[1].output];
        let output = MapMut {
            data: unsafe { arena.as_mut_ptr().add(place.start) },
            height: place.height,
            width: place.width,
            channels: place.channels,
            stride: place.stride,
        };
        let size = |value: usize| [plan.places[value].height, plan.places[value].width];
        let sizes = [size(INPUT), size(program.ops[0].output)];
        // One scale for the whole picture, however many threads there are.
        let magnitude = match (input, &self.packed[0]) {
            (Input::Values(values), Packed::Fixed(_)) => {
                f32::from_bits(values.iter().fold(0, |most, value| most.max(value.abs().to_bits())))
            }
            _ => 0.0,
        };
        let stream = stream::Stream { executor: self, shapes: [shape(0), shape(1)], input, magnitude, sizes, output };
        // Helpers in WebAssembly have no clock: there a timed run is in one piece.
        let total = place.height.div_ceil(stream::BAND);
        let least = if timed && cfg!(feature = "wasm-threads") { total } else { 1 };
        let spent = [AtomicU64::new(0), AtomicU64::new(0)];
        // Safety: the plan streams, so the operations are two convolutions in a row; threads get disjoint rows.
        bands(total, least, |first, last| unsafe {
            let rows = [first * stream::BAND, place.height.min(last * stream::BAND)];
            let times = stream.run(rows, timed);
            spent.iter().zip(times).for_each(|(sum, time)| {
                sum.fetch_add((time * 1e6) as u64, Relaxed);
            });
        });
        spent.map(|nanoseconds| nanoseconds.into_inner() as f64 / 1e6)
    }
}
