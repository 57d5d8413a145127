//! From a configuration to a graph: repeats, channels, sources, sizes, anchors.

use super::activation;
use super::block::Block;
use super::config::{Config, RowText};
use super::diagnostic::Position;
use super::graph::{Graph, Row, Source};
use super::modules::{Channels, Definition, definition};
use super::parse_args::{Arguments, MAX_CHANNELS, printed};
use super::profile::{Map, Profiler, inputs_of};
use super::yaml::{Node, Value};
use crate::{Error, ErrorKind, Result};

/// Strides are measured on an image of this side, in fp32 as the reference does.
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
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Config`], with line and column: an unknown module or argument, channels or sizes that do not fit
    /// together, a network beyond the bounds. Of kind [`ErrorKind::Argument`]: `nc` outside of 1 to 10,000.
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
        let (rows, maps, save) = (Vec::new(), Vec::new(), Vec::new());
        Resolver { config: self, nc, anchors, rows, maps, save, tensors: Tensors::default() }.graph()
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
    maps: Vec<Map>,
    save: Vec<usize>,
    tensors: Tensors,
}

impl Resolver<'_> {
    fn graph(mut self) -> Result<Graph> {
        let config = self.config;
        let mut profiler = Profiler::new(false);
        let (mut repeats, mut parameters) = (0, 0_u64);
        for (index, text) in config.rows.iter().enumerate() {
            let row = self.row(index, text)?;
            repeats += row.repeats;
            if repeats > MAX_REPEATS {
                return Err(config.error_at(text.position, format!("more than {MAX_REPEATS} repeats in all")));
            }
            let map = profiler.row(&row, config.activation(), &inputs_of(&row, self.image(), &self.maps));
            if let Some(problem) = profiler.problem.take() {
                let message = format!("row {index}, {}: {problem} (for an image of {PROBE}x{PROBE})", text.module);
                return Err(config.error_at(text.module_position, message));
            }
            parameters = parameters.saturating_add(profiler.count.parameters);
            if parameters > MAX_PARAMETERS {
                return Err(config.error_at(text.position, format!("more than {MAX_PARAMETERS} parameters")));
            }
            self.maps.push(map);
            self.tensors.push(&row);
            self.rows.push(row);
        }
        let levels = self.rows.last().map(|row| inputs_of(row, self.image(), &self.maps)).unwrap_or_default();
        let strides: Vec<f64> = levels.iter().map(|map| f64::from(PROBE as f32 / map.size[0] as f32)).collect();
        let anchors = self.ordered_anchors(&strides);
        self.save.sort_unstable();
        Ok(Graph {
            rows: self.rows,
            input_channels: config.input_channels(),
            nc: self.nc,
            activation: config.activation(),
            activation_text: config.activation_text().map(str::to_owned),
            save: self.save,
            strides,
            anchors,
        })
    }

    fn image(&self) -> Map {
        Map { channels: self.config.input_channels(), size: [PROBE; 2] }
    }

    fn row(&mut self, index: usize, text: &RowText) -> Result<Row> {
        let config = self.config;
        let fail = |message: String| Err(config.error_at(text.module_position, message));
        let Some(definition) = definition(&text.module) else { return fail("unknown module".into()) };
        let (module, channels) = (definition.name, definition.channels);
        self.check_place(index, text, definition)?;
        let sources = self.sources(index, text)?;
        let repeats = self.repeats(text, definition)?;
        let inputs: Vec<usize> = sources.iter().map(|source| self.channels(*source)).collect();
        let c1 = inputs.iter().fold(0_usize, |sum, c| sum.saturating_add(*c));
        let (mut list, mut outputs) = (self.evaluated(&text.arguments), c1);
        let mut shown: Vec<Value> = list.iter().map(|node| node.value.clone()).collect();
        let mut takes_repeats = channels.takes_several();
        match channels {
            Channels::Scaled { repeats: takes } => {
                takes_repeats = takes;
                outputs = self.scaled_channels(text, &list)?;
                shown.splice(0..1, [c1, outputs].map(whole));
                if takes {
                    shown.insert(2, whole(repeats));
                }
            }
            Channels::RowBefore => {
                shown = vec![whole(c1)];
                list.clear();
            }
            Channels::Detect => {
                outputs = self.outputs();
                shown = self.detect_arguments(text, &list, &inputs)?;
            }
            Channels::Same | Channels::Joined | Channels::Contracted | Channels::Expanded => {}
        }
        let copies = if takes_repeats { 1 } else { repeats.max(1) };
        let mut arguments = Arguments {
            text: config.text(),
            module,
            position: text.module_position,
            list: &list,
            key: String::new(),
            inputs: &inputs,
            outputs,
            repeats,
            default: config.activation(),
        };
        let written = self.written(text, definition, c1, &arguments)?;
        let mut blocks = Vec::with_capacity(copies);
        for copy in 0..copies {
            arguments.key = if copies == 1 { format!("model.{index}") } else { format!("model.{index}.{copy}") };
            blocks.push(definition.block(&arguments)?);
        }
        Ok(Row {
            index,
            line: text.position.line,
            from: text.from.iter().map(|(from, _)| *from).collect(),
            from_is_list: text.from_is_list,
            sources: sources.into_iter().map(|source| self.tensors.current(source)).collect(),
            repeats,
            copies: blocks,
            channels: written,
            printed_module: definition.path.to_owned(),
            printed_arguments: format!("[{}]", shown.iter().map(printed).collect::<Vec<_>>().join(", ")),
        })
    }

    /// Whether the row may stand where it does, and takes as many rows as it says.
    fn check_place(&self, index: usize, text: &RowText, definition: &Definition) -> Result<()> {
        let several = definition.channels.takes_several();
        let message = if several != text.from_is_list {
            let from = if several { "a list of rows, such as [-1, 6]" } else { "one row, such as -1" };
            format!("{} takes `from` as {from}", definition.name)
        } else if definition.channels == Channels::Detect && index + 1 != self.config.rows.len() {
            "Detect must be the last row, and the only one of its kind".into()
        } else {
            return Ok(());
        };
        Err(self.config.error_at(text.module_position, message))
    }

    /// The row's number times `depth_multiple`.
    fn repeats(&self, text: &RowText, definition: &Definition) -> Result<usize> {
        let repeats = match text.number {
            number @ 0..=1 => number,
            number => ((number as f64 * self.config.depth_multiple()).round_ties_even() as usize).max(1),
        };
        let message = if repeats > 1000 {
            format!("{repeats} repeats after depth_multiple; at most 1000 are supported")
        } else if repeats > 1 && definition.channels.takes_several() {
            format!("{} can't be repeated; its number must be 1", definition.name)
        } else {
            return Ok(repeats);
        };
        Err(self.config.error_at(text.module_position, message))
    }

    /// The channels that later rows see, of a row with `c1` input channels.
    fn written(&self, text: &RowText, definition: &Definition, c1: usize, arguments: &Arguments<'_>) -> Result<usize> {
        let fail = |message: String| Err(self.config.error_at(text.module_position, message));
        let written = match definition.channels {
            Channels::Contracted => c1.saturating_mul(arguments.gain()?.pow(2)),
            Channels::Expanded => {
                let gain = arguments.gain()?;
                if !c1.is_multiple_of(gain * gain) {
                    return fail(format!("Expand can't divide {c1} channels by {gain}x{gain}"));
                }
                c1 / (gain * gain)
            }
            Channels::RowBefore => self.rows.last().map_or(self.config.input_channels(), |row| row.channels),
            _ => arguments.outputs,
        };
        match written {
            1..=MAX_CHANNELS => Ok(written),
            _ => fail(format!("{} has {written} channels; from 1 to {MAX_CHANNELS} are supported", definition.name)),
        }
    }

    /// The first argument times `width_multiple`, rounded up to a multiple of 8; the head's outputs stay as they are.
    fn scaled_channels(&self, text: &RowText, list: &[Node]) -> Result<usize> {
        let what = "the output channels";
        let (text, module, position) = (self.config.text(), text.module.as_str(), text.module_position);
        let arguments = Arguments {
            text,
            module,
            position,
            list,
            key: String::new(),
            inputs: &[],
            outputs: 0,
            repeats: 1,
            default: self.config.activation(),
        };
        let channels = arguments.channels(0, what)?;
        if channels == self.outputs() {
            return Ok(channels);
        }
        Ok(((channels as f64 * self.config.width_multiple() / 8.0).ceil() * 8.0) as usize)
    }

    /// Anchors of every level.
    fn anchors_per_level(&self) -> usize {
        match &self.anchors {
            Anchors::Count(count) => *count,
            Anchors::Levels(levels) => levels.first().map_or(0, |level| level.len() / 2),
        }
    }

    /// Outputs of every cell.
    fn outputs(&self) -> usize {
        self.anchors_per_level() * (self.nc + 5)
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

    fn detect_arguments(&self, row: &RowText, list: &[Node], channels: &[usize]) -> Result<Vec<Value>> {
        if let Some(node) = list.first() {
            match node.value {
                Value::Int(nc) if usize::try_from(nc) == Ok(self.nc) => {}
                ref other => {
                    let message = format!("Detect says {} classes, nc is {}", other.describe(), self.nc);
                    return Err(self.config.error_at(node.position, message).hint("write `nc` here"));
                }
            }
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
                let numbers: Vec<Value> = (0..2 * *count).map(whole).collect();
                channels.iter().map(|_| list(numbers.clone())).collect()
            }
            Anchors::Levels(levels) if levels.len() == channels.len() => levels.iter().cloned().map(list).collect(),
            Anchors::Levels(levels) => {
                let message = format!("Detect has {} levels, anchors have {}", channels.len(), levels.len());
                return Err(self.config.error_at(row.module_position, message));
            }
        };
        Ok(vec![whole(self.nc), list(levels), list(channels.iter().copied().map(whole).collect())])
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

    /// The arguments with the words that the reference would evaluate as numbers.
    fn evaluated(&self, arguments: &[Node]) -> Vec<Node> {
        let evaluate = |node: &Node| {
            let value = match &node.value {
                Value::Word(word) => match word.as_str() {
                    "nc" => whole(self.nc),
                    "no" => whole(self.outputs()),
                    "na" => whole(self.anchors_per_level()),
                    "gd" => Value::Float(self.config.depth_multiple()),
                    "gw" => Value::Float(self.config.width_multiple()),
                    _ => node.value.clone(),
                },
                other => other.clone(),
            };
            Node { value, position: node.position }
        };
        arguments.iter().map(evaluate).collect()
    }

    fn channels(&self, source: Source) -> usize {
        match source {
            Source::Input => self.config.input_channels(),
            Source::Row(row) => self.rows[row].channels,
        }
    }
}

fn whole(value: usize) -> Value {
    Value::Int(value as i64)
}

/// Which rows share a tensor. PyTorch's `nn.Identity` gives the very tensor that it gets, and activations such as
/// `nn.ReLU` overwrite it: whoever reads it later, through whichever row, gets the activated one.
#[derive(Default)]
struct Tensors {
    /// The tensor that each row gives.
    of_row: Vec<usize>,
    /// The row that wrote each tensor last.
    written_by: Vec<usize>,
}

impl Tensors {
    /// The row that holds what `source` reads now.
    fn current(&self, source: Source) -> Source {
        match source {
            Source::Input => source,
            Source::Row(row) => Source::Row(self.written_by[self.of_row[row]]),
        }
    }

    fn push(&mut self, row: &Row) {
        let index = self.of_row.len();
        let source = match row.sources[..] {
            [Source::Row(source)] => Some(self.of_row[source]),
            _ => None,
        };
        let shares = row.copies.iter().all(|block| passes_on(block) || overwrites(block));
        match source.filter(|_| shares) {
            Some(tensor) => {
                self.of_row.push(tensor);
                if row.copies.iter().any(overwrites) {
                    self.written_by[tensor] = index;
                }
            }
            None => {
                self.of_row.push(self.written_by.len());
                self.written_by.push(index);
            }
        }
    }
}

fn passes_on(block: &Block) -> bool {
    match block {
        Block::Pass => true,
        Block::Module { body, .. } => passes_on(body),
        _ => false,
    }
}

fn overwrites(block: &Block) -> bool {
    matches!(block, Block::Activation { act, .. } if activation::is_in_place(act.function))
}
