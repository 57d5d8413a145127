//! The WGSL shaders.
//!
//! Geometry that decides the inner loops is part of the text. Sizes come from the parameters, so a network needs one or two
//! dozen pipelines and not one a layer.
//!
//! All maps lie in one buffer `a`, in blocks of four channels (see [`Layout::Blocks`](crate::engine::plan::Layout)).
//! Neighbouring threads take neighbouring pixels and read neighbouring memory; most of them use the same weights.

/// Adds a line to a shader text.
macro_rules! line {
    ($text:expr, $($arguments:tt)*) => {
        // Writing to a String can't fail.
        let _ = writeln!($text, $($arguments)*);
    };
}

mod attention;
mod convolution;
mod dense;
mod fused;
mod heads;
mod loads;
mod simple;

pub use attention::attention;
pub use convolution::depthwise;
pub use dense::{Tile, dense};
pub use fused::{ghost, pools};
pub use heads::{FRAME, HEADER, MAX_CANDIDATES, candidates, from_planes, input, letterbox, objectness, to_planes};
pub use simple::{
    affine, avg_pool, copy, depth_to_space, general, max_pool, space_to_depth, transpose, upsample, zero_pad,
};

use super::parameters::WGSL_FIELDS;
use crate::model::Activation;

/// Threads of a workgroup. WebGPU guarantees 256; 64 fill the lanes of every GPU.
pub const GROUP: u32 = 64;

/// What one element of a buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementLayout {
    /// Four channels in fp32.
    Vec4,
    /// Four channels stored as fp16 and computed in fp32.
    PackedF16,
    /// Four channels stored and multiplied as fp16. Sums of four products are added in fp32. Needs `shader-f16`.
    NativeF16,
    /// One channel in fp32: for maps that don't begin at a multiple of four channels.
    Scalar,
}

impl ElementLayout {
    /// Channels of an element.
    pub fn channels(self) -> usize {
        match self {
            Self::Vec4 | Self::PackedF16 | Self::NativeF16 => 4,
            Self::Scalar => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Vec4 | Self::PackedF16 | Self::NativeF16 => "vec4<f32>",
            Self::Scalar => "f32",
        }
    }

    /// The stored type. Two fp16 values share a word: every GPU can pack and unpack them, without a feature.
    fn stored(self) -> &'static str {
        match self {
            Self::PackedF16 => "vec2<u32>",
            Self::NativeF16 => "vec4<f16>",
            _ => "V",
        }
    }

    /// The body of a function that loads an element.
    fn load(self, stored: &str) -> String {
        match self {
            Self::PackedF16 => {
                format!("let h = {stored};\n  return vec4<f32>(unpack2x16float(h.x), unpack2x16float(h.y));")
            }
            Self::NativeF16 => format!("return V({stored});"),
            _ => format!("return {stored};"),
        }
    }

    /// The type of the factors, and the names of the functions that read one from the activations and from the weights.
    fn factors(self) -> [&'static str; 3] {
        match self {
            Self::NativeF16 => ["H", "ldh", "lwh"],
            _ => ["V", "ld", "lw"],
        }
    }

    /// `v.x * w[0] + v.y * w[1] + …`, for as many lanes as there are weights. fp16 products are added without rounding.
    fn dot(self, v: &str, weights: &[String]) -> String {
        let lane = |lane: usize| format!("{v}.{}", &"xyzw"[lane..=lane]);
        let mut sum = format!("{} * {}", lane(0), weights[0]);
        for (i, weight) in weights.iter().enumerate().skip(1) {
            sum = match self {
                Self::NativeF16 => format!("fma(H({}), {weight}, {sum})", lane(i)),
                _ => format!("{sum} + {} * {weight}", lane(i)),
            };
        }
        sum
    }

    /// The statements that store element `v`. Packing a value outside of fp16's range is undefined, so values are clamped.
    fn store(self) -> &'static str {
        match self {
            Self::PackedF16 => {
                "let c = clamp(v, V(-65504.0), V(65504.0));
  a[i] = vec2<u32>(pack2x16float(c.xy), pack2x16float(c.zw));"
            }
            Self::NativeF16 => "a[i] = H(clamp(v, V(-65504.0), V(65504.0)));",
            _ => "a[i] = v;",
        }
    }
}

/// Declarations shared by all shaders. `at` gives the index of element `c` of pixel `pixel` in a map of `hw` pixels that
/// begins at `base`, `off` elements inside. `ld` and `st` read and write elements.
fn header(element: ElementLayout) -> String {
    let place = match element {
        ElementLayout::Vec4 | ElementLayout::PackedF16 | ElementLayout::NativeF16 => {
            "return base + (off + c) * hw + pixel;"
        }
        ElementLayout::Scalar => "let k = off + c;\n  return base + ((k / 4u) * hw + pixel) * 4u + k % 4u;",
    };
    let (v, stored, load, store) = (element.name(), element.stored(), element.load("a[i]"), element.store());
    let [enable, more] = match element {
        ElementLayout::NativeF16 => {
            ["enable f16;\nalias H = vec4<f16>;\n", "fn ldh(i: u32) -> H {\n  return a[i];\n}\n"]
        }
        _ => ["", ""],
    };
    format!(
        "{enable}alias V = {v};
struct P {{
{WGSL_FIELDS}}}
@group(0) @binding(0) var<storage, read_write> a: array<{stored}>;
@group(0) @binding(1) var<uniform> p: P;
fn at(base: u32, off: u32, hw: u32, c: u32, pixel: u32) -> u32 {{
  {place}
}}
fn ld(i: u32) -> V {{
  {load}
}}
fn st(i: u32, v: V) {{
  {store}
}}
{more}"
    )
}

/// The weights' binding, and `lw`, which reads an element of them.
fn weights(element: ElementLayout) -> String {
    let (stored, load) = (element.stored(), element.load("w[i]"));
    let more = if element == ElementLayout::NativeF16 { "fn lwh(i: u32) -> H {\n  return w[i];\n}\n" } else { "" };
    format!("@group(0) @binding(2) var<storage, read> w: array<{stored}>;\nfn lw(i: u32) -> V {{\n  {load}\n}}\n{more}")
}

/// `lws`, which reads weights in a type that can be broadcast to other threads, and `own`, which converts that to a factor.
fn handed(element: ElementLayout) -> String {
    let [kind, own] = match element {
        ElementLayout::PackedF16 => ["vec2<u32>", "V(unpack2x16float(v.x), unpack2x16float(v.y))"],
        ElementLayout::NativeF16 => ["H", "v"],
        _ => ["V", "v"],
    };
    let factor = element.factors()[0];
    format!("fn lws(i: u32) -> {kind} {{\n  return w[i];\n}}\nfn own(v: {kind}) -> {factor} {{\n  return {own};\n}}\n")
}

/// Which threads load the weights of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightSharing {
    /// Each thread loads all it needs.
    PerThread,
    /// The threads of a subgroup, of at least this size, load a part each and broadcast it. Needs `subgroups`.
    Subgroup(usize),
    /// The threads of a workgroup load a part each into workgroup memory.
    Workgroup,
}

/// How the tiles of a convolution are mapped to workgroups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkgroupMapping {
    /// One tile after the other: no thread is idle, but a workgroup may span two groups of outputs.
    Linear,
    /// One row of workgroups per group of outputs: all threads of a workgroup read the same weights. The compiler may then
    /// load them once, or the threads share them as `sharing` says. Barriers need uniform control flow, so surplus
    /// threads recompute the last tile and skip the store.
    PerRow {
        /// Threads of a workgroup.
        group: u32,
        /// Who loads the weights.
        sharing: WeightSharing,
    },
}

impl WorkgroupMapping {
    /// Threads of a workgroup.
    pub fn group(self) -> u32 {
        if let Self::PerRow { group, .. } = self { group } else { GROUP }
    }

    /// Which threads load the weights. A small workgroup has fewer threads than a large subgroup.
    fn sharing(self) -> WeightSharing {
        match self {
            Self::Linear => WeightSharing::PerThread,
            Self::PerRow { group, sharing: WeightSharing::Subgroup(threads) } => {
                WeightSharing::Subgroup(threads.min(group as usize))
            }
            Self::PerRow { sharing, .. } => sharing,
        }
    }

    /// The thread's group of outputs.
    fn row(self) -> &'static str {
        if self == Self::Linear { "i / tiles" } else { "g.y" }
    }

    /// The thread's tile.
    fn tile(self) -> &'static str {
        if self.sharing() == WeightSharing::PerThread { "(i % tiles)" } else { "min(i, tiles - 1u)" }
    }

    /// Ends the surplus threads, which were needed for the barriers until here.
    fn leave(self, body: &mut String) {
        if self.sharing() != WeightSharing::PerThread {
            body.push_str("  if (i >= p.threads) { return; }\n");
        }
    }

    /// The directive for subgroups. Browsers need it, naga doesn't.
    fn enable(self) -> &'static str {
        let needed = cfg!(target_arch = "wasm32") && matches!(self.sharing(), WeightSharing::Subgroup(_));
        if needed { "enable subgroups;\n" } else { "" }
    }
}

/// Numbers that a shader's text leaves open.
fn constants(values: &[(&str, usize)]) -> String {
    values.iter().map(|(name, value)| format!("const {name}: u32 = {value}u;\n")).collect()
}

/// A switch that a shader's text leaves open.
fn flag(name: &str, value: bool) -> String {
    format!("const {name}: bool = {value};\n")
}

/// The entry point for a text with a function `run(i)`, `i` the thread's number.
fn entry_of_run() -> String {
    entry("  run(i);\n", WorkgroupMapping::Linear)
}

/// The entry point around `body`, which may use the thread's number `i`: with [`WorkgroupMapping::PerRow`] the number within
/// the row.
fn entry(body: &str, mapping: WorkgroupMapping) -> String {
    let number = if mapping == WorkgroupMapping::Linear { "(g.y * n.x + g.x)" } else { "g.x" };
    let [more, end] = match mapping.sharing() {
        WeightSharing::PerThread => ["", "  if (i >= p.threads) { return; }\n"],
        WeightSharing::Subgroup(_) => [", @builtin(subgroup_invocation_id) lane: u32", ""],
        WeightSharing::Workgroup => ["", ""],
    };
    let group = mapping.group();
    format!(
        "@compute @workgroup_size({group})
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) l: u32{more}) {{
  let i = {number} * {group}u + l;
{end}{body}}}
"
    )
}

/// `fn act(v: V) -> V`. NaN stays NaN.
fn activation(activation: Activation) -> String {
    let body: String = match activation {
        Activation::Identity => "return v;".into(),
        Activation::Silu => "return v / (V(1.0) + exp(-v));".into(),
        Activation::Relu => "return select(v, V(0.0), v < V(0.0));".into(),
        Activation::Relu6 => "return select(select(v, V(0.0), v < V(0.0)), V(6.0), v > V(6.0));".into(),
        Activation::LeakyRelu(slope) => format!("return select(v, v * f32({slope:?}), v < V(0.0));"),
        // Its slope is a parameter, which lowering puts in place.
        Activation::Prelu => "return select(v, v * 0.25, v < V(0.0));".into(),
        Activation::Hardswish => "return v * clamp(v + V(3.0), V(0.0), V(6.0)) / V(6.0);".into(),
        Activation::Hardsigmoid => "return clamp(v + V(3.0), V(0.0), V(6.0)) / V(6.0);".into(),
        Activation::Sigmoid => "return V(1.0) / (V(1.0) + exp(-v));".into(),
        Activation::Tanh => "return V(1.0) - V(2.0) / (V(1.0) + exp(2.0 * v));".into(),
        Activation::Mish => "return v * tanh(log(V(1.0) + exp(min(v, V(30.0)))));".into(),
        Activation::Elu => "return select(v, exp(v) - V(1.0), v < V(0.0));".into(),
        Activation::Selu => {
            "return 1.0507009873554805 * select(v, 1.6732632423543772 * (exp(v) - V(1.0)), v < V(0.0));".into()
        }
        Activation::Gelu => return include_str!("wgsl/gelu.wgsl").into(),
        Activation::Softplus => "return max(v, V(0.0)) + log(V(1.0) + exp(-abs(v)));".into(),
    };
    format!("fn act(v: V) -> V {{ {body} }}\n")
}
