//! Files by a pattern: `*`, `?`, `[abc]`, `**`.

use ghostdet::data::is_litter;
use ghostdet::{Error, ErrorKind, Result};
use glob::{MatchOptions, Pattern};
use std::collections::HashSet;
use std::path::{Path, PathBuf, is_separator};

/// As shells match: hidden names only if the pattern says so, no folder in between but with `**`. The case of letters does
/// not count.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: false, require_literal_separator: true, require_literal_leading_dot: true };

/// The files that a pattern matches, but for what systems leave behind. Symbolic links are followed, each folder once.
///
/// # Errors
/// A pattern that is none.
pub fn matching(text: &str) -> Result<Vec<PathBuf>> {
    let (folders, rest) = text.split_at(plain(text));
    // Brackets may be meant by the letter rather than as a choice of letters.
    let readings = [rest.to_owned(), rest.replace('[', "[[]")];
    let mut wrong = None;
    for reading in &readings {
        match Pattern::new(&(Pattern::escape(folders) + reading)) {
            Ok(pattern) => {
                let found = walk(folders, rest, &pattern);
                if !found.is_empty() || *reading == readings[1] {
                    return Ok(found);
                }
            }
            Err(error) => wrong = Some(error),
        }
    }
    match wrong {
        None => Ok(Vec::new()),
        Some(error) => Err(Error::new(ErrorKind::Argument, format!("not a pattern: {error}")).at(text)),
    }
}

/// How much of a pattern is folders that exist by their plain names.
fn plain(pattern: &str) -> usize {
    let mut plain = 0;
    for (at, _) in pattern.match_indices(is_separator) {
        if at > 0 && !Path::new(&pattern[..at]).is_dir() {
            break;
        }
        plain = at + 1;
    }
    plain
}

fn walk(folders: &str, rest: &str, pattern: &Pattern) -> Vec<PathBuf> {
    let deepest = if rest.contains("**") { usize::MAX } else { rest.matches(is_separator).count() };
    let hidden = rest.starts_with('.') || rest.contains("/.");
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    let mut open = vec![(PathBuf::from(folders), 0)];
    while let Some((folder, depth)) = open.pop() {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        if !here.canonicalize().is_ok_and(|place| seen.insert(place)) {
            continue;
        }
        let mut folders_here = Vec::new();
        for name in std::fs::read_dir(here).into_iter().flatten().flatten().map(|entry| entry.file_name()) {
            let path = folder.join(&name);
            let name = name.to_string_lossy();
            if is_litter(&name) || (name.starts_with('.') && !hidden) {
                continue;
            }
            if path.is_dir() {
                if depth < deepest {
                    folders_here.push((path, depth + 1));
                }
            } else if path.is_file() && pattern.matches_with(&path.to_string_lossy(), OPTIONS) {
                found.push(path);
            }
        }
        // Links are looked into last: what they lead to may have a name of its own.
        folders_here.sort_by_key(|(folder, _)| !folder.is_symlink());
        open.extend(folders_here);
    }
    found
}
