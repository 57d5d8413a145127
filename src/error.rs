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
pub struct Error {
    kind: ErrorKind,
    message: String,
    place: Option<String>,
    hint: Option<String>,
}

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), place: None, hint: None }
    }

    /// Adds where it happened (a file, `line 3, column 7`, a tensor's name). Outer places go in front.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(match self.place.take() {
            Some(inner) => format!("{place}: {inner}"),
            None => place.to_string(),
        });
        self
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without place and hint.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where it happened, if known.
    pub fn place(&self) -> Option<&str> {
        self.place.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
