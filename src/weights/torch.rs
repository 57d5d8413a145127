//! PyTorch `.pt` files as YOLOv5's `train.py` writes them, and plain state dicts.

mod attributes;
mod legacy;
mod tensor;
mod yaml;

use self::tensor::{Source, Storages};
use super::archive::Archive;
use super::dtype::Dtype;
use super::keys::Raw;
use super::limits::{MAX_DEPTH, MAX_TENSORS};
use super::pickle::{self, Heap, Id, Value};
use super::{Checkpoint, Part, foreign, keys, weights_error};
use crate::error::Result;
use crate::model::BATCH_NORM_EPSILON;

const BIG_ENDIAN: &str = "save it on a little-endian machine";

/// Reads a PyTorch zip.
pub(super) fn load(bytes: &[u8], part: Part) -> Result<Checkpoint> {
    let archive = Archive::open(bytes)?;
    let pickle = archive.names().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let pickle = pickle.map(str::to_owned).ok_or_else(|| {
        if archive.names().any(|name| name.ends_with(".npy")) {
            return weights_error("this is a NumPy archive (.npz), not a checkpoint").hint("give the .pt file");
        }
        weights_error("this zip has no data.pkl, so it isn't a PyTorch checkpoint")
            .hint("if it holds the checkpoint, unpack it and give the .pt inside")
    })?;
    let prefix = pickle.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if archive.size_of(&format!("{prefix}constants.pkl")).is_some() {
        return Err(
            weights_error("this is a TorchScript export, not a checkpoint").hint("give the .pt it was exported from")
        );
    }
    let order = format!("{prefix}byteorder");
    if archive.size_of(&order).is_some_and(|size| size < 16) && archive.read(&order)?.trim_ascii() == b"big" {
        return Err(weights_error("the checkpoint is big-endian").hint(BIG_ENDIAN));
    }
    if archive.size_of(&pickle).is_some_and(|size| size > super::limits::MAX_PICKLE_BYTES) {
        return Err(weights_error("data.pkl is too large to be a checkpoint's").at(pickle));
    }
    let heap = pickle::read(&archive.read(&pickle)?)?;
    interpret(&heap, Source::Zip { archive: &archive, prefix }, part, "PyTorch .pt")
}

/// Reads a file in the format of PyTorch before 1.6.
pub(super) fn load_legacy(bytes: &[u8], part: Part) -> Result<Checkpoint> {
    let (heap, source) = legacy::open(bytes)?;
    interpret(&heap, source, part, "PyTorch .pt before 1.6")
}

/// The checkpoint that a pickle describes.
fn interpret(heap: &Heap, source: Source<'_, '_>, part: Part, format: &str) -> Result<Checkpoint> {
    let (root, chosen) = choose(heap, part)?;
    let root = unwrap(heap, root);
    if let Some(model) = heap.class(root)
        && let Some(error) = foreign::class(model, attributes::detect_class(heap, root))
    {
        return Err(error);
    }
    let mut reader = Reader { heap, storages: Storages::new(heap, source), raw: Raw::default() };
    let mut checkpoint = Checkpoint::default();
    if heap.pairs(root).is_some() {
        reader.state_dict(root)?;
    } else {
        reader.module(root, "", 0)?;
        checkpoint.names = attributes::names(heap, root, &mut checkpoint.notes);
    }
    checkpoint.imgsz = attributes::image_size(heap);
    checkpoint.format = format!("{format} ({chosen}, {})", reader.storages.dtype_name());
    checkpoint.tensors = keys::normalise(std::mem::take(&mut reader.raw), &mut checkpoint.notes)?;
    if let Some(yaml) = heap.attribute(root, "yaml") {
        let anchors = attributes::anchors_in_pixels(heap, root, &mut reader.storages)?;
        checkpoint.yaml = yaml::render(heap, root, yaml, anchors.as_deref())?;
    }
    Ok(checkpoint)
}

/// Where writers put the moving average, and where the weights.
const AVERAGES: [&str; 4] = ["ema", "model_ema", "ema_model", "ema_state_dict"];
const WEIGHTS: [&str; 9] =
    ["model", "state_dict", "model_state_dict", "model_state", "net", "network", "weights", "params", "module"];

/// The module or state dict to read, and what it is called.
fn choose(heap: &Heap, part: Part) -> Result<(Id, &'static str)> {
    let root = heap.root;
    if matches!(heap.get(root), Value::Object { .. }) {
        return Ok((root, "model"));
    }
    let Some(pairs) = heap.pairs(root) else {
        return Err(
            weights_error("the checkpoint is neither a dictionary nor a model").hint("is it a YOLOv5 checkpoint?")
        );
    };
    let averages: &[&'static str] = if part == Part::Ema { &AVERAGES } else { &[] };
    let order: Vec<&'static str> = averages.iter().chain(&WEIGHTS).copied().collect();
    if let Some(found) = find(heap, root, &order, 0) {
        return Ok(found);
    }
    if holds_tensors(heap, root) {
        return Ok((root, "state dict"));
    }
    // Another name: clear if there is only one.
    let mut others = pairs.iter().map(|(_, value)| *value).filter(|value| holds_tensors(heap, *value));
    match (others.next(), others.next()) {
        (Some(only), None) => Ok((only, "model")),
        _ => Err(weights_error("the checkpoint has no `ema`, no `model` and no tensors")
            .hint("is it a YOLOv5 checkpoint, or an optimizer's state?")),
    }
}

/// Looks below the names in `order`, also in dictionaries inside.
fn find(heap: &Heap, dict: Id, order: &[&'static str], depth: usize) -> Option<(Id, &'static str)> {
    for &name in order {
        let Some(id) = heap.key(dict, name) else { continue };
        if holds_tensors(heap, id) {
            return Some((id, name));
        }
        if depth < 2
            && heap.pairs(id).is_some()
            && let Some((inner, _)) = find(heap, id, order, depth + 1)
        {
            return Some((inner, name));
        }
    }
    None
}

fn holds_tensors(heap: &Heap, id: Id) -> bool {
    match heap.get(id) {
        Value::Object { .. } => true,
        Value::Dict(pairs) => pairs.iter().any(|(_, value)| matches!(heap.get(*value), Value::Tensor(_))),
        _ => false,
    }
}

/// The model inside of its wrappers: DataParallel, DistributedDataParallel, torch.compile's OptimizedModule, AutoShape,
/// DetectMultiBackend, AveragedModel, ModelEMA.
fn unwrap(heap: &Heap, mut id: Id) -> Id {
    for _ in 0..MAX_DEPTH {
        let Some(inner) = inside(heap, id) else { break };
        id = inner;
    }
    id
}

fn inside(heap: &Heap, id: Id) -> Option<Id> {
    let is_module = |id: &Id| heap.attribute(*id, "_modules").is_some();
    if let Some(averaged) = heap.attribute(id, "ema").filter(is_module) {
        return Some(averaged);
    }
    // PyTorch 2.6 and later make it again from the model.
    if heap.class(id) == Some("OptimizedModule")
        && let Some(model) = heap.argument(id).filter(is_module)
    {
        return Some(model);
    }
    let modules = heap.attribute(id, "_modules")?;
    let first = if heap.class(id) == Some("Ensemble") { heap.key(modules, "0") } else { None };
    let inner = ["module", "_orig_mod", "model", "net", "ema"].iter().find_map(|name| heap.key(modules, name));
    // A model's own rows are a Sequential.
    first.or(inner).filter(is_module).filter(|inner| !matches!(heap.class(*inner), Some("Sequential" | "ModuleList")))
}

struct Reader<'h, 'z> {
    heap: &'h Heap,
    storages: Storages<'h, 'z>,
    raw: Raw,
}

impl Reader<'_, '_> {
    fn state_dict(&mut self, dict: Id) -> Result<()> {
        for &(key, value) in self.heap.pairs(dict).unwrap_or_default() {
            let Some(key) = self.heap.text(key) else { continue };
            self.tensor(key.to_owned(), value)?;
        }
        Ok(())
    }

    /// Walks a module: its parameters, its buffers, its modules.
    fn module(&mut self, module: Id, prefix: &str, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(weights_error(format!("modules are nested deeper than {MAX_DEPTH}")).at(prefix));
        }
        let heap = self.heap;
        self.check_batch_norm(module, prefix)?;
        for kind in ["_parameters", "_buffers"] {
            let Some(dict) = heap.attribute(module, kind) else { continue };
            for &(key, value) in heap.pairs(dict).unwrap_or_default() {
                self.storages.visit()?;
                if let Some(key) = heap.text(key) {
                    self.tensor(format!("{prefix}{key}"), value)?;
                }
            }
        }
        let Some(dict) = heap.attribute(module, "_modules") else { return Ok(()) };
        for &(key, value) in heap.pairs(dict).unwrap_or_default() {
            self.storages.visit()?;
            if let (Some(key), Value::Object { .. }) = (heap.text(key), heap.get(value)) {
                if key.len() > 64 {
                    return Err(weights_error("a module's name is longer than 64 bytes").at(prefix));
                }
                self.module(value, &format!("{prefix}{key}."), depth + 1)?;
            }
        }
        Ok(())
    }

    fn check_batch_norm(&self, module: Id, prefix: &str) -> Result<()> {
        if self.heap.class(module) == Some("BatchNorm2d")
            && let Some(Value::Float(eps)) = self.heap.attribute(module, "eps").map(|id| self.heap.get(id))
            && (eps - BATCH_NORM_EPSILON).abs() > 1e-9
        {
            return Err(
                weights_error(format!("batch norm has epsilon {eps}, YOLOv5's is {BATCH_NORM_EPSILON}")).at(prefix)
            );
        }
        Ok(())
    }

    fn tensor(&mut self, key: String, value: Id) -> Result<()> {
        let Value::Tensor(view) = self.heap.get(value) else { return Ok(()) };
        if keys::is_dropped(&key) {
            return Ok(());
        }
        if key.len() > 256 || self.raw.tensors.len() + self.raw.unusable.len() >= MAX_TENSORS {
            return Err(weights_error(format!("more than {MAX_TENSORS} tensors, or a key longer than 256 bytes")));
        }
        let is_integer = |id: Id| matches!(self.heap.get(id), Value::Storage { dtype: Dtype::Other(_), .. });
        if is_integer(view.storage) || view.shape.contains(&0) {
            let why = if view.shape.contains(&0) { "no elements" } else { "integers" };
            self.raw.unusable.insert(key, why);
            return Ok(());
        }
        let tensor = self.storages.read(view).map_err(|error| error.at(&key))?;
        if self.raw.tensors.insert(key.clone(), tensor).is_some() {
            return Err(weights_error("this tensor is there twice").at(key));
        }
        Ok(())
    }
}
