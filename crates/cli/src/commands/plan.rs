//! `ghostdet plan`.

use crate::options::{parse_size, print, read_config};
use crate::profile::{self, cost};
use crate::table::{Column, table};
use clap::ValueEnum;
use ghostdet::Result;
use ghostdet::engine::plan::{Layout, Plan, Retain};
use ghostdet::engine::program::Program;
use ghostdet::engine::{Device, Engine, EngineOptions, Weights};
use ghostdet::model::Cost;
use serde_json::{Value, json};

/// Whose layout of memory.
#[derive(Clone, Copy, ValueEnum)]
enum Executor {
    Cpu,
    Gpu,
}

/// Print the fused steps a network is run in, and where everything lies
#[derive(clap::Args)]
#[command(
    after_help = "Batch norm is folded; bias, activation and residual are part of each convolution. `at` is the \
offset in the one buffer of activations; `in 12+16` means: in the map of step 12, from channel 16 on, so that a \
concatenation costs nothing.

Examples:
  ghostdet plan yolov5n-ghost-backbone --imgsz 320
  ghostdet plan my.yaml --executor gpu --json"
)]
pub struct Args {
    /// A YAML file or a built-in name
    config: String,
    /// Number of classes [default: the configuration's]
    #[arg(long, value_name = "N")]
    nc: Option<usize>,
    /// The picture's size: N or HxW
    #[arg(long, value_name = "N", default_value = "640", value_parser = parse_size)]
    imgsz: [usize; 2],
    /// Whose layout of memory
    #[arg(long, value_enum, default_value = "cpu")]
    executor: Executor,
    /// Also run it with random weights: milliseconds per step, the median of several runs
    #[arg(long)]
    time: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let graph = read_config(&self.config)?.graph(self.nc)?;
        // Looking needs no weights: a network of any size is planned at once.
        let program = &Engine::program_without_weights(&graph)?;
        let layout = match self.executor {
            Executor::Cpu => Layout::ChannelsLast,
            Executor::Gpu => Layout::Blocks,
        };
        // What `detect` does: on the processor, no raw map is ever written.
        let retain = if layout == Layout::ChannelsLast { Retain::Candidates } else { Retain::Maps };
        let plan = Plan::new(program, self.imgsz, layout, retain)?;
        let mut steps: Vec<Value> = (0..program.ops.len()).map(|index| step(program, &plan, index)).collect();
        let mut ran = None;
        if self.time {
            let device = match self.executor {
                Executor::Cpu => Device::Cpu(None),
                Executor::Gpu => Device::Gpu(None),
            };
            let mut engine = Engine::new(&graph, Weights::Random, &EngineOptions::default())?;
            let (on, times) = profile::operations(&graph, &mut engine, self.imgsz, &device)?;
            ran = Some(on);
            steps.iter_mut().zip(times).for_each(|(step, time)| step["milliseconds"] = time.milliseconds.into());
        }
        let adds: f64 = steps.iter().filter_map(|step| step["multiply_adds"].as_f64()).sum();
        let bytes = |floats: usize| floats * 4;
        let parameters = Cost::of(&graph, true).parameters;
        if self.json {
            let mut all = json!({
                "model": self.config,
                "size": self.imgsz,
                "steps": steps,
                "multiply_adds": adds,
                "activation_bytes": bytes(plan.arena),
                "activation_bytes_without_reuse": bytes(plan.without_reuse),
                "weight_bytes": bytes(parameters as usize),
            });
            if let Some(ran) = ran {
                ran.add_to(&mut all);
            }
            print(all)?;
            return Ok(true);
        }
        let places = ["in", "out", "MMAC", "at"].map(Column::Number);
        let rates = ["ms", "GMAC/s", "GB/s"].map(Column::Number);
        let rates = if self.time { &rates[..] } else { &[] };
        let what = [Column::Number("step"), Column::Number("row"), Column::Text("what"), Column::Text("kernel")];
        let mut table = table(&[&what[..], &places, rates, &[Column::Text("place")]].concat());
        for step in &steps {
            let text = |key: &str| step[key].as_str().map_or_else(|| step[key].to_string(), str::to_owned);
            let adds = format!("{:.2}", step["multiply_adds"].as_f64().unwrap_or(0.0) / 1e6);
            let cells = ["step", "row", "what", "kernel", "in", "out"].map(text).into_iter().chain([adds, text("at")]);
            table.add_row(cells.chain(speeds(step)).chain([text("place")]));
        }
        print(table.trim_fmt())?;
        let mb = |floats: usize| bytes(floats) as f64 / 1e6;
        print(format!(
            "{} steps, {:.1} MMAC; activations {:.2} MB ({:.2} without reuse), weights {:.2} MB",
            steps.len(),
            adds / 1e6,
            mb(plan.arena),
            mb(plan.without_reuse),
            mb(parameters as usize),
        ))?;
        Ok(true)
    }
}

/// Milliseconds, GMAC/s and GB/s of a step that was timed.
fn speeds(step: &Value) -> Vec<String> {
    let Some(ms) = step["milliseconds"].as_f64() else { return Vec::new() };
    let per = |key: &str| step[key].as_f64().unwrap_or(0.0) / ms.max(1e-9) / 1e6;
    vec![format!("{ms:.3}"), format!("{:.1}", per("multiply_adds")), format!("{:.1}", per("bytes"))]
}

fn step(program: &Program, plan: &Plan, index: usize) -> Value {
    let op = &program.ops[index];
    let (adds, bytes) = cost(op, plan);
    let map = |value: usize| {
        let place = plan.views[value];
        format!("{}x{}x{}", place.channels, place.height, place.width)
    };
    let (root, offset) = program.root(op.output);
    let writers = |value: usize| program.ops.iter().position(|op| program.root(op.output).0 == value);
    let place = match root == op.output {
        true if plan.fuses_stem && index == 0 => "a few rows at a time".into(),
        true => String::new(),
        false => format!("in {}+{offset}", writers(root).map_or_else(|| "?".into(), |step| step.to_string())),
    };
    json!({
        "step": index,
        "row": op.row,
        "what": op.kind.name(),
        "kernel": op.kind.details(op.residual.is_some(), op.upsampled_addend.is_some()),
        "in": map(op.input),
        "out": map(op.output),
        "multiply_adds": adds,
        "bytes": bytes,
        "at": plan.views[op.output].start,
        "place": place,
    })
}
