//! Initial weights: random, or copied from a checkpoint where key and shape agree.

use std::collections::BTreeMap;

use ghostdet::Result;
use ghostdet::model::{BATCH_NORM_EPSILON, Graph};
use ghostdet::weights::{Checkpoint, Tensor};

/// What training begins with.
#[derive(Clone, Debug)]
pub struct Start {
    /// Every parameter of the network.
    pub checkpoint: Checkpoint,
    /// Tensors that were taken over, in whole or in part.
    pub taken: usize,
    /// Tensors in all.
    pub all: usize,
    /// Batch norms that the checkpoint had folded: they pass everything through until
    /// [`calibrate`](crate::trainer::Trainer::calibrate) has shown them pictures.
    pub folded: Vec<String>,
}

/// Random weights, initialised as in PyTorch (He et al. 2015, uniform), with Detect's biases as in the reference. The same
/// seed gives the same weights.
///
/// # Errors
/// A graph whose last row is not Detect.
pub fn initial(graph: &Graph, seed: u64) -> Result<Checkpoint> {
    let shapes: BTreeMap<String, Vec<usize>> = graph.parameters(false).into_iter().collect();
    let mut tensors = BTreeMap::new();
    for (key, shape) in &shapes {
        let count = shape.iter().product();
        let data = match key.rsplit('.').next() {
            // A batch norm, wherever it stands.
            _ if shapes.contains_key(&sibling(key, "running_var")) => {
                vec![if key.ends_with("weight") || key.ends_with("var") { 1.0 } else { 0.0 }; count]
            }
            // PReLU's slope.
            Some("weight") if shape == &[1] => vec![0.25],
            // Attention (Xavier, uniform).
            Some("in_proj_weight") => scaled_uniform(seed, key, count, (6.0 / (4 * shape[1]) as f32).sqrt()),
            Some("in_proj_bias") => vec![0.0; count],
            Some("bias") if key.ends_with("out_proj.bias") => vec![0.0; count],
            Some("bias") => {
                // The fan-in is that of the kernel with the same prefix.
                let kernel = shapes.get(&format!("{}weight", key.trim_end_matches("bias")));
                uniform(seed, key, count, fan_in(kernel.unwrap_or(shape)))
            }
            _ => uniform(seed, key, count, fan_in(shape)),
        };
        tensors.insert(key.clone(), Tensor { shape: shape.clone(), data });
    }
    if let Some((row, nc, levels)) = detect(graph) {
        for (level, stride) in graph.strides.iter().enumerate().take(levels) {
            let Some(bias) = tensors.get_mut(&format!("model.{row}.m.{level}.bias")) else { continue };
            for anchor in bias.data.chunks_exact_mut(nc + 5) {
                anchor[4] += (8.0 / (640.0 / stride).powi(2)).ln() as f32;
                anchor[5..].iter_mut().for_each(|class| *class += (0.6 / (nc as f32 - 0.99999)).ln());
            }
        }
    }
    Ok(Checkpoint { tensors, ..Checkpoint::default() })
}

/// Random weights, replaced by those of `from` wherever key and shape agree. A Detect row for other classes copies
/// boxes and objectness, and the classes that both know by name.
///
/// # Errors
/// A graph whose last row is not Detect.
pub fn start(graph: &Graph, names: &[String], seed: u64, from: Option<&Checkpoint>) -> Result<Start> {
    let mut checkpoint = initial(graph, seed)?;
    let all = checkpoint.tensors.len();
    let (mut taken, mut folded) = (0, Vec::new());
    let Some(from) = from else { return Ok(Start { checkpoint, taken, all, folded }) };
    let head = detect(graph).map(|(row, nc, _)| (format!("model.{row}.m."), nc));
    let mut replaced = BTreeMap::new();
    for (key, own) in &checkpoint.tensors {
        let tensor = match from.tensors.get(key) {
            Some(given) if given.shape == own.shape && !is_other_head(&head, key, names, from) => Some(given.clone()),
            Some(given) => head.as_ref().filter(|(prefix, _)| key.starts_with(prefix)).and_then(|(_, nc)| {
                let classes: Vec<Option<usize>> =
                    names.iter().map(|name| from.names.iter().position(|other| other == name)).collect();
                remap(own, given, *nc, &classes)
            }),
            None => {
                // A folded batch norm: what is left of it is the convolution's bias.
                let (norm, part) = key.rsplit_once('.').unwrap_or((key, ""));
                let bias = norm.strip_suffix("bn").and_then(|owner| from.tensors.get(&format!("{owner}conv.bias")));
                bias.filter(|bias| bias.shape == own.shape).map(|bias| {
                    let channels = own.data.len();
                    let data = match part {
                        "bias" => bias.data.clone(),
                        "running_var" => vec![1.0 - BATCH_NORM_EPSILON as f32; channels],
                        "running_mean" => vec![0.0; channels],
                        _ => {
                            folded.push(norm.to_owned());
                            vec![1.0; channels]
                        }
                    };
                    Tensor { shape: own.shape.clone(), data }
                })
            }
        };
        if let Some(tensor) = tensor {
            replaced.insert(key.clone(), tensor);
            taken += 1;
        }
    }
    checkpoint.tensors.extend(replaced);
    Ok(Start { checkpoint, taken, all, folded })
}

/// Row, classes and levels of Detect.
fn detect(graph: &Graph) -> Option<(usize, usize, usize)> {
    (!graph.rows.is_empty()).then(|| (graph.detect_row(), graph.nc, graph.levels()))
}

/// Whether `key` is a part of Detect and the two networks know as many, but other classes.
fn is_other_head(head: &Option<(String, usize)>, key: &str, names: &[String], from: &Checkpoint) -> bool {
    let inside = head.as_ref().is_some_and(|(prefix, _)| key.starts_with(prefix));
    inside && !from.names.is_empty() && from.names != names
}

/// A part of Detect for `nc` classes out of one for others: `classes` says which of them each one is.
fn remap(own: &Tensor, given: &Tensor, nc: usize, classes: &[Option<usize>]) -> Option<Tensor> {
    let size = nc + 5;
    let [filters, inner @ ..] = &own.shape[..] else { return None };
    let [others, given_inner @ ..] = &given.shape[..] else { return None };
    let width: usize = inner.iter().product();
    let anchors = filters / size;
    if inner != given_inner || anchors == 0 || others % anchors != 0 {
        return None;
    }
    let theirs = others / anchors;
    let mut tensor = own.clone();
    for anchor in 0..anchors {
        let fixed = (0..5).map(|value| (value, Some(value)));
        let named = classes.iter().take(nc).enumerate().map(|(class, other)| (5 + class, other.map(|other| 5 + other)));
        for (to, from) in fixed.chain(named) {
            let Some(from) = from.filter(|&from| from < theirs) else { continue };
            let (to, from) = ((anchor * size + to) * width, (anchor * theirs + from) * width);
            tensor.data[to..to + width].copy_from_slice(&given.data[from..from + width]);
        }
    }
    Some(tensor)
}

/// Values that enter one output: everything behind the first dimension.
fn fan_in(shape: &[usize]) -> usize {
    shape.iter().skip(1).product::<usize>().max(1)
}

/// The key of another parameter of the same module.
fn sibling(key: &str, name: &str) -> String {
    format!("{}.{name}", key.rsplit_once('.').map_or("", |(module, _)| module))
}

/// Evenly spread between plus and minus one over the root of `fan_in`.
fn uniform(seed: u64, key: &str, count: usize, fan_in: usize) -> Vec<f32> {
    scaled_uniform(seed, key, count, 1.0 / (fan_in as f32).sqrt())
}

/// Evenly spread between plus and minus `bound`.
fn scaled_uniform(seed: u64, key: &str, count: usize, bound: f32) -> Vec<f32> {
    // Every tensor has its own sequence, so that a change in one row leaves the others alone.
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut random = fastrand::Rng::with_seed(seed ^ hash);
    (0..count).map(|_| (random.f32() * 2.0 - 1.0) * bound).collect()
}
