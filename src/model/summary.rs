//! The reference's table and its line, as text and as JSON; comparison of models.

use std::fmt;

use serde::Serialize;

use super::cost::{Cost, InputSize};
use super::graph::{Graph, Row};

/// The table's head, to the character.
pub const HEADER: &str =
    "                 from  n    params  module                                  arguments                     ";

/// The table: head and one line a row.
pub fn table(graph: &Graph) -> String {
    let cost = Cost::of(graph, false);
    let mut text = format!("{HEADER}\n");
    if let Some(activation) = &graph.activation_text {
        text.push_str(&format!("activation: {activation}\n"));
    }
    for (row, cost) in graph.rows.iter().zip(&cost.rows) {
        text.push_str(&row_line(row, cost.parameters));
        text.push('\n');
    }
    text
}

/// One line of the table, without blanks at its end.
pub fn row_line(row: &Row, parameters: u64) -> String {
    let Row { index, repeats, printed_module, printed_arguments, .. } = row;
    format!("{index:>3}{:>18}{repeats:>3}{parameters:>10}  {printed_module:<40}{printed_arguments}", printed_from(row))
}

fn printed_from(row: &Row) -> String {
    match row.from.as_slice() {
        [from] if !row.from_is_list => from.to_string(),
        list => format!("{list:?}"),
    }
}

/// A model's name as the reference prints it: `yolov5s-ghost.yaml` becomes `YOLOv5s-ghost`.
pub fn display_name(name: &str) -> String {
    let stem = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = stem.strip_suffix(".yaml").or_else(|| stem.strip_suffix(".yml")).unwrap_or(stem);
    stem.replace("yolov5", "YOLOv5")
}

/// `YOLOv5s summary: 214 layers, 7235389 parameters, 7235389 gradients, 16.6 GFLOPs`.
pub fn line(name: &str, cost: &Cost, imgsz: impl Into<InputSize>) -> String {
    let Cost { layers, parameters, gradients, .. } = cost;
    let gflops = cost.gflops(imgsz).map_or_else(String::new, |gflops| format!(", {gflops:.1} GFLOPs"));
    let name = display_name(name);
    format!("{name} summary: {layers} layers, {parameters} parameters, {gradients} gradients{gflops}")
}

/// A summary as data.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Summary {
    pub model: String,
    pub nc: usize,
    pub imgsz: usize,
    pub fused: bool,
    pub layers: u64,
    pub parameters: u64,
    pub gradients: u64,
    /// As printed, one digit after the point. `None` where the reference can't count them.
    pub gflops: Option<f64>,
    pub gflops_exact: Option<f64>,
    pub rows: Vec<SummaryRow>,
}

/// A row of a [`Summary`].
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct SummaryRow {
    pub index: usize,
    /// The line of the YAML that it begins at, from 1.
    pub line: usize,
    pub from: Vec<i64>,
    pub repeats: usize,
    pub parameters: u64,
    pub module: String,
    pub arguments: String,
    pub gflops: Option<f64>,
}

impl Summary {
    /// The summary of a graph for square pictures.
    pub fn of(name: &str, graph: &Graph, imgsz: usize, fused: bool) -> Self {
        let cost = Cost::of(graph, fused);
        let rows = graph.rows.iter().zip(&cost.rows).map(|(row, cost)| SummaryRow {
            index: row.index,
            line: row.line,
            from: row.from.clone(),
            repeats: row.repeats,
            parameters: cost.parameters,
            module: row.printed_module.clone(),
            arguments: row.printed_arguments.clone(),
            gflops: cost.gflops(imgsz),
        });
        let gflops_exact = cost.gflops(imgsz);
        Self {
            model: display_name(name),
            nc: graph.nc,
            imgsz,
            fused,
            layers: cost.layers,
            parameters: cost.parameters,
            gradients: cost.gradients,
            gflops: gflops_exact.map(as_printed),
            gflops_exact,
            rows: rows.collect(),
        }
    }
}

/// The summary as JSON.
pub fn json(name: &str, graph: &Graph, imgsz: usize, fused: bool) -> serde_json::Value {
    serde_json::to_value(Summary::of(name, graph, imgsz, fused)).unwrap_or_default()
}

/// The number that `{:.1}` prints.
fn as_printed(value: f64) -> f64 {
    format!("{value:.1}").parse().unwrap_or(value)
}

/// Models side by side; reductions in percent against the first.
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Comparison {
    pub imgsz: usize,
    pub fused: bool,
    pub models: Vec<Compared>,
}

/// A model of a [`Comparison`].
#[derive(Clone, Debug, Serialize)]
#[allow(missing_docs)]
pub struct Compared {
    pub model: String,
    pub nc: usize,
    pub layers: u64,
    pub parameters: u64,
    /// As printed, one digit after the point. `None` where the reference can't count them.
    pub gflops: Option<f64>,
    pub gflops_exact: Option<f64>,
    pub parameters_reduction: f64,
    /// From the exact numbers.
    pub gflops_reduction: Option<f64>,
    /// From the printed numbers, as articles do.
    pub gflops_reduction_printed: Option<f64>,
}

/// Compares graphs at one picture size.
pub fn compare<S: AsRef<str>>(models: &[(S, Graph)], imgsz: usize, fused: bool) -> Comparison {
    let mut compared: Vec<Compared> = Vec::with_capacity(models.len());
    for (name, graph) in models {
        let cost = Cost::of(graph, fused);
        let gflops_exact = cost.gflops(imgsz);
        let gflops = gflops_exact.map(as_printed);
        let first = compared.first();
        let less = |first: f64, value: f64| if first > 0.0 { (1.0 - value / first) * 100.0 } else { 0.0 };
        // The first is compared with itself.
        let less_gflops = |of_first: Option<Option<f64>>, value: Option<f64>| {
            of_first.unwrap_or(value).zip(value).map(|(first, value)| less(first, value))
        };
        let parameters = cost.parameters as f64;
        let entry = Compared {
            model: display_name(name.as_ref()),
            nc: graph.nc,
            layers: cost.layers,
            parameters: cost.parameters,
            gflops,
            gflops_exact,
            parameters_reduction: less(first.map_or(parameters, |first| first.parameters as f64), parameters),
            gflops_reduction: less_gflops(first.map(|first| first.gflops_exact), gflops_exact),
            gflops_reduction_printed: less_gflops(first.map(|first| first.gflops), gflops),
        };
        compared.push(entry);
    }
    Comparison { imgsz, fused, models: compared }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { imgsz, fused, models } = self;
        let state = if *fused { "fused" } else { "not fused" };
        writeln!(f, "{imgsz}x{imgsz}, {state}; reductions against the first")?;
        let (head, less) = ("model", "less");
        writeln!(f, "{head:<28}{:>5}{:>12}{less:>9}{:>9}{less:>9}", "nc", "parameters", "GFLOPs")?;
        for model in models {
            let Compared { model, nc, parameters, gflops, parameters_reduction, gflops_reduction, .. } = model;
            let text = |value: &Option<f64>, digits: usize, unit: &str| {
                value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}{unit}"))
            };
            let (p, g) = (format!("{parameters_reduction:.2}%"), text(gflops_reduction, 2, "%"));
            writeln!(f, "{model:<28}{nc:>5}{parameters:>12}{p:>9}{:>9}{g:>9}", text(gflops, 1, ""))?;
        }
        Ok(())
    }
}
