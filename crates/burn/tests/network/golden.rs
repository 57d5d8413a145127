//! Reads the reference's tensors, and measures how far others are from them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use ghostdet::weights::Tensor;
use safetensors::{Dtype, SafeTensors};

/// A file of reference tensors.
pub struct Golden {
    /// Where it lies.
    pub path: PathBuf,
    bytes: Vec<u8>,
}

impl Golden {
    /// The repository's own file of that name, and the large reference's, unless this checkout is without it.
    pub fn all(ours: &str, large: &str) -> Vec<Self> {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shared = std::env::var_os("GHOSTDET_SHARED").map_or_else(|| here.join("../shared"), PathBuf::from);
        let paths = [here.join("tests/golden").join(ours), shared.join("reference/golden").join(large)];
        let read = |path: PathBuf| match std::fs::read(&path) {
            Ok(bytes) => Some(Self { path, bytes }),
            Err(error) => {
                eprintln!("skipped: {}: {error}", path.display());
                None
            }
        };
        let found: Vec<Self> = paths.into_iter().filter_map(read).collect();
        assert!(found.first().is_some_and(|golden| golden.path.ends_with(ours)), "the repository has its own {ours}");
        found
    }

    fn file(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("a safetensors file")
    }

    /// One tensor, widened to fp32.
    pub fn get(&self, key: &str) -> Option<Tensor> {
        self.file().tensor(key).ok().map(|view| widen(view.dtype(), view.shape(), view.data()))
    }

    /// All tensors whose keys begin with `prefix`, without it.
    pub fn under(&self, prefix: &str) -> BTreeMap<String, Tensor> {
        let tensors = self.file().tensors();
        let found = tensors.into_iter().filter_map(|(key, view)| {
            let key = key.strip_prefix(prefix)?.to_owned();
            Some((key, widen(view.dtype(), view.shape(), view.data())))
        });
        found.collect()
    }
}

fn widen(dtype: Dtype, shape: &[usize], bytes: &[u8]) -> Tensor {
    let data = match dtype {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        Dtype::I64 => bytes.chunks_exact(8).map(|b| f32::from(b[0])).collect(),
        other => panic!("{other:?} is not expected here"),
    };
    Tensor { shape: shape.to_vec(), data }
}

/// The largest differences between two lists of numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deviation {
    absolute: f32,
    /// Absolute difference less `1e-3` of the expected value, as the networks' tolerance counts.
    beyond_thousandth: f32,
    beyond_tenth_thousandth: f32,
}

impl Deviation {
    /// Compares; what is not a number deviates infinitely.
    pub fn between(found: &[f32], expected: &[f32]) -> Self {
        assert_eq!(found.len(), expected.len());
        let mut deviation = Self::default();
        for (&found, &expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            let difference = if difference.is_nan() { f32::INFINITY } else { difference };
            deviation = deviation.max(Self {
                absolute: difference,
                beyond_thousandth: difference - 1e-3 * expected.abs(),
                beyond_tenth_thousandth: difference - 1e-4 * expected.abs(),
            });
        }
        deviation
    }

    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            absolute: self.absolute.max(other.absolute),
            beyond_thousandth: self.beyond_thousandth.max(other.beyond_thousandth),
            beyond_tenth_thousandth: self.beyond_tenth_thousandth.max(other.beyond_tenth_thousandth),
        }
    }

    /// Whether every difference is at most `absolute + relative * |expected|`; `relative` is 1e-3 or 1e-4.
    pub fn within(self, absolute: f32, relative: f32) -> bool {
        let beyond = if relative == 1e-3 { self.beyond_thousandth } else { self.beyond_tenth_thousandth };
        beyond <= absolute
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "largest absolute deviation {:.2e}", self.absolute)
    }
}
