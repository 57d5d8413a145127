//! The bytes of a pickle, read with bounds.

use crate::error::{Error, Result};
use crate::weights::weights_error;

/// Reads from the front.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// The error for a pickle that breaks the format's rules.
pub(super) fn broken(what: &str) -> Error {
    weights_error(format!("the pickle is broken: {what}")).hint("the file is damaged, or isn't what torch.save writes")
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next `length` bytes.
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| broken("it is cut off"))?;
        self.at += length;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| broken("it is cut off"))
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// A length of one byte.
    pub(super) fn length1(&mut self) -> Result<usize> {
        self.byte().map(usize::from)
    }

    /// A length of four bytes.
    pub(super) fn length4(&mut self) -> Result<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| broken("a length is too large"))
    }

    /// A length of eight bytes.
    pub(super) fn length8(&mut self) -> Result<usize> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| broken("a length is too large"))
    }

    /// The text before the next line feed.
    pub(super) fn line(&mut self) -> Result<&'a str> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().take(512).position(|&b| b == b'\n').ok_or_else(|| broken("a name without end"))?;
        let line = self.take(end)?;
        self.at += 1;
        std::str::from_utf8(line).map_err(|_| broken("a name isn't UTF-8"))
    }
}
