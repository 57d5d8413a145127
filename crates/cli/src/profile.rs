//! Milliseconds per row, measured with random weights.

use crate::device::{Ran, select_for_engine};
use crate::table::{Column, table};
use ghostdet::Result;
use ghostdet::engine::plan::{Layout, Plan, Retain};
use ghostdet::engine::program::{Op, OpKind};
use ghostdet::engine::{Device, Engine, EngineOptions, OpTime, Weights};
use ghostdet::model::Graph;
use serde_json::{Value, json};

/// Runs that count; one before them does not.
const RUNS: usize = 7;

/// What each row took.
pub struct Profile {
    ran: Ran,
    imgsz: usize,
    rows: Vec<Row>,
}

#[derive(Clone, Default)]
struct Row {
    milliseconds: f64,
    multiply_adds: f64,
    /// Bytes of weights, inputs and outputs, each counted once an operation.
    bytes: f64,
}

/// Median milliseconds of each operation of `engine` on `device` (of each row in Burn's own operations), and what ran them.
pub fn operations(graph: &Graph, engine: &mut Engine, size: [usize; 2], device: &Device) -> Result<(Ran, Vec<OpTime>)> {
    let count = size[0] * size[1] * graph.input_channels;
    let pixels: Vec<f32> = (0..count).map(|i| (i * 31 % 251) as f32 / 250.0).collect();
    select_for_engine(engine, graph, device)?;
    let runs = (0..=RUNS).map(|_| engine.profile(&pixels, size)).collect::<Result<Vec<_>>>()?;
    let median = |(index, time): (usize, &OpTime)| {
        let mut times: Vec<f64> = runs[1..].iter().map(|run| run[index].milliseconds).collect();
        times.sort_by(f64::total_cmp);
        OpTime { milliseconds: times[times.len() / 2], ..time.clone() }
    };
    Ok((Ran::on(engine), runs[0].iter().enumerate().map(median).collect()))
}

/// Runs `graph` on `device` at `imgsz` (rounded up to the stride).
pub fn measure(graph: &Graph, imgsz: usize, device: &Device) -> Result<Profile> {
    let stride = graph.max_stride().max(1);
    let side = imgsz.div_ceil(stride) * stride;
    let size = [side, side];
    let options = EngineOptions { precision: device.precision(), ..EngineOptions::default() };
    let mut engine = Engine::new(graph, Weights::Random, &options)?;
    let (ran, times) = operations(graph, &mut engine, size, device)?;
    let mut rows = vec![Row::default(); graph.rows.len()];
    let plan = Plan::new(engine.program(), size, Layout::ChannelsLast, Retain::Maps)?;
    for time in times {
        let Some(row) = rows.get_mut(time.row) else { continue };
        row.milliseconds += time.milliseconds;
    }
    for op in &engine.program().ops {
        let Some(row) = rows.get_mut(op.row) else { continue };
        let (adds, bytes) = cost(op, &plan);
        row.multiply_adds += adds;
        row.bytes += bytes;
    }
    Ok(Profile { ran, imgsz: side, rows })
}

/// Multiply-adds and bytes of an operation.
pub fn cost(op: &Op, plan: &Plan) -> (f64, f64) {
    let values = |value: usize| {
        let view = plan.views[value];
        (view.height * view.width * view.channels) as f64
    };
    let mut bytes = 4.0 * (values(op.input) + values(op.output) + op.residual.map_or(0.0, values));
    bytes += 4.0 * op.upsampled_addend.map_or(0.0, |addend| values(addend.value));
    let mut adds = 0.0;
    match &op.kind {
        OpKind::Conv { shape, .. } | OpKind::FusedGhostDepthwise { shape, .. } => {
            let view = plan.views[op.output];
            let weights = shape.weight_shape().iter().product::<usize>();
            adds = (view.height * view.width * weights) as f64;
            bytes += 4.0 * weights as f64;
        }
        OpKind::ConvTranspose { shape, .. } => {
            let view = plan.views[op.input];
            let weights =
                shape.channels[0] * shape.channels[1] / shape.groups.max(1) * shape.kernel[0] * shape.kernel[1];
            adds = (view.height * view.width * weights) as f64;
            bytes += 4.0 * weights as f64;
        }
        OpKind::Attention { .. } => {
            let view = plan.views[op.output];
            let pixels = (view.height * view.width) as f64;
            adds = 2.0 * pixels * pixels * view.channels as f64;
        }
        _ => {}
    }
    (adds, bytes)
}

impl Profile {
    /// For JSON.
    pub fn json(&self) -> Value {
        let row = |row: &Row| json!({ "milliseconds": row.milliseconds, "gmac": row.multiply_adds / 1e9, "bytes": row.bytes });
        let mut all = json!({ "imgsz": self.imgsz, "rows": self.rows.iter().map(row).collect::<Vec<_>>() });
        self.ran.add_to(&mut all);
        all
    }

    /// A table: row, module, milliseconds, share, GMAC/s, multiply-adds per byte.
    pub fn table(&self, graph: &Graph) -> String {
        let total: f64 = self.rows.iter().map(|row| row.milliseconds).sum();
        let numbers = ["ms", "share", "GMAC/s", "MAC/byte"].map(Column::Number);
        let mut table = table(&[&[Column::Number("row"), Column::Text("module")][..], &numbers].concat());
        for (row, configured) in self.rows.iter().zip(&graph.rows) {
            let module = configured.printed_module.as_str();
            table.add_row([
                configured.index.to_string(),
                module.trim_start_matches("models.common.").trim_start_matches("models.yolo.").to_owned(),
                format!("{:.3}", row.milliseconds),
                format!("{:.1}%", 100.0 * row.milliseconds / total.max(1e-9)),
                format!("{:.1}", row.multiply_adds / row.milliseconds.max(1e-9) / 1e6),
                format!("{:.1}", row.multiply_adds / row.bytes.max(1.0)),
            ]);
        }
        let adds: f64 = self.rows.iter().map(|row| row.multiply_adds).sum();
        let rate = format!("{:.1}", adds / total.max(1e-9) / 1e6);
        table.add_row([String::new(), "all".to_owned(), format!("{total:.3}"), String::new(), rate, String::new()]);
        let (who, side) = (self.ran.words(), self.imgsz);
        format!("\n{}\n{who}, {side}x{side}, median of {RUNS}", table.trim_fmt())
    }
}
