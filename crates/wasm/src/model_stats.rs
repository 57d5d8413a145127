//! What networks cost: counted, not run.

use ghostdet::model::{Config, Cost, builtin};
use serde_json::{Value, json};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::{argument, thrown};

/// The three networks that are compared when none are named.
const COMPARED: [&str; 3] = ["yolov5s", "yolov5s-ghost", "yolov5s-ghost-backbone"];

/// The largest configuration that is read.
const CONFIG_BYTES: usize = 64 * 1024;

/// A configuration's table as JSON: totals and rows at `size` pixels a side.
///
/// # Errors
/// A configuration that can't be understood or built.
#[wasm_bindgen]
pub fn summarize(yaml: &str, nc: Option<usize>, size: usize) -> Result<String, JsValue> {
    let (name, config) = read(yaml)?;
    let graph = config.graph(nc).map_err(thrown)?;
    let cost = Cost::of(&graph, false);
    let rows: Vec<Value> = graph
        .rows
        .iter()
        .zip(&cost.rows)
        .map(|(row, cost)| {
            json!({
                "index": row.index,
                "from": row.from,
                "repeats": row.repeats,
                "parameters": cost.parameters,
                "module": row.printed_module,
                "arguments": row.printed_arguments,
                "gflops": cost.gflops(size),
            })
        })
        .collect();
    let mut summary = totals(&name, &cost, checked(size)?);
    summary["nc"] = graph.nc.into();
    summary["imgsz"] = size.into();
    summary["fused"] = false.into();
    summary["gradients"] = summary["parameters"].clone();
    summary["rows"] = rows.into();
    Ok(summary.to_string())
}

/// Networks side by side as JSON, reductions in percent against the first; an empty list means the three s networks.
///
/// # Errors
/// A configuration that can't be understood or built.
#[wasm_bindgen]
pub fn compare(list: Vec<String>, nc: usize, size: usize) -> Result<String, JsValue> {
    let list = if list.is_empty() { COMPARED.map(String::from).to_vec() } else { list };
    let size = checked(size)?;
    let mut models: Vec<Value> = Vec::new();
    for text in &list {
        let (name, config) = read(text)?;
        let cost = Cost::of(&config.graph(Some(nc)).map_err(thrown)?, false);
        let mut model = totals(&name, &cost, size);
        for key in ["parameters", "gflops"] {
            let exact = if key == "gflops" { "gflops_exact" } else { key };
            let number = |model: &Value| model[exact].as_f64().unwrap_or(0.0);
            let first = models.first().map_or_else(|| number(&model), number);
            let saved = if first > 0.0 { 100.0 * (1.0 - number(&model) / first) } else { 0.0 };
            model[format!("{key}_reduction")] = saved.into();
        }
        models.push(model);
    }
    Ok(json!({ "nc": nc, "imgsz": size, "fused": false, "models": models }).to_string())
}

/// A built-in configuration by its name, or a YAML text.
pub(crate) fn read(text: &str) -> Result<(String, Config), JsValue> {
    if text.len() > CONFIG_BYTES {
        return Err(argument("a configuration is at most 64 kB of YAML"));
    }
    if let Some(config) = builtin(text.trim()) {
        return Ok((text.trim().to_owned(), config));
    }
    Config::parse(text).map(|config| ("custom".to_owned(), config)).map_err(thrown)
}

/// A picture size that can be counted for.
pub(crate) fn checked(size: usize) -> Result<usize, JsValue> {
    if (1..=4096).contains(&size) { Ok(size) } else { Err(argument("the image size is between 1 and 4096")) }
}

fn totals(name: &str, cost: &Cost, size: usize) -> Value {
    let exact = cost.gflops(size);
    json!({
        "model": name,
        "layers": cost.layers,
        "parameters": cost.parameters,
        "gflops": exact.map(|gflops| (gflops * 10.0).round() / 10.0),
        "gflops_exact": exact,
    })
}
