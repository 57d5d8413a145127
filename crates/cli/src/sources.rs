//! What is to be looked at: files, folders, globs, standard input.

use crate::options::{io, read, read_from};
use crate::patterns;
use ghostdet::data::{Finder, PictureKind, is_litter, is_passed_over, picture_endings, picture_kind};
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
        let (files, unread) = pictures(found, warnings);
        return match (files.is_empty(), unread) {
            (false, _) => Ok(wrap(files)),
            (true, 0) => none(format!("no pictures in this folder ({} are looked for)", picture_endings().join(", "))),
            (true, _) => none(format!("no pictures in this folder that are read: all {unread} are of other kinds")),
        };
    }
    if given.is_empty() {
        return Err(Error::new(ErrorKind::Argument, "the name of a picture is empty"));
    }
    if !path.exists()
        && let Some(text) = given.to_str()
    {
        // What is missing at an absolute path is not looked for in the current folder.
        let is_absolute = text.starts_with(['/', '\\']) || text.as_bytes().get(1) == Some(&b':');
        if !is_absolute && let Some(found) = Finder::default().find(Path::new(""), text) {
            // Of other letter case, or with backslashes.
            return expand(found.as_os_str(), warnings);
        }
        if text.contains(['*', '?', '[']) {
            let files = patterns::matching(text)?;
            let count = files.len();
            let (files, unread) = pictures(files.into_iter(), warnings);
            return match (files.is_empty(), unread, count) {
                (false, ..) => Ok(wrap(files)),
                (true, _, 0) => none("no file matches".to_owned()),
                (true, 0, 1) => none("1 file matches, but it is no picture by its ending".to_owned()),
                (true, 0, _) => none(format!("{count} files match, but none is a picture by its ending")),
                (true, ..) => none(format!("no picture that is read matches: all {unread} are of other kinds")),
            };
        }
    }
    // What a shell made of `folder/*`.
    if path.file_name().is_some_and(|name| is_litter(&name.to_string_lossy())) {
        warnings.push(format!("{}: this is no picture but a system's own file; left out", path.display()));
        return Ok(Vec::new());
    }
    Ok(wrap(vec![path.to_owned()]))
}

/// The pictures that are read among files, by name, and how many are of kinds that are not read.
fn pictures(found: impl Iterator<Item = PathBuf>, warnings: &mut Vec<String>) -> (Vec<PathBuf>, usize) {
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
    (files, unread)
}

fn wrap(files: Vec<PathBuf>) -> Vec<Source> {
    files.into_iter().map(Source::File).collect()
}
