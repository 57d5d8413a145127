//! The resolved network: every row with its channels, repeats, sources, and what it is made of.

use super::activation::Activation;
use super::block::Block;

/// Where a row takes a tensor from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The network's input image.
    Input,
    /// The output of an earlier row.
    Row(usize),
}

/// One row of the configuration, resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number, counted through backbone and head.
    pub index: usize,
    /// The line of the YAML that it begins at, from 1.
    pub line: usize,
    /// `from` as written: one or several.
    pub from: Vec<i64>,
    /// Whether `from` is a list.
    pub from_is_list: bool,
    /// Where its inputs come from. Where a row that stands between overwrites its own source in place (`nn.ReLU` and its
    /// kin), this is that row and not the one that `from` names.
    pub sources: Vec<Source>,
    /// The number as printed (after `depth_multiple`).
    pub repeats: usize,
    /// What runs, one after the other. Several copies have keys `model.{i}.{j}.…`, one has `model.{i}.…`.
    pub copies: Vec<Block>,
    /// Channels written down for the row: those that leave it, except where a row's arguments are taken literally.
    pub channels: usize,
    /// Module path as the reference prints it, e.g. `models.common.Conv`.
    pub printed_module: String,
    /// Arguments as the reference prints them, e.g. `[3, 32, 6, 2, 2]`.
    pub printed_arguments: String,
}

/// The whole network.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// The rows in order; the last is the Detect row.
    pub rows: Vec<Row>,
    /// Channels of the input image (3).
    pub input_channels: usize,
    /// Classes.
    pub nc: usize,
    /// The activation of every convolution that does not name another.
    pub activation: Activation,
    /// `activation` as the YAML writes it.
    pub activation_text: Option<String>,
    /// Sources that are not "the row before", sorted, repeats kept.
    pub save: Vec<usize>,
    /// Stride of each detect level.
    pub strides: Vec<f64>,
    /// Anchors per level in pixels of the network input, `[width, height]`, after the order check.
    pub anchors: Vec<Vec<[f32; 2]>>,
}

impl Graph {
    /// Anchors per level (the same on every level).
    pub fn anchors_per_level(&self) -> usize {
        self.anchors.first().map_or(0, Vec::len)
    }

    /// The largest stride: input sides must be multiples of it.
    pub fn max_stride(&self) -> usize {
        self.strides.iter().fold(1.0_f64, |a, &b| a.max(b)) as usize
    }

    /// Levels of the detection head.
    pub fn levels(&self) -> usize {
        self.anchors.len()
    }

    /// Number of the Detect row.
    pub fn detect_row(&self) -> usize {
        self.rows.len().saturating_sub(1)
    }

    /// Every parameter in PyTorch's order: key and shape. With `folded`, batch norms that follow a convolution are part of
    /// it.
    pub fn parameters(&self, folded: bool) -> Vec<(String, Vec<usize>)> {
        let mut all = Vec::new();
        for block in self.rows.iter().flat_map(|row| &row.copies) {
            block.parameters(folded, &mut |key, shape| all.push((key, shape)));
        }
        all
    }
}
