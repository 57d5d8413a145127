//! Shader texts. Geometry that decides the inner loops is baked in; sizes come from the parameters, so that a network
//! needs a dozen or two pipelines and not one a layer.
//!
//! Maps lie in blocks of four channels (see [`Layout::Blocks`](crate::engine::plan::Layout)), all in one buffer `a`:
//! neighbouring threads take neighbouring pixels and read memory side by side, weights are the same for most of them.

mod convolution;
mod fused;
mod heads;
mod simple;

pub use convolution::{Tile, dense, depthwise};
pub use fused::{ghost, pools};
pub use heads::{CELLS, FRAME, HEADER, cells, input, letterbox, objectness};
pub use simple::{affine, copy, depth_to_space, general, max_pool, space_to_depth, transpose, upsample};

use crate::model::Activation;

/// Invocations of a workgroup: WebGPU guarantees 256, and every GPU fills its lanes with 64.
pub const GROUP: u32 = 64;

/// What one entry of the buffer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Four channels.
    Block,
    /// Four channels, stored as halves (fp16) and computed with as fp32.
    Half,
    /// Four channels, stored and multiplied as halves, four products at a time added up as fp32. Wants `shader-f16`.
    Native,
    /// One value: for maps that don't begin at a multiple of four channels.
    Scalar,
}

impl Unit {
    /// Channels of a unit.
    pub fn channels(self) -> usize {
        match self {
            Self::Block | Self::Half | Self::Native => 4,
            Self::Scalar => 1,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Block | Self::Half | Self::Native => "vec4<f32>",
            Self::Scalar => "f32",
        }
    }

    /// How it lies in memory. Two halves share a word: every GPU can pack and unpack those, with no feature.
    fn stored(self) -> &'static str {
        match self {
            Self::Half => "vec2<u32>",
            Self::Native => "vec4<f16>",
            _ => "V",
        }
    }

    /// A unit out of what is stored.
    fn load(self, stored: &str) -> String {
        match self {
            Self::Half => format!("let h = {stored};\n  return vec4<f32>(unpack2x16float(h.x), unpack2x16float(h.y));"),
            Self::Native => format!("return V({stored});"),
            _ => format!("return {stored};"),
        }
    }

    /// The type that products are computed in, and the names of what reads it from activations and weights.
    fn factors(self) -> [&'static str; 3] {
        match self {
            Self::Native => ["H", "ldh", "lwh"],
            _ => ["V", "ld", "lw"],
        }
    }

    /// `v.x * w[0] + v.y * w[1] + …`, for as many lanes as there are weights. Products of halves are added unrounded.
    fn dot(self, v: &str, weights: &[String]) -> String {
        let lane = |lane: usize| format!("{v}.{}", &"xyzw"[lane..=lane]);
        let mut sum = format!("{} * {}", lane(0), weights[0]);
        for (i, weight) in weights.iter().enumerate().skip(1) {
            sum = match self {
                Self::Native => format!("fma(H({}), {weight}, {sum})", lane(i)),
                _ => format!("{sum} + {} * {weight}", lane(i)),
            };
        }
        sum
    }

    /// What is stored of unit `v`. Packing what a half can't hold is not defined: it is cut off before.
    fn store(self) -> &'static str {
        match self {
            Self::Half => {
                "let c = clamp(v, V(-65504.0), V(65504.0));
  a[i] = vec2<u32>(pack2x16float(c.xy), pack2x16float(c.zw));"
            }
            Self::Native => "a[i] = H(clamp(v, V(-65504.0), V(65504.0)));",
            _ => "a[i] = v;",
        }
    }
}

/// Names of the parameters, all `u32`, in order.
pub const PARAMETERS: [&str; 16] = [
    "threads", "in_at", "in_off", "in_h", "in_w", "in_c", "out_at", "out_off", "out_h", "out_w", "out_c", "res_at",
    "res_off", "x0", "x1", "x2",
];

/// The parameters with these names; the others are 0.
pub fn parameters(values: &[(&str, usize)]) -> [u32; 16] {
    PARAMETERS.map(|name| values.iter().find(|(one, _)| *one == name).map_or(0, |&(_, value)| value as u32))
}

/// Declarations shared by all shaders. `at` gives the place of unit `c` of pixel `pixel` in a map of `hw` pixels that
/// begins at `base`, `off` units inside; `ld` and `st` read and write units.
fn header(unit: Unit) -> String {
    let fields: String = PARAMETERS.iter().map(|name| format!("  {name}: u32,\n")).collect();
    let place = match unit {
        Unit::Block | Unit::Half | Unit::Native => "return base + (off + c) * hw + pixel;",
        Unit::Scalar => "let k = off + c;\n  return base + ((k / 4u) * hw + pixel) * 4u + k % 4u;",
    };
    let (v, stored, load, store) = (unit.name(), unit.stored(), unit.load("a[i]"), unit.store());
    let [enable, more] = match unit {
        Unit::Native => ["enable f16;\nalias H = vec4<f16>;\n", "fn ldh(i: u32) -> H {\n  return a[i];\n}\n"],
        _ => ["", ""],
    };
    format!(
        "{enable}alias V = {v};
struct P {{
{fields}}}
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

/// The weights, and `lw`, which reads a unit of them.
fn weights(unit: Unit) -> String {
    let (stored, load) = (unit.stored(), unit.load("w[i]"));
    let more = if unit == Unit::Native { "fn lwh(i: u32) -> H {\n  return w[i];\n}\n" } else { "" };
    format!("@group(0) @binding(2) var<storage, read> w: array<{stored}>;\nfn lw(i: u32) -> V {{\n  {load}\n}}\n{more}")
}

/// `lws`, which reads a unit of weights such that it can be handed to other threads, and `own`, which makes a factor of it.
fn handed(unit: Unit) -> String {
    let [kind, own] = match unit {
        Unit::Half => ["vec2<u32>", "V(unpack2x16float(v.x), unpack2x16float(v.y))"],
        Unit::Native => ["H", "v"],
        _ => ["V", "v"],
    };
    let factor = unit.factors()[0];
    format!("fn lws(i: u32) -> {kind} {{\n  return w[i];\n}}\nfn own(v: {kind}) -> {factor} {{\n  return {own};\n}}\n")
}

/// Who loads the weights of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Each thread its own.
    Own,
    /// The threads of a subgroup for each other: so many at least. Wants `subgroups`.
    Subgroup(usize),
    /// Those of a workgroup for each other, into its memory.
    Workgroup,
}

/// How the threads of a convolution are dealt out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// One after the other: none is idle, but a workgroup may span two groups of outputs.
    Packed,
    /// Workgroups of `group` threads in rows, one row a group of outputs: all of a workgroup read the same weights. The compiler
    /// may know it and load them once and not once a thread, or threads load them for each other as `sharing` says. None may be
    /// missing then, so that those behind the last tile compute it again and store nothing.
    Rows {
        /// Threads of a workgroup.
        group: u32,
        /// Who loads the weights.
        sharing: Sharing,
    },
}

impl Spread {
    /// Threads of a workgroup.
    pub fn group(self) -> u32 {
        if let Self::Rows { group, .. } = self { group } else { GROUP }
    }

    /// Who loads the weights. A small workgroup has fewer threads than a large subgroup.
    fn sharing(self) -> Sharing {
        match self {
            Self::Packed => Sharing::Own,
            Self::Rows { group, sharing: Sharing::Subgroup(threads) } => Sharing::Subgroup(threads.min(group as usize)),
            Self::Rows { sharing, .. } => sharing,
        }
    }

    /// The thread's group of outputs.
    fn row(self) -> &'static str {
        if self == Self::Packed { "i / tiles" } else { "g.y" }
    }

    /// The thread's tile.
    fn tile(self) -> &'static str {
        if self.sharing() == Sharing::Own { "(i % tiles)" } else { "min(i, tiles - 1u)" }
    }

    /// Ends threads that have nothing to store and were needed until here.
    fn leave(self, body: &mut String) {
        if self.sharing() != Sharing::Own {
            body.push_str("  if (i >= p.threads) { return; }\n");
        }
    }

    /// What a shader begins with. Naga knows the operations without being told, browsers want the line.
    fn enable(self) -> &'static str {
        let told = cfg!(target_arch = "wasm32") && matches!(self.sharing(), Sharing::Subgroup(_));
        if told { "enable subgroups;\n" } else { "" }
    }
}

/// The entry point around `body`, which may use the thread's number `i`.
fn entry(body: &str) -> String {
    entry_over(body, Spread::Packed)
}

/// The same for threads that are dealt out as `spread` says: `i` counts those of a row then.
fn entry_over(body: &str, spread: Spread) -> String {
    let number = if spread == Spread::Packed { "(g.y * n.x + g.x)" } else { "g.x" };
    let [more, end] = match spread.sharing() {
        Sharing::Own => ["", "  if (i >= p.threads) { return; }\n"],
        Sharing::Subgroup(_) => [", @builtin(subgroup_invocation_id) lane: u32", ""],
        Sharing::Workgroup => ["", ""],
    };
    let group = spread.group();
    format!(
        "@compute @workgroup_size({group})
fn main(@builtin(workgroup_id) g: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>, @builtin(local_invocation_index) l: u32{more}) {{
  let i = {number} * {group}u + l;
{end}{body}}}
"
    )
}

/// `fn act(v: V) -> V`.
fn activation(activation: Activation) -> String {
    let body = match activation {
        Activation::Identity => "return v;".into(),
        Activation::Silu => "return v / (V(1.0) + exp(-v));".into(),
        Activation::Relu => "return max(v, V(0.0));".into(),
        Activation::Relu6 => "return clamp(v, V(0.0), V(6.0));".into(),
        Activation::LeakyRelu(slope) => format!("return select(v, v * f32({slope:?}), v < V(0.0));"),
        Activation::Hardswish => "return v * clamp(v + V(3.0), V(0.0), V(6.0)) / V(6.0);".into(),
        Activation::Sigmoid => "return V(1.0) / (V(1.0) + exp(-v));".into(),
        Activation::Mish => "return v * tanh(log(V(1.0) + exp(min(v, V(30.0)))));".into(),
    };
    format!("fn act(v: V) -> V {{ {body} }}\n")
}
