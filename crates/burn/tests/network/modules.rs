//! The reference's module cases: the block of each, and its tensors.

use std::collections::BTreeMap;
use std::path::Path;

use ghostdet::model::block::{Block, Conv, ConvShape};
use ghostdet::model::{Activation, parse_activation};
use ghostdet::weights::Tensor;

use super::golden::Golden;
use super::support::{as_maps, module::module};

/// A module with its golden tensors.
pub struct Case<'a> {
    /// As in the file.
    pub name: String,
    /// What it is made of; keys begin with `model.0`.
    pub block: Block,
    golden: &'a Golden,
}

impl Case<'_> {
    /// A tensor of the case; a sequence as a map of one row.
    pub fn get(&self, key: &str) -> Option<Tensor> {
        self.golden.get(&format!("{}/{key}", self.name)).map(as_maps)
    }

    /// The tensors under `folder`, by their keys in the network. Counters and anchors are left out.
    pub fn weights(&self, folder: &str) -> BTreeMap<String, Tensor> {
        let all = self.golden.under(&format!("{}/{folder}/", self.name));
        let ours = all.into_iter().filter(|(key, _)| !key.ends_with("num_batches_tracked") && key != "anchors");
        ours.map(|(key, tensor)| (format!("model.0.{key}"), tensor)).collect()
    }
}

/// All cases of a file of golden tensors and its index beside it.
pub fn cases<'a>(golden: &'a Golden, index: &Path) -> Vec<Case<'a>> {
    let index = std::fs::read(index).unwrap_or_else(|error| panic!("{}: {error}", index.display()));
    let index: serde_json::Value = serde_json::from_slice(&index).expect("JSON");
    let case = |case: &serde_json::Value| {
        let name = case["name"].as_str().expect("a name").to_owned();
        let default = case["default_act"].as_str().map_or(Activation::Silu, |text| parse_activation(text).unwrap());
        let text = case["module"].as_str().expect("a module");
        let input = golden.get(&format!("{name}/input0")).map(as_maps);
        let channels = input.map_or(0, |input| input.shape[1]);
        let block = match text.split('(').next() {
            Some("Concat") => Block::Join,
            Some("Detect") => Block::Detect(levels(golden, &name)),
            _ => module(text, channels, default).expect("one input").0,
        };
        Case { name, block, golden }
    };
    index["cases"].as_array().expect("cases").iter().map(case).collect()
}

/// The head's convolutions, told from their weights.
fn levels(golden: &Golden, name: &str) -> Vec<Conv> {
    let level = |level: usize| {
        let weight = golden.get(&format!("{name}/weights/m.{level}.weight"))?;
        let shape = ConvShape::pointwise(weight.shape[1], weight.shape[0]);
        Some(Conv::bare(format!("model.0.m.{level}"), shape, true))
    };
    (0..).map_while(level).collect()
}
