//! What is to be looked at: files, folders, globs, standard input.

use crate::options::{io, read, read_from};
use ghostdet::data::{PictureKind, is_passed_over, picture_endings, picture_kind};
use ghostdet::{Error, ErrorKind, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// One picture to come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `-`.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Source {
    /// Its name in reports.
    pub fn name(&self) -> String {
        match self {
            Source::Stdin => "-".into(),
            Source::File(path) => path.display().to_string(),
        }
    }

    /// Its file name without ending, for what is saved.
    pub fn stem(&self) -> String {
        match self {
            Source::Stdin => "stdin".into(),
            Source::File(path) => path.file_stem().map_or_else(|| "picture".into(), |s| s.to_string_lossy().into()),
        }
    }

    /// Its bytes.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        match self {
            Source::Stdin => read_from(std::io::stdin().lock(), "-"),
            Source::File(path) => read(path),
        }
    }
}

/// The pictures that `given` means. Folders give the pictures directly in them, by name. Pictures of kinds that are not
/// read are named in `warnings`.
pub fn expand(given: &OsStr, warnings: &mut Vec<String>) -> Result<Vec<Source>> {
    let path = Path::new(given);
    if given == "-" {
        return Ok(vec![Source::Stdin]);
    }
    let none = |what: String| Err(Error::new(ErrorKind::Io, what).at(path.display()));
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| io(path.display(), "can't be read", &error))?;
        let found = entries.flatten().map(|entry| entry.path()).filter(|path| !is_passed_over(path) && path.is_file());
        let (mut files, mut unread) = (Vec::new(), 0);
        for file in found {
            match picture_kind(&file) {
                PictureKind::Read => files.push(file),
                PictureKind::Unread(kind) => {
                    unread += 1;
                    warnings.push(format!("{}: {kind} pictures are not read; left out", file.display()));
                }
                PictureKind::Other => {}
            }
        }
        files.sort();
        warnings.sort();
        return match (files.is_empty(), unread) {
            (false, _) => Ok(wrap(files)),
            (true, 0) => none(format!("no pictures in this folder ({} are looked for)", picture_endings().join(", "))),
            (true, _) => none(format!("no pictures in this folder that are read: all {unread} are of other kinds")),
        };
    }
    if !path.exists()
        && let Some(text) = given.to_str().filter(|text| text.contains(['*', '?', '[']))
    {
        let mut files = matching(&escaped(text), text)?;
        if files.is_empty() {
            // Brackets in a name rather than a choice of letters.
            files = matching(&text.replace('[', "[[]"), text)?;
        }
        return if files.is_empty() { none("no file matches".to_owned()) } else { Ok(wrap(files)) };
    }
    Ok(wrap(vec![path.to_owned()]))
}

/// The files that a pattern matches; hidden ones only if it says so.
fn matching(pattern: &str, given: &str) -> Result<Vec<PathBuf>> {
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
    let paths = glob::glob_with(pattern, options)
        .map_err(|error| Error::new(ErrorKind::Argument, format!("not a pattern: {error}")).at(given))?;
    Ok(paths.flatten().filter(|path| path.is_file()).collect())
}

/// A pattern in which the folders that exist by their plain names are those.
fn escaped(pattern: &str) -> String {
    let mut plain = 0;
    for (at, _) in pattern.match_indices(std::path::is_separator) {
        if at > 0 && !Path::new(&pattern[..at]).is_dir() {
            break;
        }
        plain = at + 1;
    }
    let (folders, rest) = pattern.split_at(plain);
    glob::Pattern::escape(folders) + rest
}

fn wrap(files: Vec<PathBuf>) -> Vec<Source> {
    files.into_iter().map(Source::File).collect()
}
