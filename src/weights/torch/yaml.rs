//! The model's own configuration, written out again as YAML.

use std::fmt::Write;

use super::attributes;
use crate::error::Result;
use crate::weights::limits::{MAX_DEPTH, MAX_VISITS};
use crate::weights::pickle::{Heap, Id, Value};
use crate::weights::weights_error;

/// Renders the `yaml` attribute; `None` if it isn't a configuration.
pub(super) fn render(heap: &Heap, model: Id, yaml: Id, anchors: Option<&[Vec<f32>]>) -> Result<Option<String>> {
    if heap.key(yaml, "backbone").is_none() || heap.key(yaml, "head").is_none() {
        return Ok(None);
    }
    let mut writer = Writer { heap, text: String::new(), visits: 0 };
    match attributes::classes(heap, model) {
        Some(nc) => writer.line(&format!("nc: {nc}")),
        None => writer.entry(yaml, "nc")?,
    }
    writer.entry(yaml, "depth_multiple")?;
    writer.entry(yaml, "width_multiple")?;
    if heap.key(yaml, "ch").and_then(|id| heap.int(id)) != Some(3) {
        writer.entry(yaml, "ch")?;
    }
    match heap.key(yaml, "activation") {
        Some(_) => writer.entry(yaml, "activation")?,
        None => {
            if let Some(activation) = attributes::activation(heap, model) {
                writer.line(&format!("activation: {activation}"));
            }
        }
    }
    writer.anchors(yaml, anchors)?;
    writer.rows(yaml, "backbone")?;
    writer.rows(yaml, "head")?;
    Ok(Some(writer.text))
}

struct Writer<'h> {
    heap: &'h Heap,
    text: String,
    visits: usize,
}

impl Writer<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn entry(&mut self, yaml: Id, key: &str) -> Result<()> {
        if let Some(value) = self.heap.key(yaml, key) {
            self.text.push_str(key);
            self.text.push_str(": ");
            self.value(value, 0)?;
            self.text.push('\n');
        }
        Ok(())
    }

    fn rows(&mut self, yaml: Id, key: &str) -> Result<()> {
        let rows = self.heap.key(yaml, key).and_then(|rows| self.heap.items(rows));
        let rows = rows.ok_or_else(|| weights_error(format!("the model's configuration has no rows in `{key}`")))?;
        self.text.push_str(key);
        self.line(":");
        for &row in rows {
            self.text.push_str("  - ");
            self.value(row, 0)?;
            self.text.push('\n');
        }
        Ok(())
    }

    /// The configuration's anchors, unless the trained model has others.
    fn anchors(&mut self, yaml: Id, trained: Option<&[Vec<f32>]>) -> Result<()> {
        let Some(trained) = trained.filter(|trained| !self.same_anchors(yaml, trained)) else {
            return self.entry(yaml, "anchors");
        };
        self.line("anchors:");
        for level in trained {
            let numbers: Vec<String> = level.iter().map(ToString::to_string).collect();
            self.line(&format!("  - [{}]", numbers.join(", ")));
        }
        Ok(())
    }

    /// Equal but for rounding to fp16 and the order of the levels (which the build sets right again).
    fn same_anchors(&self, yaml: Id, trained: &[Vec<f32>]) -> bool {
        let written = self.heap.key(yaml, "anchors").and_then(|id| self.heap.items(id)).unwrap_or_default();
        let same = |levels: &mut dyn Iterator<Item = &Vec<f32>>| {
            written.len() == trained.len() && written.iter().zip(levels).all(|(&a, b)| self.same_level(a, b))
        };
        same(&mut trained.iter()) || same(&mut trained.iter().rev())
    }

    fn same_level(&self, written: Id, trained: &[f32]) -> bool {
        let written = self.heap.items(written).unwrap_or_default();
        let number = |id: &Id| match self.heap.get(*id) {
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            _ => None,
        };
        let close = |(a, b): (&Id, &f32)| number(a).is_some_and(|a| (a - f64::from(*b)).abs() <= 1e-3 * a.abs());
        written.len() == trained.len() && written.iter().zip(trained).all(close)
    }

    fn value(&mut self, id: Id, depth: usize) -> Result<()> {
        self.visits += 1;
        if depth > MAX_DEPTH || self.visits > MAX_VISITS {
            return Err(weights_error("the model's configuration is too deep or too large").at("yaml"));
        }
        match self.heap.get(id) {
            Value::None => self.text.push_str("None"),
            Value::Bool(true) => self.text.push_str("True"),
            Value::Bool(false) => self.text.push_str("False"),
            Value::Int(value) => write!(self.text, "{value}").unwrap_or_default(),
            Value::Float(value) => write!(self.text, "{value:?}").unwrap_or_default(),
            Value::Str(text) => self.word(text)?,
            Value::List(items) | Value::Tuple(items) => {
                self.text.push('[');
                for (i, &item) in items.iter().enumerate() {
                    if i > 0 {
                        self.text.push_str(", ");
                    }
                    self.value(item, depth + 1)?;
                }
                self.text.push(']');
            }
            _ => return Err(weights_error("the model's configuration holds a value YAML can't say").at("yaml")),
        }
        Ok(())
    }

    /// A known word stands plain; what else could be anything is quoted.
    fn word(&mut self, text: &str) -> Result<()> {
        if text.len() > 256 {
            return Err(weights_error("the model's configuration holds a text of more than 256 bytes").at("yaml"));
        }
        let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._()".contains(c))
            && !matches!(text, "nearest" | "bilinear" | "bicubic");
        if plain {
            self.text.push_str(text);
        } else if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') && !text.contains('\'') {
            write!(self.text, "'{text}'").unwrap_or_default();
        } else {
            write!(self.text, "{text:?}").unwrap_or_default();
        }
        Ok(())
    }
}
