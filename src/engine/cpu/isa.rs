//! Instruction sets, and which of them is taken.

use super::simd::{Base, Simd};

/// Which compiled form of the kernels is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 512-bit vectors with products of 16-bit numbers (AVX-512F, BW, VNNI).
    Vnni,
    /// 512-bit vectors (AVX-512F).
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// What the target has without asking: SSE2, NEON or SIMD128.
    Base,
}

impl Isa {
    /// All, the widest first.
    pub const ALL: [Self; 4] = [Self::Vnni, Self::Avx512, Self::Avx2, Self::Base];

    /// The widest one of this processor. The environment variable `GHOSTDET_SIMD` (a [name](Self::name)) takes a
    /// narrower one, to compare; what the processor lacks is not taken.
    pub fn detect() -> Self {
        let wish = std::env::var("GHOSTDET_SIMD").unwrap_or_default();
        let wanted = Self::ALL.into_iter().find(|isa| isa.name() == wish && isa.is_here());
        wanted.unwrap_or_else(|| Self::ALL.into_iter().find(|isa| isa.is_here()).unwrap_or(Self::Base))
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
    pub fn is_here(self) -> bool {
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

    /// The one for an operation with so many outputs: vectors of 512 bits would stay half empty with eight or fewer.
    pub(super) fn with_outputs(self, outputs: usize) -> Self {
        match self {
            Self::Vnni | Self::Avx512 if outputs <= 8 && Self::Avx2.is_here() => Self::Avx2,
            isa => isa,
        }
    }

    /// Floats in a vector, and vectors of outputs in a panel of weights.
    pub(super) fn vectors(self) -> (usize, usize) {
        match self {
            Self::Vnni | Self::Avx512 => (16, 2),
            Self::Avx2 => (8, 2),
            Self::Base => (Base::LANES, BASE_VECTORS),
        }
    }

    /// Vectors of outputs in a panel of 16-bit weights.
    pub(super) fn fixed_vectors(self) -> usize {
        if self == Self::Base { 4 } else { 2 }
    }
}

const BASE_VECTORS: usize = if cfg!(target_arch = "wasm32") { 2 } else { 3 };

/// Of the base set: pixels in a tile of one, two and three vectors of outputs: as many as the registers hold (32 with NEON, else 16).
pub(super) const BASE_TILES: [usize; 3] = if cfg!(target_arch = "aarch64") { [12, 8, 8] } else { [8, 4, 4] };
