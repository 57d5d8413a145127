//! The cost of networks: counted, not run.

use ghostdet::model::{Config, builtin, summary};
use serde::Serialize;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::error::{argument, thrown};

/// The networks that are compared when none are given.
const COMPARED: [&str; 3] = ["yolov5s", "yolov5s-ghost", "yolov5s-ghost-backbone"];

/// The largest configuration that is read, in bytes.
const MAX_CONFIG_BYTES: usize = 64 * 1024;

/// The summary of a configuration as JSON: totals and rows, for images of `size` pixels a side.
///
/// # Errors
/// A configuration that can't be parsed or built.
#[wasm_bindgen]
pub fn summarize(yaml: &str, nc: Option<usize>, size: usize) -> Result<String, JsValue> {
    let (name, config) = read(yaml)?;
    let graph = config.graph(nc).map_err(thrown)?;
    let summary =
        summary::Summary { model: name.clone(), ..summary::Summary::of(&name, &graph, checked(size)?, false) };
    serde_json::to_string(&summary).map_err(|error| argument(&error.to_string()))
}

/// The YAML of a built-in network, with the multiples of its size; nothing where there is none of that name.
#[wasm_bindgen]
pub fn configuration(name: &str) -> Option<String> {
    builtin(name).map(|config| config.text().to_owned())
}

/// Networks side by side as JSON, with reductions in percent against the first. An empty list compares the three s networks.
///
/// # Errors
/// A configuration that can't be parsed or built.
#[wasm_bindgen]
pub fn compare(list: Vec<String>, nc: usize, size: usize) -> Result<String, JsValue> {
    #[derive(Serialize)]
    struct WithClasses {
        nc: usize,
        #[serde(flatten)]
        comparison: summary::Comparison,
    }
    let list = if list.is_empty() { COMPARED.map(String::from).to_vec() } else { list };
    let size = checked(size)?;
    let mut models = Vec::new();
    for text in &list {
        let (name, config) = read(text)?;
        models.push((name, config.graph(Some(nc)).map_err(thrown)?));
    }
    let mut comparison = summary::compare(&models, size, false);
    // The names as they were given: callers look models up by them.
    comparison.models.iter_mut().zip(models).for_each(|(compared, (name, _))| compared.model = name);
    let comparison = WithClasses { nc, comparison };
    serde_json::to_string(&comparison).map_err(|error| argument(&error.to_string()))
}

/// A built-in configuration by its name, or a YAML text.
pub(crate) fn read(text: &str) -> Result<(String, Config), JsValue> {
    if text.len() > MAX_CONFIG_BYTES {
        return Err(argument("a configuration is at most 64 kB of YAML"));
    }
    if let Some(config) = builtin(text.trim()) {
        return Ok((text.trim().to_owned(), config));
    }
    Config::parse(text).map(|config| ("custom".to_owned(), config)).map_err(thrown)
}

/// Checks an image size.
pub(crate) fn checked(size: usize) -> Result<usize, JsValue> {
    if (1..=4096).contains(&size) { Ok(size) } else { Err(argument("the image size is between 1 and 4096")) }
}
