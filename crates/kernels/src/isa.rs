//! The instruction sets, and which of them is used.

use crate::simd::{Base, Simd};

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 512-bit vectors with products of 16-bit numbers (AVX-512F, BW, VNNI).
    Vnni,
    /// 512-bit vectors (AVX-512F).
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// The set that the target always has: SSE2, NEON or SIMD128.
    Base,
}

impl Isa {
    /// All, the widest first.
    pub const ALL: [Self; 4] = [Self::Vnni, Self::Avx512, Self::Avx2, Self::Base];

    /// The widest set of this processor. The environment variable `GHOSTDET_SIMD` (a [name](Self::name)) selects a
    /// narrower one; a set that the processor lacks is ignored.
    pub fn detect() -> Self {
        let wish = std::env::var("GHOSTDET_SIMD").unwrap_or_default();
        let wanted = Self::ALL.into_iter().find(|isa| isa.name() == wish && isa.is_supported());
        wanted.unwrap_or_else(|| Self::ALL.into_iter().find(|isa| isa.is_supported()).unwrap_or(Self::Base))
    }

    /// `vnni`, `avx512`, `avx2` or `base`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vnni => "vnni",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Base => "base",
        }
    }

    /// Whether the processor (and the system) has it.
    pub fn is_supported(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => {
                std::arch::is_x86_feature_detected!("avx512bw") && std::arch::is_x86_feature_detected!("avx512vnni")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => std::arch::is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma"),
            Self::Base => true,
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// The set for an operation with so many output channels: eight or fewer leave 512-bit vectors half empty.
    pub fn with_outputs(self, outputs: usize) -> Self {
        match self {
            Self::Vnni | Self::Avx512 if outputs <= 8 && Self::Avx2.is_supported() => Self::Avx2,
            isa => isa,
        }
    }

    /// Floats in a vector, and the most vectors in a panel of weights.
    pub fn vectors(self) -> (usize, usize) {
        match self {
            Self::Vnni | Self::Avx512 => (16, 2),
            Self::Avx2 => (8, 2),
            Self::Base => (Base::LANES, BASE_VECTORS),
        }
    }

    /// The most vectors in a panel of int16 weights.
    pub fn int16_vectors(self) -> usize {
        if self == Self::Base { 4 } else { 2 }
    }
}

const BASE_VECTORS: usize = if cfg!(target_arch = "wasm32") { 2 } else { 3 };

/// Pixels in a tile of one, two and three vectors of outputs, for the base set: as many as the registers hold (32 with
/// NEON, else 16).
pub(crate) const BASE_TILES: [usize; 3] = if cfg!(target_arch = "aarch64") { [12, 8, 8] } else { [8, 4, 4] };
