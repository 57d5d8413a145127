//! YAML as a tree of nodes that know their place. Bounded: size, depth, no aliases.

use granit_parser::{Event, Parser, ScalarStyle, Span};

use super::diagnostic::{Position, error_at, quoted};
use crate::{Error, ErrorKind, Result};

/// Longest text that is read.
const MAX_BYTES: usize = 256 << 10;
/// Deepest nesting that is read.
const MAX_DEPTH: usize = 16;

/// A value, as far as the YAML says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Word(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Value {
    /// What it is, for error messages.
    pub fn describe(&self) -> String {
        match self {
            Self::None => "nothing".into(),
            Self::Bool(_) => "a truth value".into(),
            Self::Int(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Word(word) => quoted(word),
            Self::List(items) => format!("a list of {}", items.len()),
            Self::Map(_) => "a mapping".into(),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub value: Value,
    pub position: Position,
}

/// Reads `text`, one document, into a tree.
pub(crate) fn parse(text: &str) -> Result<Node> {
    // A byte order mark is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        let message = format!("the configuration has {} bytes, at most {MAX_BYTES} are read", text.len());
        return Err(Error::new(ErrorKind::Config, message).hint("is this a model's YAML?"));
    }
    // Lists and mappings that are still open; a mapping collects keys and values in turn.
    let mut open: Vec<(bool, Position, Vec<Node>)> = Vec::new();
    let mut root: Option<Node> = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            let position = Position { line: marker.line(), column: marker.col() + 1, length: 1 };
            let info = error.info();
            match info.lines().next() {
                // The parser's own, wider bound.
                Some(line) if line.contains("recursion limit") => error_at(text, position, too_deep()),
                line => error_at(text, position, format!("not valid YAML: {}", line.unwrap_or("unknown fault"))),
            }
        })?;
        let position = position(&span);
        let mut done = match event {
            Event::Scalar(word, style, ..) => Node { value: scalar(&word, style == ScalarStyle::Plain), position },
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                if open.len() >= MAX_DEPTH {
                    return Err(error_at(text, position, too_deep()));
                }
                open.push((matches!(event, Event::MappingStart(..)), position, Vec::new()));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some((false, position, items)) => Node { value: Value::List(items), position },
                Some((true, position, items)) => Node { value: Value::Map(pairs(text, items)?), position },
                None => continue,
            },
            Event::Alias(..) => {
                return Err(error_at(text, position, "aliases (`*name`) are not supported").hint("write the value out"));
            }
            _ => continue,
        };
        match open.last_mut() {
            Some((.., items)) => items.push(done),
            None if root.is_none() => {
                done.position = position;
                root = Some(done);
            }
            None => return Err(error_at(text, position, "a second YAML document; only one is read")),
        }
    }
    root.ok_or_else(|| {
        Error::new(ErrorKind::Config, "the configuration is empty").hint("expected nc, backbone, head …")
    })
}

fn too_deep() -> String {
    format!("nested deeper than {MAX_DEPTH} levels")
}

/// Keys and values in turn, as pairs with unique keys.
fn pairs(text: &str, items: Vec<Node>) -> Result<Vec<(Node, Node)>> {
    let mut pairs: Vec<(Node, Node)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut items = items.into_iter();
    while let (Some(key), Some(value)) = (items.next(), items.next()) {
        let name = match &key.value {
            Value::Word(word) => word.clone(),
            other => other.describe(),
        };
        if !seen.insert(name.clone()) {
            return Err(error_at(text, key.position, format!("{} is given twice", quoted(&name))));
        }
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn position(span: &Span) -> Position {
    let (start, end) = (&span.start, &span.end);
    let length = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Position { line: start.line(), column: start.col() + 1, length: length.max(1) }
}

fn scalar(word: &str, plain: bool) -> Value {
    match word {
        "" | "~" | "null" | "Null" | "NULL" if plain => return Value::None,
        "true" | "True" | "TRUE" if plain => return Value::Bool(true),
        "false" | "False" | "FALSE" if plain => return Value::Bool(false),
        // Python's words, quoted or not.
        "None" => return Value::None,
        "True" => return Value::Bool(true),
        "False" => return Value::Bool(false),
        _ => {}
    }
    let looks_numeric =
        word.bytes().all(|b| b.is_ascii_digit() || b"+-.eE_".contains(&b)) && word.bytes().any(|b| b.is_ascii_digit());
    if plain && looks_numeric {
        if let Ok(value) = word.parse() {
            return Value::Int(value);
        }
        if let Some(value) = word.parse::<f64>().ok().filter(|value| value.is_finite()) {
            return Value::Float(value);
        }
    }
    Value::Word(word.to_owned())
}
