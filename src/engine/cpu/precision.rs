//! What dense convolutions on the CPU multiply: floats or 16-bit integers.

use super::Isa;
use crate::{Error, ErrorKind, Result};
use std::str::FromStr;

/// The number type of dense convolutions on the CPU. Depthwise convolutions and detect levels always use floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats.
    Float,
    /// Inputs and weights quantized to 16-bit integers where the shape allows it (see the module `int16`).
    Int16,
}

impl Precision {
    /// The faster one here: int16 on x86, natively and in WebAssembly (1.5 times the products a second), floats
    /// elsewhere. The environment variable `GHOSTDET_PRECISION` (`float`, `int16`) overrides it.
    pub fn detect() -> Self {
        let wanted = std::env::var("GHOSTDET_PRECISION").ok().and_then(|name| name.parse().ok());
        wanted.unwrap_or(if int16_is_faster() { Self::Int16 } else { Self::Float })
    }

    /// `float` or `int16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Int16 => "int16",
        }
    }
}

impl FromStr for Precision {
    type Err = Error;

    /// Reads a [name](Precision::name). `fixed`, the old name of `int16`, is accepted too.
    fn from_str(name: &str) -> Result<Self> {
        match name {
            "float" => Ok(Self::Float),
            "int16" | "fixed" => Ok(Self::Int16),
            _ => Err(Error::new(ErrorKind::Argument, format!("{name:?} is no precision"))
                .hint("the precisions are float and int16")),
        }
    }
}

/// True where int16 kernels beat f32: x86, except AVX-512F without VNNI, which has no instruction for them.
fn int16_is_faster() -> bool {
    match std::env::consts::ARCH {
        "wasm32" => host_is_x86(),
        "x86_64" => Isa::detect() != Isa::Avx512,
        _ => false,
    }
}

/// Whether an x86 processor runs this WebAssembly module: there 0/0 is a NaN with its sign bit set, on ARM without it.
fn host_is_x86() -> bool {
    let zero = std::hint::black_box(0.0_f32);
    (zero / std::hint::black_box(zero)).is_sign_negative()
}
