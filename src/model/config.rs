//! A configuration as written: every value keeps its place, nothing is computed yet.

use super::activation::{self, Activation};
use super::diagnostic::{Position, error_at, nearest, quoted};
use super::modules;
use super::yaml::{self, Node, Value};
use crate::{Error, ErrorKind, Result};

const KEYS: &[&str] =
    &["nc", "depth_multiple", "width_multiple", "anchors", "activation", "ch", "inplace", "backbone", "head"];
const MAX_ROWS: usize = 1000;
const MAX_SOURCES: usize = 64;

/// A row as written: `[from, number, module, arguments]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowText {
    pub from: Vec<(i64, Position)>,
    pub from_is_list: bool,
    pub number: usize,
    pub module: String,
    pub module_position: Position,
    pub arguments: Vec<Node>,
    pub position: Position,
}

/// A model configuration: its values, their places, and its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    text: String,
    places: Vec<(&'static str, Position)>,
    nc: Option<usize>,
    depth_multiple: f64,
    width_multiple: f64,
    input_channels: usize,
    activation: Activation,
    activation_text: Option<String>,
    pub(crate) anchors: Node,
    pub(crate) rows: Vec<RowText>,
}

impl Config {
    /// Reads a model's YAML. Errors tell line and column, and the nearest known name.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Config`], with line and column: text that is not YAML, a missing or unknown key, a value of another type.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let root = yaml::parse(text)?;
        let Value::Map(pairs) = &root.value else {
            let message = format!("expected a mapping with nc, backbone and head, found {}", root.value.describe());
            return Err(error_at(text, root.position, message));
        };
        let mut places = Vec::new();
        for (key, value) in pairs {
            let Value::Word(word) = &key.value else { continue };
            if let Some(known) = KEYS.iter().find(|known| *known == word) {
                places.push((*known, value.position));
            } else if let Some(near) = nearest(word, KEYS) {
                return Err(error_at(text, key.position, format!("unknown key {}", quoted(word)))
                    .hint(format!("did you mean `{near}`?")));
            }
        }
        let find = |name: &str| {
            pairs
                .iter()
                .find(|(key, _)| matches!(&key.value, Value::Word(word) if word == name))
                .map(|(_, value)| value)
        };
        let required = |name: &str| {
            find(name).ok_or_else(|| {
                let message = format!("the key `{name}` is missing");
                let is_data = find("names").is_some() && (find("train").is_some() || find("val").is_some());
                let hint = match is_data {
                    true => "this looks like the data.yaml of a data set; give a model's YAML, with backbone and head",
                    false => "a model needs nc, anchors, backbone and head",
                };
                Error::new(ErrorKind::Config, message).hint(hint)
            })
        };
        let whole = |name: &str, low: i64, high: i64| match find(name) {
            Some(Node { value: Value::Int(value), .. }) if (low..=high).contains(value) => Ok(Some(*value as usize)),
            Some(node) => Err(expected(text, node, &format!("`{name}` to be a whole number from {low} to {high}"))),
            None => Ok(None),
        };
        let multiple = |name: &str| match find(name) {
            Some(node) => match node.value {
                Value::Int(value) if (1..=100).contains(&value) => Ok(value as f64),
                Value::Float(value) if value > 0.0 && value <= 100.0 => Ok(value),
                _ => Err(expected(text, node, &format!("`{name}` to be a number above 0, at most 100"))),
            },
            None => Ok(1.0),
        };
        let (activation, activation_text) = match find("activation") {
            None | Some(Node { value: Value::None, .. }) => (Activation::Silu, None),
            Some(node) => match &node.value {
                Value::Word(word) => (activation_of(text, word, node.position)?, Some(word.clone())),
                _ => return Err(expected(text, node, "an activation such as `nn.ReLU()`")),
            },
        };
        let mut rows = Vec::new();
        for part in ["backbone", "head"] {
            let node = required(part)?;
            let Value::List(items) = &node.value else {
                return Err(expected(text, node, &format!("`{part}` to be a list of rows")));
            };
            if rows.len() + items.len() > MAX_ROWS {
                return Err(error_at(text, node.position, format!("more than {MAX_ROWS} rows")));
            }
            for item in items {
                rows.push(row(text, item)?);
            }
        }
        Ok(Self {
            text: text.to_owned(),
            places,
            nc: whole("nc", 1, 10_000)?,
            depth_multiple: multiple("depth_multiple")?,
            width_multiple: multiple("width_multiple")?,
            input_channels: whole("ch", 1, 1024)?.unwrap_or(3),
            activation,
            activation_text,
            anchors: required("anchors")?.clone(),
            rows,
        })
    }

    /// The YAML it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The YAML that [`Config::parse`] reads back into the same configuration.
    pub fn to_yaml(&self) -> String {
        self.text.clone()
    }

    /// Number of classes, if the configuration says it.
    pub fn nc(&self) -> Option<usize> {
        self.nc
    }

    /// Factor on the repeats.
    pub fn depth_multiple(&self) -> f64 {
        self.depth_multiple
    }

    /// Factor on the channels.
    pub fn width_multiple(&self) -> f64 {
        self.width_multiple
    }

    /// Channels of the input picture.
    pub fn input_channels(&self) -> usize {
        self.input_channels
    }

    /// The activation of every convolution that doesn't say another.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// `activation` as written.
    pub fn activation_text(&self) -> Option<&str> {
        self.activation_text.as_deref()
    }

    /// The same architecture in another size.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Config`]: multiples that are not positive or too large.
    pub fn with_multiples(&self, depth: f64, width: f64) -> Result<Self> {
        self.with("depth_multiple", &format!("{depth:?}"))?.with("width_multiple", &format!("{width:?}"))
    }

    /// The same architecture for another number of classes.
    ///
    /// # Errors
    /// Of kind [`ErrorKind::Config`]: a number of classes that the file can't hold.
    pub fn with_nc(&self, nc: usize) -> Result<Self> {
        self.with("nc", &nc.to_string())
    }

    /// The configuration with one value of its text replaced.
    fn with(&self, key: &str, value: &str) -> Result<Self> {
        let Some((_, place)) = self.places.iter().find(|(known, _)| *known == key) else {
            // A flow mapping (JSON) has no place for a line of its own.
            return Self::parse(&match self.text.trim_start().strip_prefix('{') {
                Some(rest) => format!("{{\"{key}\": {value}, {rest}"),
                None => format!("{}\n{key}: {value}\n", self.text.trim_end()),
            });
        };
        let mut text = String::with_capacity(self.text.len() + value.len());
        for (number, line) in self.text.split_inclusive('\n').enumerate() {
            if number + 1 == place.line {
                text.extend(line.chars().take(place.column - 1));
                text.push_str(value);
                text.extend(line.chars().skip(place.column - 1 + place.length));
            } else {
                text.push_str(line);
            }
        }
        Self::parse(&text)
    }

    pub(crate) fn error_at(&self, position: Position, message: impl AsRef<str>) -> Error {
        error_at(&self.text, position, message)
    }
}

/// Reads the value of `activation`. A class (`nn.ReLU`) is refused, as the reference fails with it, too.
fn activation_of(text: &str, word: &str, position: Position) -> Result<Activation> {
    if let Some(activation) = activation::parse(word) {
        return Ok(activation);
    }
    let error = error_at(text, position, format!("unknown activation {}", quoted(word)));
    let class = activation::class_of(word).and_then(activation::of_class);
    Err(match (class, nearest(word, activation::NAMES)) {
        (Some(_), _) => error.hint(format!("write the object, not the class: `{}()`", word.trim())),
        (None, Some(near)) => error.hint(format!("did you mean `{near}`?")),
        (None, None) => error.hint(format!("known: {}", activation::NAMES.join(", "))),
    })
}

fn expected(text: &str, node: &Node, what: &str) -> Error {
    error_at(text, node.position, format!("expected {what}, found {}", node.value.describe()))
}

fn row(text: &str, node: &Node) -> Result<RowText> {
    let shape = "a row `[from, number, module, arguments]`";
    let Value::List(items) = &node.value else { return Err(expected(text, node, shape)) };
    let [from, number, module, arguments] = items.as_slice() else { return Err(expected(text, node, shape)) };

    let index = |node: &Node| match node.value {
        Value::Int(value) => Ok((value, node.position)),
        _ => Err(expected(text, node, "`from` to be a row number (or -1, the row before), or a list of them")),
    };
    let (from_is_list, from) = match &from.value {
        Value::List(list) if list.is_empty() || list.len() > MAX_SOURCES => {
            return Err(expected(text, from, &format!("`from` to name 1 to {MAX_SOURCES} rows")));
        }
        Value::List(list) => (true, list.iter().map(index).collect::<Result<Vec<_>>>()?),
        _ => (false, vec![index(from)?]),
    };
    let number = match number.value {
        Value::Int(value @ 0..=1000) => value as usize,
        _ => return Err(expected(text, number, "`number` to be a whole number from 0 to 1000")),
    };
    let Value::Word(name) = &module.value else { return Err(expected(text, module, "a module's name")) };
    if modules::definition(name).is_none() {
        let error = error_at(text, module.position, format!("unknown module {}", quoted(name)));
        if let Some(refusal) = modules::refusal(name) {
            return Err(error_at(text, module.position, refusal)
                .hint("export its weights with a YOLOv5 YAML, or use a YOLOv5 file"));
        }
        let names: Vec<&str> = modules::definitions().map(|definition| definition.name).collect();
        return Err(match nearest(name, &names) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("known: {}", names.join(", "))),
        });
    }
    let Value::List(list) = &arguments.value else {
        return Err(expected(text, arguments, "the module's arguments as a list"));
    };
    Ok(RowText {
        from,
        from_is_list,
        number,
        module: name.clone(),
        module_position: module.position,
        arguments: list.clone(),
        position: node.position,
    })
}
