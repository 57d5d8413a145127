//! The one error type of the crate: what went wrong, where, and what to do.

use std::fmt;

/// What kind of thing went wrong: stable, for programs to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A model configuration (YAML) that can't be understood or built.
    Config,
    /// A checkpoint that can't be read, or doesn't fit the network.
    Weights,
    /// A picture that can't be decoded or is out of bounds.
    Image,
    /// A data set (labels, annotation files) that can't be read.
    Data,
    /// An argument that is out of range.
    Argument,
    /// The device (GPU) failed or isn't there.
    Device,
    /// The network computed something that is not a number.
    Numeric,
    /// Reading or writing a file failed.
    Io,
}

/// An error with its kind, its message and, where there is one, its place.
///
/// `Display` gives one sentence: `place: message (hint)`.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

/// In a box: results are passed through most functions, and an error of a pointer's size keeps them, and the code, small.
#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<String>,
    position: Option<(usize, usize)>,
    hint: Option<String>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), place: None, position: None, hint: None }))
    }

    /// Adds where it happened (a file, `line 3, column 7`, a tensor's name). Outer places go in front.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.0.place = Some(match self.0.place.take() {
            Some(inner) => format!("{place}: {inner}"),
            None => place.to_string(),
        });
        self
    }

    /// Adds where in a text it happened: line and column, both from 1. [`Error::at`] says so in words.
    pub(crate) fn at_position(mut self, line: usize, column: usize) -> Self {
        self.0.position = Some((line, column));
        self
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message without place and hint.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened, if known.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// Line and column in the text it is about, both from 1, if known: for editors.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.0.position
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.0.message)?;
        if let Some(hint) = &self.0.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
