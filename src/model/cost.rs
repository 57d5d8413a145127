//! What a graph costs: layers, parameters, operations; counted as the reference counts.

use super::activation::Activation;
use super::graph::Graph;
use super::profile::{OpCount, profile};

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
    /// Parameters: weights, and scale and shift of batch norms; running statistics are not counted.
    pub parameters: u64,
    /// Multiply-adds of the convolutions at the base size.
    pub multiply_adds: u64,
    /// What the reference (thop 0.1.1) counts at the base size: multiply-adds of convolutions and matrices (attention's own
    /// are left out), 4 for an element of a batch norm, 1 for an element of an upsampled map. `None` where the reference
    /// can't count the network.
    pub operations: Option<u64>,
    /// The side of the square image the operations were counted on.
    pub base: usize,
}

impl RowCost {
    fn new(count: &OpCount, base: usize, counted: bool) -> Self {
        let operations =
            [count.linear, count.norm, count.resize].iter().fold(count.convolution, |a, b| a.saturating_add(*b));
        let operations = counted.then_some(operations);
        Self { parameters: count.parameters, multiply_adds: count.convolution, operations, base }
    }

    /// Giga floating point operations (two an operation) for an image of `size`. `None` as for
    /// [`operations`](Self::operations).
    pub fn gflops(&self, size: impl Into<InputSize>) -> Option<f64> {
        let InputSize([height, width]) = size.into();
        let base = self.base as f64;
        self.operations.map(|count| count as f64 / 1e9 * 2.0 * height as f64 / base * width as f64 / base)
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
    /// Per row. A slope that all rows share (`activation: nn.PReLU()`) is counted in each.
    pub rows: Vec<RowCost>,
    total: RowCost,
}

impl Cost {
    /// Counts the graph, with batch norm folded if `fused`.
    pub fn of(graph: &Graph, fused: bool) -> Self {
        let base = graph.max_stride().max(32);
        let (counts, profiler) = profile(graph, base, fused);
        let counted = profiler.problem.is_none() && takes_counting_image(graph);
        // The root and its Sequential.
        let mut sum = OpCount { layers: 2, ..OpCount::default() };
        counts.iter().for_each(|count| sum.add(count));
        if profiler.uses_default() {
            sum.layers += 1;
        }
        if graph.activation == Activation::Prelu && profiler.uses_default() {
            let (convolutions, elements) = (profiler.default_uses[0], profiler.default_uses[1]);
            let rows = counts.iter().filter(|count| count.meets_default).count() as u64;
            sum.parameters = sum.parameters + 1 - rows;
            // thop hooks the one object once for every convolution, and counts it at each call in each of them.
            sum.resize = sum.resize.saturating_add(convolutions.saturating_mul(convolutions).saturating_mul(elements));
        }
        Self {
            layers: sum.layers,
            parameters: sum.parameters,
            gradients: sum.parameters,
            fused,
            rows: counts.iter().map(|count| RowCost::new(count, base, counted)).collect(),
            total: RowCost::new(&sum, base, counted),
        }
    }

    /// All rows together.
    pub fn total(&self) -> RowCost {
        self.total
    }

    /// Giga floating point operations for an image of `size` (a side, or `[height, width]`). `None` where the reference
    /// can't count them: it prints none then.
    pub fn gflops(&self, size: impl Into<InputSize>) -> Option<f64> {
        self.total.gflops(size)
    }
}

/// The reference counts on an image with as many channels as the second dimension of the first parameter. A network that
/// takes another number of channels is not counted.
fn takes_counting_image(graph: &Graph) -> bool {
    let mut first = None;
    for block in graph.rows.iter().flat_map(|row| &row.copies) {
        block.parameters(false, &mut |_, shape| {
            first.get_or_insert(shape);
        });
        if first.is_some() {
            break;
        }
    }
    first.is_none_or(|shape| shape.get(1) == Some(&graph.input_channels))
}
