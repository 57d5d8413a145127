//! Errors that point at their place in the YAML, and the nearest known name.

use crate::{Error, ErrorKind};

/// Longest piece of a source line, or of a foreign word, that an error repeats.
const SHOWN: usize = 120;

/// A place in the text: line and column count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub line: usize,
    pub column: usize,
    pub length: usize,
}

/// A configuration error at `position` of `text`, with the line and a caret under it.
pub(crate) fn error_at(text: &str, position: Position, message: impl AsRef<str>) -> Error {
    let Position { line, column, length } = position;
    let source = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let before = column.saturating_sub(1);
    let skipped = if before + 20 > SHOWN { before - 40 } else { 0 };
    let shown: String =
        source.chars().skip(skipped).take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let shown = shown.trim_end();
    let room = shown.chars().count().saturating_sub(before - skipped).max(1);
    let gutter = line.to_string();
    let message = format!(
        "{}\n{gutter} | {shown}\n{} | {}{}",
        message.as_ref(),
        " ".repeat(gutter.len()),
        " ".repeat(before - skipped),
        "^".repeat(length.clamp(1, room))
    );
    Error::new(ErrorKind::Config, message).at(format!("line {line}, column {column}")).at_position(line, column)
}

/// A foreign word, shortened and free of control characters, in backquotes.
pub(crate) fn quoted(word: &str) -> String {
    let mut shown: String = word.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if word.chars().count() > 40 {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// The known name nearest to `word`, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > 64 {
        return None;
    }
    let word = word.to_lowercase();
    known
        .iter()
        .map(|name| (distance(&word, &name.to_lowercase()), *name))
        .min()
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1))
        .map(|(_, name)| name)
}

/// Edits (insert, delete, replace, swap of neighbours) from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name() {
        assert_eq!(nearest("GohstConv", &["Conv", "GhostConv"]), Some("GhostConv"));
        assert_eq!(nearest("c3ghost", &["C3", "C3Ghost"]), Some("C3Ghost"));
        assert_eq!(nearest("Transformer", &["Conv", "GhostConv"]), None);
    }

    #[test]
    fn a_caret_stands_under_the_word() {
        let error = error_at("nc: 80\nhaed: 1\n", Position { line: 2, column: 1, length: 4 }, "what");
        assert_eq!(error.to_string(), "line 2, column 1: what\n2 | haed: 1\n  | ^^^^");
        assert_eq!(error.position(), Some((2, 1)));
    }
}
