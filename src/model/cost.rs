//! What a graph costs: layers, parameters, operations; counted as the reference counts.

use super::graph::{Graph, Source};
use super::meter::{Meter, Size, Tally};

/// Height and width of the network's input: from a side, or `[height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputSize(pub [usize; 2]);

impl From<usize> for InputSize {
    fn from(side: usize) -> Self {
        Self([side; 2])
    }
}

impl From<[usize; 2]> for InputSize {
    fn from(size: [usize; 2]) -> Self {
        Self(size)
    }
}

impl From<(usize, usize)> for InputSize {
    fn from((height, width): (usize, usize)) -> Self {
        Self([height, width])
    }
}

/// Cost of one row, or of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RowCost {
    /// Parameters: weights, and scale and shift of batch norms; running statistics not counted.
    pub parameters: u64,
    /// Multiply-adds of the convolutions at the base size.
    pub multiply_adds: u64,
    /// What the reference counts at the base size: multiply-adds, 4 for an element of a batch norm,
    /// 1 for an element of an upsampled map.
    pub operations: u64,
    /// The side of the square picture the operations were counted on.
    pub base: usize,
}

impl RowCost {
    fn new(tally: &Tally, base: usize) -> Self {
        let operations = tally.convolution.saturating_add(tally.norm).saturating_add(tally.upsample);
        Self { parameters: tally.parameters, multiply_adds: tally.convolution, operations, base }
    }

    /// Giga floating point operations (two an operation) for a picture of `size`.
    pub fn gflops(&self, size: impl Into<InputSize>) -> f64 {
        let InputSize([height, width]) = size.into();
        let base = self.base as f64;
        self.operations as f64 / 1e9 * 2.0 * height as f64 / base * width as f64 / base
    }
}

/// Cost of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Distinct module objects, the root and every container included.
    pub layers: u64,
    /// All parameters.
    pub parameters: u64,
    /// Parameters that are trained: all, in a network built from a YAML.
    pub gradients: u64,
    /// Whether batch norm was counted as folded into the convolutions.
    pub fused: bool,
    /// Per row.
    pub rows: Vec<RowCost>,
    total: RowCost,
}

impl Cost {
    /// Counts the graph, with batch norm folded if `fused`.
    pub fn of(graph: &Graph, fused: bool) -> Self {
        let base = graph.max_stride().max(32);
        let mut meter = Meter::new(graph.activation, fused);
        // The root and its Sequential.
        let mut sum = Tally { layers: 2, ..Tally::default() };
        let mut sizes: Vec<Size> = Vec::with_capacity(graph.rows.len());
        let mut rows = Vec::with_capacity(graph.rows.len());
        for row in &graph.rows {
            let size = |source: &Source| match source {
                Source::Input => [base; 2],
                Source::Row(row) => sizes.get(*row).copied().unwrap_or([1, 1]),
            };
            let inputs: Vec<Size> = row.sources.iter().map(size).collect();
            meter.tally = Tally::default();
            sizes.push(meter.row(row, &inputs));
            let tally = meter.tally;
            sum.layers += tally.layers;
            sum.parameters = sum.parameters.saturating_add(tally.parameters);
            sum.convolution = sum.convolution.saturating_add(tally.convolution);
            sum.norm = sum.norm.saturating_add(tally.norm);
            sum.upsample = sum.upsample.saturating_add(tally.upsample);
            rows.push(RowCost::new(&tally, base));
        }
        Self {
            layers: sum.layers + u64::from(meter.shared),
            parameters: sum.parameters,
            gradients: sum.parameters,
            fused,
            rows,
            total: RowCost::new(&sum, base),
        }
    }

    /// All rows together.
    pub fn total(&self) -> RowCost {
        self.total
    }

    /// Giga floating point operations for a picture of `size` (a side, or `[height, width]`).
    pub fn gflops(&self, size: impl Into<InputSize>) -> f64 {
        self.total.gflops(size)
    }
}
