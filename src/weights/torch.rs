//! PyTorch `.pt` files as YOLOv5's `train.py` writes them, and plain state dicts.

mod attributes;
mod tensor;
mod yaml;

use std::collections::BTreeMap;

use self::tensor::Storages;
use super::archive::Archive;
use super::limits::{MAX_DEPTH, MAX_TENSORS};
use super::pickle::{self, Heap, Id, Value};
use super::{Checkpoint, Part, Tensor, keys, weights_error};
use crate::error::Result;
use crate::model::BATCH_NORM_EPSILON;

/// Reads a PyTorch zip.
pub(super) fn load(bytes: &[u8], part: Part) -> Result<Checkpoint> {
    let archive = Archive::open(bytes)?;
    let pickle = archive.names().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let pickle = pickle.map(str::to_owned).ok_or_else(|| {
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
        return Err(weights_error("the checkpoint is big-endian").hint("save it on a little-endian machine"));
    }
    if archive.size_of(&pickle).is_some_and(|size| size > super::limits::MAX_PICKLE_BYTES) {
        return Err(weights_error("data.pkl is too large to be a checkpoint's").at(pickle));
    }
    let heap = pickle::read(&archive.read(&pickle)?)?;
    let (root, chosen) = choose(&heap, part)?;
    let mut reader =
        Reader { heap: &heap, storages: Storages::new(&heap, &archive, &prefix), tensors: BTreeMap::new() };
    let mut checkpoint = Checkpoint::default();
    if heap.pairs(root).is_some() {
        reader.state_dict(root)?;
    } else {
        reader.module(root, "", 0)?;
        checkpoint.names = attributes::names(&heap, root)?;
    }
    if reader.tensors.is_empty() {
        return Err(weights_error("the checkpoint holds no tensors").hint("is it a YOLOv5 model?"));
    }
    checkpoint.imgsz = attributes::image_size(&heap);
    checkpoint.format = format!("PyTorch .pt ({chosen}, {})", reader.storages.dtype_name());
    checkpoint.tensors = keys::normalise(std::mem::take(&mut reader.tensors))?;
    if let Some(yaml) = heap.attribute(root, "yaml") {
        let anchors = attributes::anchors_in_pixels(&heap, root, &mut reader.storages)?;
        checkpoint.yaml = yaml::render(&heap, root, yaml, anchors.as_deref())?;
    }
    Ok(checkpoint)
}

/// The module or state dict to read, and what it is called.
fn choose(heap: &Heap, part: Part) -> Result<(Id, &'static str)> {
    let usable = |id: &Id| matches!(heap.get(*id), Value::Object { .. } | Value::Dict(_));
    let root = heap.root;
    if matches!(heap.get(root), Value::Object { .. }) {
        return Ok((root, "model"));
    }
    if heap.pairs(root).is_none() {
        return Err(
            weights_error("the checkpoint is neither a dictionary nor a model").hint("is it a YOLOv5 checkpoint?")
        );
    }
    let order: &[&'static str] = match part {
        Part::Ema => &["ema", "model", "state_dict"],
        Part::Model => &["model", "state_dict"],
    };
    for &name in order {
        if let Some(id) = heap.key(root, name).filter(usable) {
            return Ok((id, name));
        }
    }
    let tensors = heap.pairs(root).unwrap_or_default().iter().any(|(_, v)| matches!(heap.get(*v), Value::Tensor(_)));
    if tensors {
        return Ok((root, "state dict"));
    }
    Err(weights_error("the checkpoint has no `ema`, no `model` and no tensors").hint("is it a YOLOv5 checkpoint?"))
}

struct Reader<'h, 'z> {
    heap: &'h Heap,
    storages: Storages<'h, 'z>,
    tensors: BTreeMap<String, Tensor>,
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
        if key.len() > 256 || self.tensors.len() >= MAX_TENSORS {
            return Err(weights_error(format!("more than {MAX_TENSORS} tensors, or a key longer than 256 bytes")));
        }
        let tensor = self.storages.read(view).map_err(|error| error.at(&key))?;
        if self.tensors.insert(key.clone(), tensor).is_some() {
            return Err(weights_error("this tensor is there twice").at(key));
        }
        Ok(())
    }
}
