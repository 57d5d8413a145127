//! From a configuration to a graph: repeats, channels, sources, sizes, anchors.

use super::arguments::{Arguments, MAX_CHANNELS, is_scaled, printed, printed_module, takes_repeats};
use super::config::{Config, RowText};
use super::graph::{Graph, Module, Row, Source};
use super::meter::{Meter, Size};
use super::yaml::{Node, Position, Value};
use crate::{Error, ErrorKind, Result};

/// Strides are measured on a picture of this side.
const PROBE: usize = 256;
/// Most module copies of all rows together.
const MAX_REPEATS: usize = 10_000;
/// Most parameters of a network.
const MAX_PARAMETERS: u64 = 10_000_000_000;
const MAX_LEVELS: usize = 16;
const MAX_ANCHORS: usize = 64;

/// Anchors as written: numbers per level, or how many a level.
enum Anchors {
    Count(usize),
    Levels(Vec<Vec<Value>>),
}

impl Config {
    /// Resolves the network, for `nc` classes if given.
    pub fn graph(&self, nc: Option<usize>) -> Result<Graph> {
        let Some(nc) = nc.or(self.nc()) else {
            let error = Error::new(ErrorKind::Config, "the number of classes is missing");
            return Err(error.hint("add `nc: 80` or give it as an option"));
        };
        if !(1..=10_000).contains(&nc) {
            let message = format!("{nc} classes: from 1 to 10000 are supported");
            return Err(Error::new(ErrorKind::Argument, message));
        }
        let anchors = match self.rows.last() {
            Some(RowText { module, arguments, .. }) if module == "Detect" => match arguments.get(1) {
                None => self.anchors(&self.anchors)?,
                Some(Node { value: Value::Word(word), .. }) if word == "anchors" => self.anchors(&self.anchors)?,
                Some(node) => self.anchors(node)?,
            },
            Some(row) => {
                let message = format!("the last row must be Detect, found {}", row.module);
                return Err(self.error_at(row.module_position, message));
            }
            None => return Err(Error::new(ErrorKind::Config, "backbone and head have no rows")),
        };
        Resolver { config: self, nc, anchors, rows: Vec::new(), sizes: Vec::new(), save: Vec::new() }.graph()
    }

    fn anchors(&self, node: &Node) -> Result<Anchors> {
        let shape = "expected anchors as a list of levels, each width, height, width, height …, or a whole number";
        let fail = |position: Position| Err(self.error_at(position, shape));
        match &node.value {
            Value::Int(count @ 1..) if *count <= MAX_ANCHORS as i64 => Ok(Anchors::Count(*count as usize)),
            Value::List(levels) if (1..=MAX_LEVELS).contains(&levels.len()) => {
                let mut numbers: Vec<Vec<Value>> = Vec::new();
                for level in levels {
                    let Value::List(items) = &level.value else { return fail(level.position) };
                    let expected = numbers.first().map_or(items.len(), Vec::len);
                    if items.len() != expected || items.is_empty() || items.len() % 2 != 0 {
                        let message = format!(
                            "a level of anchors has {} numbers; every level needs the same even number",
                            items.len()
                        );
                        return Err(self.error_at(level.position, message));
                    }
                    if items.len() > 2 * MAX_ANCHORS {
                        return Err(self.error_at(level.position, format!("more than {MAX_ANCHORS} anchors a level")));
                    }
                    if let Some(odd) = items.iter().find(|item| pixels(&item.value).is_none()) {
                        return fail(odd.position);
                    }
                    numbers.push(items.iter().map(|item| item.value.clone()).collect());
                }
                Ok(Anchors::Levels(numbers))
            }
            _ => fail(node.position),
        }
    }
}

fn pixels(value: &Value) -> Option<f32> {
    let value = match value {
        Value::Int(value) => *value as f32,
        Value::Float(value) => *value as f32,
        _ => return None,
    };
    (0.0..=1e6).contains(&value).then_some(value)
}

struct Resolver<'a> {
    config: &'a Config,
    nc: usize,
    anchors: Anchors,
    rows: Vec<Row>,
    sizes: Vec<Size>,
    save: Vec<usize>,
}

impl Resolver<'_> {
    fn graph(mut self) -> Result<Graph> {
        let config = self.config;
        let mut meter = Meter::new(config.activation(), false);
        let mut repeats = 0;
        for (index, text) in config.rows.iter().enumerate() {
            let row = self.row(index, text)?;
            repeats += row.repeats;
            if repeats > MAX_REPEATS {
                return Err(config.error_at(text.position, format!("more than {MAX_REPEATS} repeats in all")));
            }
            let sizes: Vec<Size> = row.sources.iter().map(|source| self.size(*source)).collect();
            let size = meter.row(&row, &sizes);
            if let Some(problem) = meter.problem.take() {
                return Err(config.error_at(text.module_position, format!("row {index}, {}: {problem}", text.module)));
            }
            if meter.tally.parameters > MAX_PARAMETERS {
                return Err(config.error_at(text.position, format!("more than {MAX_PARAMETERS} parameters")));
            }
            self.sizes.push(size);
            self.rows.push(row);
        }
        let levels: Vec<Size> = match self.rows.last() {
            Some(row) => row.sources.iter().map(|source| self.size(*source)).collect(),
            None => Vec::new(),
        };
        let strides: Vec<f64> = levels.iter().map(|size| PROBE as f64 / size[0] as f64).collect();
        let anchors = self.ordered_anchors(&strides);
        self.save.sort_unstable();
        Ok(Graph {
            rows: self.rows,
            input_channels: config.input_channels(),
            nc: self.nc,
            activation: config.activation(),
            save: self.save,
            strides,
            anchors,
        })
    }

    fn row(&mut self, index: usize, text: &RowText) -> Result<Row> {
        let config = self.config;
        let module = text.module.as_str();
        let fail = |message: String| Err(config.error_at(text.module_position, message));
        let several = matches!(module, "Concat" | "Detect");
        if several != text.from_is_list {
            let from = if several { "a list of rows, such as [-1, 6]" } else { "one row, such as -1" };
            return fail(format!("{module} takes `from` as {from}"));
        }
        let sources = self.sources(index, text)?;
        let repeats = match text.number {
            1 => 1,
            number => ((number as f64 * config.depth_multiple()).round_ties_even() as usize).max(1),
        };
        if repeats > 1000 {
            return fail(format!("{repeats} repeats after depth_multiple; at most 1000 are supported"));
        }
        if repeats > 1 && several {
            return fail(format!("{module} can't be repeated; its number must be 1"));
        }
        let channels: Vec<usize> = sources.iter().map(|source| self.channels(*source)).collect();
        let c1 = channels.iter().fold(0_usize, |sum, c| sum.saturating_add(*c));
        let arguments = Arguments { config, row: text, nc: self.nc, repeats };
        let per_level = match &self.anchors {
            Anchors::Count(count) => *count,
            Anchors::Levels(levels) => levels.first().map_or(0, |level| level.len() / 2),
        };
        let outputs = per_level * (self.nc + 5);

        let mut list: Vec<Value> = text.arguments.iter().map(|node| self.evaluated(&node.value)).collect();
        let mut c2 = c1;
        if is_scaled(module) {
            c2 = arguments.whole(0, "the output channels", None, 1, MAX_CHANNELS)?;
            if c2 != outputs {
                c2 = ((c2 as f64 * config.width_multiple() / 8.0).ceil() * 8.0) as usize;
            }
            list.splice(0..1, [c1, c2].map(|c| Value::Int(c as i64)));
            if takes_repeats(module) {
                list.insert(2, Value::Int(repeats as i64));
            }
        }
        let resolved = match module {
            "Detect" => {
                if index + 1 != config.rows.len() {
                    return fail("Detect must be the last row, and the only one of its kind".into());
                }
                list = self.detect_arguments(&arguments, &channels)?;
                c2 = outputs;
                Module::Detect { nc: self.nc, channels }
            }
            _ => arguments.module(c1, c2)?,
        };
        match resolved {
            Module::Contract { gain } => c2 = c1 * gain * gain,
            Module::Expand { gain } if !c1.is_multiple_of(gain * gain) => {
                return fail(format!("Expand can't divide {c1} channels by {gain}x{gain}"));
            }
            Module::Expand { gain } => c2 = c1 / (gain * gain),
            _ => {}
        }
        if !(1..=MAX_CHANNELS).contains(&c2) {
            return fail(format!("{module} has {c2} channels; from 1 to {MAX_CHANNELS} are supported"));
        }
        let copies = if takes_repeats(module) { 1 } else { repeats };
        if copies > 1 && c1 != c2 {
            return fail(format!(
                "{module} stands {copies} times in a row but turns {c1} channels into {c2}; every copy is built alike"
            ));
        }
        Ok(Row {
            index,
            from: text.from.iter().map(|(from, _)| *from).collect(),
            sources,
            repeats,
            copies: vec![resolved; copies],
            channels: c2,
            printed_module: printed_module(module),
            printed_arguments: format!("[{}]", list.iter().map(printed).collect::<Vec<_>>().join(", ")),
        })
    }

    fn sources(&mut self, index: usize, text: &RowText) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        for &(from, position) in &text.from {
            let row = if from < 0 { index as i64 + from } else { from };
            let source = match usize::try_from(row) {
                Ok(row) if row < index => Source::Row(row),
                Ok(row) => {
                    let message = format!("row {index} takes from row {row}, which doesn't come before it (a cycle)");
                    return Err(self
                        .config
                        .error_at(position, message)
                        .hint("rows count from 0 through backbone and head"));
                }
                Err(_) if index == 0 && from == -1 => Source::Input,
                Err(_) => {
                    let message = format!("row {index} takes from {from}, which is before the first row");
                    return Err(self.config.error_at(position, message).hint("-1 is the row before"));
                }
            };
            if let (Source::Row(row), true) = (source, from != -1) {
                self.save.push(row);
            }
            sources.push(source);
        }
        Ok(sources)
    }

    fn detect_arguments(&self, arguments: &Arguments, channels: &[usize]) -> Result<Vec<Value>> {
        let row = arguments.row;
        if let Some(extra) = row.arguments.get(2) {
            return Err(self.config.error_at(extra.position, "Detect takes two arguments: nc, anchors"));
        }
        if let Some(node) = arguments.get(0)
            && arguments.whole(0, "the number of classes", None, 1, 10_000)? != self.nc
        {
            let message = format!("Detect says {} classes, nc is {}", node.value.describe(), self.nc);
            return Err(self.config.error_at(node.position, message).hint("write `nc` here"));
        }
        if channels.len() > MAX_LEVELS {
            return Err(self.config.error_at(row.module_position, format!("more than {MAX_LEVELS} detect levels")));
        }
        let list = |values: Vec<Value>| {
            let position = row.position;
            Value::List(values.into_iter().map(|value| Node { value, position }).collect())
        };
        let levels: Vec<Value> = match &self.anchors {
            Anchors::Count(count) => {
                let numbers: Vec<Value> = (0..2 * *count as i64).map(Value::Int).collect();
                channels.iter().map(|_| list(numbers.clone())).collect()
            }
            Anchors::Levels(levels) if levels.len() == channels.len() => levels.iter().cloned().map(list).collect(),
            Anchors::Levels(levels) => {
                let message = format!("Detect has {} levels, anchors have {}", channels.len(), levels.len());
                return Err(self.config.error_at(row.module_position, message));
            }
        };
        let channels = channels.iter().map(|c| Value::Int(*c as i64)).collect();
        Ok(vec![Value::Int(self.nc as i64), list(levels), list(channels)])
    }

    /// Anchors in pixels; turned round if they don't grow (or shrink) with the strides.
    fn ordered_anchors(&self, strides: &[f64]) -> Vec<Vec<[f32; 2]>> {
        let mut anchors: Vec<Vec<[f32; 2]>> = match &self.anchors {
            Anchors::Count(count) => {
                let level = (0..*count).map(|a| [2.0 * a as f32, 2.0 * a as f32 + 1.0]).collect();
                vec![level; strides.len()]
            }
            Anchors::Levels(levels) => {
                let number = |value: &Value| pixels(value).unwrap_or(0.0);
                let pairs =
                    |level: &Vec<Value>| level.chunks_exact(2).map(|p| [number(&p[0]), number(&p[1])]).collect();
                levels.iter().map(pairs).collect()
            }
        };
        let area = |level: &Vec<[f32; 2]>| level.iter().map(|[w, h]| w * h).sum::<f32>() / level.len() as f32;
        if let (Some(first), Some(last), [s1, .., s2]) = (anchors.first(), anchors.last(), strides) {
            let growth = area(last) - area(first);
            let stride_growth = s2 - s1;
            if growth != 0.0 && (stride_growth == 0.0 || (growth > 0.0) != (stride_growth > 0.0)) {
                anchors.reverse();
            }
        }
        anchors
    }

    /// A word the reference would evaluate.
    fn evaluated(&self, value: &Value) -> Value {
        match value {
            Value::Word(word) if word == "nc" => Value::Int(self.nc as i64),
            other => other.clone(),
        }
    }

    fn channels(&self, source: Source) -> usize {
        match source {
            Source::Input => self.config.input_channels(),
            Source::Row(row) => self.rows[row].channels,
        }
    }

    fn size(&self, source: Source) -> Size {
        match source {
            Source::Input => [PROBE; 2],
            Source::Row(row) => self.sizes[row],
        }
    }
}
