//! Shared by the tests: golden files, ours and (when they are there) the large ones.
#![allow(dead_code)]

pub mod module;

use ghostdet::detection::RawMap;
use ghostdet::model::{Activation, Block, Config, Graph, builtin, parse_activation};
use ghostdet::weights::{Checkpoint, Tensor};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The repository, whichever package is tested.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|folder| folder.join("tests/golden").is_dir()).unwrap_or(here)
}

/// The folder with the large golden vectors, if this machine has it.
pub fn reference() -> Option<PathBuf> {
    let shared = std::env::var_os("GHOSTDET_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let folder = shared.join("reference");
    if !folder.is_dir() {
        eprintln!("skipped: no {}", folder.display());
        return None;
    }
    Some(folder)
}

/// Every folder of golden vectors: the repository's own (written by `tools/gen_fixtures.py`), and the large ones.
pub fn goldens() -> Vec<PathBuf> {
    let ours = root().join("tests/golden");
    std::iter::once(ours).chain(reference().map(|folder| folder.join("golden"))).collect()
}

/// A module that takes one map, and what it makes of it.
pub struct Single {
    pub name: String,
    pub module: Block,
    pub weights: Checkpoint,
    pub input: Tensor,
    pub output: Tensor,
}

/// The cases of a golden folder that are single modules with one input: YOLOv5's with SiLU, and where the folder has them
/// those with other activations and the rarer modules.
pub fn single_modules(golden: &Path) -> Vec<Single> {
    ["modules", "modules2"].iter().flat_map(|name| single_modules_of(golden, name)).collect()
}

fn single_modules_of(golden: &Path, file: &str) -> Vec<Single> {
    let Ok(index) = std::fs::read(golden.join(format!("{file}.json"))) else { return Vec::new() };
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let all = tensors(golden.join(format!("{file}.safetensors")));
    let single = |case: &serde_json::Value| {
        let name = case["name"].as_str().unwrap().to_owned();
        let tensor = |key: &str| all[&format!("{name}/{key}")].clone();
        let (input, output) = (as_maps(tensor("input0")), as_maps(tensor("output")));
        let default = case["default_act"].as_str().map_or(Activation::Silu, |text| parse_activation(text).unwrap());
        let (module, _) = module::module(case["module"].as_str().unwrap(), input.shape[1], default)?;
        let weights = checkpoint(&all, &format!("{name}/weights/"), "model.0.");
        Some(Single { module, weights, input, output, name })
    };
    index["cases"].as_array().unwrap().iter().filter_map(single).collect()
}

/// A sequence (length, batch, channels) as maps of one row: (batch, channels, 1, length).
pub fn as_maps(tensor: Tensor) -> Tensor {
    let [length, batch, channels] = tensor.shape[..] else { return tensor };
    let mut data = Vec::with_capacity(tensor.data.len());
    for (b, c) in (0..batch).flat_map(|b| (0..channels).map(move |c| (b, c))) {
        data.extend((0..length).map(|l| tensor.data[(l * batch + b) * channels + c]));
    }
    Tensor { shape: vec![batch, channels, 1, length], data }
}

impl Single {
    /// Fails unless `found` is the output for `image`; how far off it is.
    pub fn check(&self, image: usize, found: &Tensor) -> f32 {
        assert_eq!(found.shape[..], self.output.shape[1..], "{}", self.name);
        let (over, most) = deviation(&found.data, self.expected(image), 1e-4, 1e-4);
        assert!(over <= 0.0, "{}: off by {most}", self.name);
        most
    }

    /// The same for halves, which may be off by `bound` of the largest value; by which part they are.
    pub fn check_halves(&self, image: usize, found: &Tensor, bound: f32) -> f32 {
        assert_eq!(found.shape[..], self.output.shape[1..], "{}", self.name);
        let part = part(&found.data, self.expected(image));
        assert!(part <= bound, "{}: off by {part} of the largest value", self.name);
        part
    }

    fn expected(&self, image: usize) -> &[f32] {
        let each = self.output.data.len() / self.output.shape[0];
        &self.output.data[image * each..][..each]
    }
}

/// A whole network with pictures and raw maps.
pub struct Net {
    pub name: String,
    pub graph: Graph,
    pub tensors: BTreeMap<String, Tensor>,
}

/// The three architectures: ours with hardly any channels, the large files' n size, and nets with other activations and
/// the rarer modules.
pub fn nets() -> Vec<Net> {
    let mut nets = Vec::new();
    for golden in goldens() {
        nets.extend(other_nets(&golden));
        for arch in ["yolov5", "yolov5-ghost", "yolov5-ghost-backbone"] {
            let (size, width) = if golden.ends_with("tests/golden") { ("tiny", 0.03125) } else { ("n", 0.25) };
            let config = builtin(arch).expect("a built-in").with_multiples(0.33, width).unwrap();
            let tensors = tensors(golden.join(format!("net_{arch}-{size}-nc3.safetensors")));
            nets.push(Net { name: format!("{arch}-{size}"), graph: config.graph(Some(3)).unwrap(), tensors });
        }
    }
    nets
}

fn other_nets(golden: &Path) -> Vec<Net> {
    let Ok(index) = std::fs::read(golden.join("nets2.json")) else { return Vec::new() };
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let all = tensors(golden.join("nets2.safetensors"));
    let net = |case: &serde_json::Value| {
        let name = case["name"].as_str().unwrap().to_owned();
        let mut cfg = case["cfg"].clone();
        if let Some(activation) = case["default_act"].as_str().filter(|text| *text != "nn.SiLU()") {
            cfg["activation"] = activation.into();
        }
        let graph = Config::parse(&cfg.to_string()).unwrap().graph(None).unwrap_or_else(|e| panic!("{name}: {e}"));
        let prefix = format!("{name}/");
        let own = |(key, tensor): (&String, &Tensor)| Some((key.strip_prefix(&prefix)?.to_owned(), tensor.clone()));
        Net { graph, tensors: all.iter().filter_map(own).collect(), name }
    };
    index["cases"].as_array().unwrap().iter().map(net).collect()
}

impl Net {
    pub fn checkpoint(&self) -> Checkpoint {
        checkpoint(&self.tensors, "weights/", "")
    }

    /// The pictures, 0 to 1.
    pub fn input(&self) -> Tensor {
        let bytes = &self.tensors["input_u8"];
        Tensor { shape: bytes.shape.clone(), data: bytes.data.iter().map(|v| v / 255.0).collect() }
    }

    /// The raw maps of `image`.
    pub fn maps(&self, image: usize) -> Vec<RawMap> {
        let level = |level: usize| self.tensors.get(&format!("raw{level}"));
        (0..).map_while(level).map(|raw| raw_map(raw, image)).collect()
    }

    /// How far a value of a map may be off: batch norm is folded here, which moves the reference's own maps by as much.
    pub fn tolerance(&self, map: &[f32]) -> f32 {
        let largest = map.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
        2e-4_f32.max(5e-5 * largest)
    }

    /// Fails unless `found` are the raw maps of `image`; how far off they are.
    pub fn check(&self, image: usize, found: &[RawMap]) -> f32 {
        let expected = self.maps(image);
        assert_eq!(found.len(), expected.len(), "{}", self.name);
        let mut largest = 0.0_f32;
        for (level, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let (over, most) = deviation(&found.data, &expected.data, self.tolerance(&expected.data), 1e-3);
            assert!(over <= 0.0, "{} level {level}: off by {most}", self.name);
            largest = largest.max(most);
        }
        largest
    }
}

/// The largest difference as a part of the largest value.
pub fn part(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let off = found.iter().zip(expected).map(|(a, b)| if a.is_finite() { (a - b).abs() } else { f32::INFINITY });
    off.fold(0.0, f32::max) / largest
}

/// Image `n` of a `(B, na, ny, nx, no)` tensor as `[ny][nx][na * no]`.
pub fn raw_map(raw: &Tensor, n: usize) -> RawMap {
    let [_, na, height, width, no] = raw.shape[..] else { panic!("five dimensions") };
    let at = |cell: usize, a: usize| ((n * na + a) * height * width + cell) * no;
    let cells = (0..height * width).flat_map(|cell| (0..na).map(move |a| at(cell, a)));
    RawMap { height, width, data: cells.flat_map(|start| raw.data[start..start + no].iter().copied()).collect() }
}

/// All tensors of a safetensors file, widened to fp32.
pub fn tensors(path: PathBuf) -> BTreeMap<String, Tensor> {
    use safetensors::{Dtype, SafeTensors};
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    file.tensors()
        .into_iter()
        .map(|(name, view)| {
            let raw = view.data();
            let data = match view.dtype() {
                Dtype::F32 => raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
                Dtype::F16 => raw.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
                Dtype::U8 => raw.iter().map(|&b| f32::from(b)).collect(),
                _ => Vec::new(),
            };
            (name, Tensor { shape: view.shape().to_vec(), data })
        })
        .collect()
}

/// The tensors under `prefix` as a folded checkpoint whose keys begin with `to`.
pub fn checkpoint(all: &BTreeMap<String, Tensor>, prefix: &str, to: &str) -> Checkpoint {
    let tensors = all
        .iter()
        .filter_map(|(key, tensor)| Some((format!("{to}{}", key.strip_prefix(prefix)?), tensor.clone())))
        .filter(|(key, _)| !key.ends_with("num_batches_tracked"))
        .collect();
    let mut checkpoint = Checkpoint { tensors, ..Checkpoint::default() };
    checkpoint.fold().expect("batch norm to fold");
    checkpoint
}

/// Image `n` of a `(B, C, H, W)` tensor, channels-last.
pub fn channels_last(t: &Tensor, n: usize) -> (Vec<f32>, [usize; 2]) {
    let [_, c, h, w] = t.shape[..] else { panic!("four dimensions") };
    let base = n * c * h * w;
    let pixels = (0..h * w).flat_map(|i| (0..c).map(move |k| t.data[base + k * h * w + i])).collect();
    (pixels, [h, w])
}

/// The largest absolute difference that tolerance `abs + rel * |expected|` does not cover, and the largest of all.
pub fn deviation(got: &[f32], expected: &[f32], abs: f32, rel: f32) -> (f32, f32) {
    assert_eq!(got.len(), expected.len());
    let mut worst = (0.0_f32, 0.0_f32);
    for (g, e) in got.iter().zip(expected) {
        let d = (g - e).abs();
        assert!(d.is_finite(), "not a number");
        worst = (worst.0.max(d - abs - rel * e.abs()), worst.1.max(d));
    }
    worst
}
