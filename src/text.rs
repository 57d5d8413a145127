//! The one door for text that people make: labels, lists, YAML, JSON, XML, names.
//!
//! Editors write UTF-8 with and without a byte order mark, UTF-16, and the encodings of their country. All of these are
//! read; what is not text at all is refused with its line.

use crate::{Error, ErrorKind, Result};

/// With fewer bytes beyond ASCII than this, Chinese is told by its common characters rather than by statistics.
#[cfg(not(target_arch = "wasm32"))]
const FEW: usize = 40;

/// The text in `bytes`.
///
/// - UTF-8, with or without byte order mark; UTF-16, with a byte order mark, or without one if it is told by its zeros.
/// - Anything else is told by its bytes: GBK and GB18030, Latin-1 (Windows-1252) and the other encodings of the web.
///   In WebAssembly, where the browser decodes text, this is an error.
/// - Lines that end as on old Macs (a lone carriage return) end as usual. Byte order marks are taken out wherever they are.
///
/// # Errors
/// Of kind [`ErrorKind::Data`]: bytes that are no text, with the line.
pub fn decode(bytes: Vec<u8>) -> Result<String> {
    let text = match unicode(bytes)? {
        Ok(text) => text,
        Err(bytes) => detected(&bytes)?,
    };
    Ok(lines(text))
}

/// As [`decode`], for XML: the encoding that its declaration names comes before what the bytes look like.
///
/// # Errors
/// As [`decode`].
pub fn decode_xml(bytes: Vec<u8>) -> Result<String> {
    #[cfg(not(target_arch = "wasm32"))]
    if let Some(encoding) = declared(&bytes)
        && let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(&bytes)
    {
        return Ok(lines(text.into_owned()));
    }
    decode(bytes)
}

/// Reads YAML that is not a model's: `data.yaml`, hyperparameters, recipes.
///
/// # Errors
/// Of kind [`ErrorKind::Data`]: text that is no such YAML, with line and column.
pub fn parse_yaml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_yaml::from_str(text).map_err(|error| {
        let all = error.to_string();
        let first = all.lines().next().unwrap_or_default();
        // What the library tells programmers.
        let first = first.strip_prefix("error: ").unwrap_or(first);
        let first = first.split_once(", set DuplicateKeyPolicy").map_or(first, |(what, _)| what);
        let (place, what) = match first.split_once(": ") {
            Some((place, what)) if place.starts_with("line ") => (place.replace(" column ", ", column "), what),
            _ => (String::new(), first),
        };
        let error = Error::new(ErrorKind::Data, what);
        let error = if place.is_empty() { error } else { error.at(place) };
        match what {
            _ if what.starts_with("while parsing a quoted scalar") => {
                error.hint("between double quotes a backslash begins an escape: write / in paths, or single quotes")
            }
            _ if what.contains("tab") => error.hint("YAML is indented with blanks, never with tabs"),
            _ if what.contains("duplicate") => error.hint("each name may stand there once"),
            _ => error,
        }
    })
}

/// UTF-8 and UTF-16; the bytes themselves if they are neither.
fn unicode(mut bytes: Vec<u8>) -> Result<std::result::Result<String, Vec<u8>>> {
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.drain(..3);
    }
    if bytes.starts_with(&[0xff, 0xfe, 0, 0]) || bytes.starts_with(&[0, 0, 0xfe, 0xff]) {
        return Err(refused("UTF-32 text", 1));
    }
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return utf16(rest, u16::from_le_bytes).map(Ok);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return utf16(rest, u16::from_be_bytes).map(Ok);
    }
    if let Some(zero) = bytes.iter().position(|b| *b == 0) {
        // Text in Latin letters has a zero in every pair.
        let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
        let half = bytes.len() / 2;
        let text = match (zeros(0), zeros(1)) {
            (0, odd) if odd * 2 > half => utf16(&bytes, u16::from_le_bytes).ok(),
            (even, 0) if even * 2 > half => utf16(&bytes, u16::from_be_bytes).ok(),
            _ => None,
        };
        let text = text.filter(|text| control(text).is_none());
        return text.map(Ok).ok_or_else(|| refused("no text: it holds zero bytes", line_of(&bytes, zero)));
    }
    Ok(String::from_utf8(bytes).map_err(|error| error.into_bytes()))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text: std::result::Result<String, _> = char::decode_utf16(units).collect();
    text.ok().filter(|_| rest.is_empty()).ok_or_else(|| refused("broken UTF-16 text", 1))
}

/// Text in another encoding, told by its bytes.
#[cfg(not(target_arch = "wasm32"))]
fn detected(bytes: &[u8]) -> Result<String> {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let mut encoding = detector.guess(None, chardetng::Utf8Detection::Deny);
    // A few Chinese words are too little for statistics, and never look like Latin letters with accents.
    let few = bytes.iter().filter(|b| !b.is_ascii()).count() < FEW;
    if (few || encoding.is_single_byte()) && is_common_chinese(bytes) {
        encoding = encoding_rs::GB18030;
    }
    // GB18030 holds all of GBK.
    let encoding = if encoding == encoding_rs::GBK { encoding_rs::GB18030 } else { encoding };
    let text = [encoding, encoding_rs::WINDOWS_1252]
        .into_iter()
        .find_map(|encoding| encoding.decode_without_bom_handling_and_without_replacement(bytes));
    let text = text.ok_or_else(|| refused("no text", line_of(bytes, bytes.len())))?;
    // Control characters: a program's file, not a person's.
    match control(&text) {
        None => Ok(text.into_owned()),
        Some(at) => {
            let line = text.chars().take(at).filter(|c| *c == '\n').count() + 1;
            Err(refused("no text: it holds control characters", line))
        }
    }
}

/// Where the first control character is that no text has, in characters.
fn control(text: &str) -> Option<usize> {
    let is_odd = |c: char| c.is_control() && !c.is_whitespace() && !('\u{80}'..='\u{9f}').contains(&c) && c != '\u{1a}';
    text.chars().position(is_odd)
}

#[cfg(target_arch = "wasm32")]
fn detected(bytes: &[u8]) -> Result<String> {
    let end = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
    Err(refused("not UTF-8 text", line_of(bytes, end)))
}

/// Whether all bytes beyond ASCII are pairs of GB2312 that stand for common characters or punctuation.
#[cfg(not(target_arch = "wasm32"))]
fn is_common_chinese(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| !b.is_ascii()) {
        match rest[at..] {
            [0xa1..=0xa3 | 0xb0..=0xd7, 0xa1..=0xfe, ..] => rest = &rest[at + 2..],
            _ => return false,
        }
    }
    true
}

/// The encoding that an XML declaration names, if it is one byte a letter there and not Unicode.
#[cfg(not(target_arch = "wasm32"))]
fn declared(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head = bytes.get(..bytes.len().min(200))?.strip_prefix(b"<?xml")?;
    let end = head.windows(2).position(|w| w == b"?>")?;
    let head = std::str::from_utf8(&head[..end]).ok()?;
    let value = head.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let label = value[1..].split(quote).next()?;
    let encoding = encoding_rs::Encoding::for_label(label.trim().as_bytes())?;
    let unicode = [encoding_rs::UTF_8, encoding_rs::UTF_16LE, encoding_rs::UTF_16BE].contains(&encoding);
    (!unicode).then_some(if encoding == encoding_rs::GBK { encoding_rs::GB18030 } else { encoding })
}

fn lines(text: String) -> String {
    // Files that were joined have a byte order mark in the middle.
    let mut text = if text.contains('\u{feff}') { text.replace('\u{feff}', "") } else { text };
    // The end of a text file of DOS.
    text.truncate(text.trim_end_matches('\u{1a}').len());
    if text.contains('\r') && !text.contains('\n') { text.replace('\r', "\n") } else { text }
}

fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes[..at.min(bytes.len())].iter().filter(|b| **b == b'\n').count() + 1
}

fn refused(what: &str, line: usize) -> Error {
    Error::new(ErrorKind::Data, format!("this is {what}"))
        .at(format!("line {line}"))
        .hint("expected text in UTF-8; UTF-16, GBK and Latin-1 are read, too")
}
