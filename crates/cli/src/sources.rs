//! What is to be looked at: files, folders, globs, standard input.

use crate::options::{io, read, read_from};
use ghostdet::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "bmp", "gif"];

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

/// The pictures that `text` means. Folders give the pictures directly in them, by name.
pub fn expand(text: &str) -> Result<Vec<Source>> {
    let path = Path::new(text);
    if text == "-" {
        return Ok(vec![Source::Stdin]);
    }
    let none = |what: &str| Err(Error::new(ErrorKind::Io, what).at(text));
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|error| io(text, "can't be read", &error))?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|p| is_picture(p)).collect();
        files.sort();
        return if files.is_empty() { none("no pictures in this folder") } else { Ok(wrap(files)) };
    }
    if !path.exists() && text.contains(['*', '?', '[']) {
        let paths = glob::glob(text).map_err(|error| Error::new(ErrorKind::Argument, error.to_string()).at(text))?;
        let files: Vec<PathBuf> = paths.flatten().filter(|path| path.is_file()).collect();
        return if files.is_empty() { none("no file matches") } else { Ok(wrap(files)) };
    }
    Ok(wrap(vec![path.to_owned()]))
}

fn wrap(files: Vec<PathBuf>) -> Vec<Source> {
    files.into_iter().map(Source::File).collect()
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    path.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}
