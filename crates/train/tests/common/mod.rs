//! The reference's vectors, where this checkout has them beside it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A golden file: its JSON and its tensors.
pub struct Golden {
    pub facts: Value,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    integers: BTreeMap<String, Vec<i64>>,
    bytes: BTreeMap<String, Vec<u8>>,
}

impl Golden {
    /// `golden/NAME.json` and `.safetensors`; nothing if this checkout is without the reference.
    pub fn open(name: &str) -> Option<Self> {
        let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let shared = std::env::var_os("GHOSTDET_SHARED").map_or_else(|| here.join("../shared"), PathBuf::from);
        let folder = shared.join("reference/golden");
        let Ok(json) = std::fs::read_to_string(folder.join(format!("{name}.json"))) else {
            eprintln!("skipped: {} has no {name}.json", folder.display());
            return None;
        };
        let facts = serde_json::from_str(&json).expect("JSON");
        let file = std::fs::read(folder.join(format!("{name}.safetensors"))).expect("the tensors beside the JSON");
        let mut golden = Self { facts, tensors: BTreeMap::new(), integers: BTreeMap::new(), bytes: BTreeMap::new() };
        for (key, view) in SafeTensors::deserialize(&file).expect("a safetensors file").tensors() {
            let data = view.data();
            match view.dtype() {
                Dtype::F32 => {
                    let values = data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("4"))).collect();
                    golden.tensors.insert(key, (view.shape().to_vec(), values));
                }
                Dtype::I64 => {
                    let values = data.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().expect("8"))).collect();
                    golden.integers.insert(key, values);
                }
                Dtype::U8 => drop(golden.bytes.insert(key, data.to_vec())),
                other => panic!("{key} is {other:?}"),
            }
        }
        Some(golden)
    }

    pub fn floats(&self, key: &str) -> &(Vec<usize>, Vec<f32>) {
        self.tensors.get(key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[allow(dead_code)]
    pub fn whole(&self, key: &str) -> &[i64] {
        self.integers.get(key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[allow(dead_code)]
    pub fn bytes(&self, key: &str) -> &[u8] {
        self.bytes.get(key).unwrap_or_else(|| panic!("no {key}"))
    }

    /// Tensors whose keys begin with `prefix`, without it.
    #[allow(dead_code)]
    pub fn under(&self, prefix: &str) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
        let strip = |(key, value): (&String, &(Vec<usize>, Vec<f32>))| {
            Some((key.strip_prefix(prefix)?.to_owned(), value.clone()))
        };
        self.tensors.iter().filter_map(strip).collect()
    }
}

/// `(batch, anchors, height, width, values)` in the network's order `(batch, anchors, values, height, width)`.
#[allow(dead_code)]
pub fn planes((shape, values): &(Vec<usize>, Vec<f32>)) -> (usize, usize, Vec<f32>) {
    let [batch, anchors, height, width, size] = shape[..] else { panic!("{shape:?}") };
    let mut out = vec![0.0; values.len()];
    for (i, value) in values.iter().enumerate() {
        let (cell, at) = (i / size, i % size);
        let (plane, place) = (cell / (height * width), cell % (height * width));
        assert!(plane < batch * anchors);
        out[(plane * size + at) * height * width + place] = *value;
    }
    (height, width, out)
}

/// The largest difference.
pub fn apart(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
