//! Floats or 16-bit numbers.

use super::Isa;

/// What dense convolutions multiply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    Float,
    /// 16-bit numbers where that is possible (see [`super::fixed`]), with exact sums; detect levels stay floats.
    Fixed,
}

impl Precision {
    /// What is faster here: 16 bits on x86, natively and in WebAssembly (1.5 times the products a second), floats elsewhere.
    /// The environment variable `GHOSTDET_PRECISION` (a [name](Self::name)) takes the other one, to compare.
    pub fn detect() -> Self {
        let wanted = std::env::var("GHOSTDET_PRECISION").ok().and_then(|name| Self::named(&name));
        wanted.unwrap_or(if fixed_is_faster() { Self::Fixed } else { Self::Float })
    }

    /// The one of this [name](Self::name).
    pub fn named(name: &str) -> Option<Self> {
        [Self::Float, Self::Fixed].into_iter().find(|precision| precision.name() == name)
    }

    /// `float` or `fixed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Fixed => "fixed",
        }
    }
}

/// Whether products of 16-bit numbers are: natively on x86, except with AVX-512F alone, which has no instruction for them.
fn fixed_is_faster() -> bool {
    match std::env::consts::ARCH {
        "wasm32" => is_x86(),
        "x86_64" => Isa::detect() != Isa::Avx512,
        _ => false,
    }
}

/// What runs a WebAssembly module: x86 processors answer 0/0 with a NaN that has its sign set, ARM's with one that has not.
fn is_x86() -> bool {
    let zero = std::hint::black_box(0.0_f32);
    (zero / std::hint::black_box(zero)).is_sign_negative()
}
