//! Which pictures are for validation.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use ghostdet::{Error, ErrorKind, Result, text};

/// Which pictures are for validation.
#[derive(Clone, Debug, PartialEq)]
pub enum Validation {
    /// A share of them, drawn by chance.
    Share {
        /// The share, more than 0 and less than 1.
        share: f64,
        /// The same seed draws the same pictures.
        seed: u64,
    },
    /// Those that a text file names, one a line: by path below the picture folder, by file name, or without ending
    /// (as VOC's `ImageSets/Main/val.txt`).
    Lists {
        /// Pictures to train on; nothing for all others.
        train: Option<PathBuf>,
        /// Pictures to validate on.
        val: PathBuf,
    },
}

impl Default for Validation {
    fn default() -> Self {
        Self::Share { share: 0.1, seed: 0 }
    }
}

impl Validation {
    /// For each of `names` (paths below the picture folder): whether it is for validation; nothing for neither. Lines
    /// of lists that name nothing go to `warnings`.
    pub(super) fn assign(&self, names: &[String], warnings: &mut Vec<String>) -> Result<Vec<Option<bool>>> {
        match self {
            Self::Share { share, seed } => draw(names.len(), *share, *seed),
            Self::Lists { train, val } => {
                let known = known(names);
                let rest = train.is_none().then_some(false);
                let mut result = vec![rest; names.len()];
                for (list, is_val) in train.iter().map(|list| (list, false)).chain([(val, true)]) {
                    for (line, index) in listed(list, &known, warnings)? {
                        if result[index] == Some(false) && is_val && train.is_some() {
                            let place = format!("{}: line {line}", list.display());
                            let text = "is in the list to train on too; it is only validated on";
                            warnings.push(format!("{place}: {} {text}", names[index]));
                        }
                        result[index] = Some(is_val);
                    }
                }
                Ok(result)
            }
        }
    }
}

fn draw(count: usize, share: f64, seed: u64) -> Result<Vec<Option<bool>>> {
    if !(share > 0.0 && share < 1.0) {
        return Err(Error::new(ErrorKind::Argument, format!("a share of {share} to validate on"))
            .hint("more than 0 and less than 1"));
    }
    let val = ((count as f64 * share).round() as usize).clamp(1, count.saturating_sub(1).max(1));
    let mut result: Vec<Option<bool>> = (0..count).map(|i| Some(i < val)).collect();
    Rng::with_seed(seed).shuffle(&mut result);
    Ok(result)
}

/// Pictures by all they may be called. What could be several is none.
fn known(names: &[String]) -> HashMap<&str, Option<usize>> {
    let mut known: HashMap<&str, Option<usize>> = HashMap::new();
    for (i, name) in names.iter().enumerate() {
        let file = name.rsplit('/').next().unwrap_or(name);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let path = name.rsplit_once('.').map_or(name.as_str(), |(path, _)| path);
        let mut keys = vec![name.as_str(), file, stem, path];
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            known.entry(key).and_modify(|found| *found = None).or_insert(Some(i));
        }
    }
    // A whole path is never ambiguous.
    known.extend(names.iter().enumerate().map(|(i, name)| (name.as_str(), Some(i))));
    known
}

/// Line numbers and pictures of a list.
fn listed(
    list: &Path,
    known: &HashMap<&str, Option<usize>>,
    warnings: &mut Vec<String>,
) -> Result<Vec<(usize, usize)>> {
    let bytes =
        fs::read(list).map_err(|e| Error::new(ErrorKind::Io, format!("can't be read: {e}")).at(list.display()))?;
    let text = text::decode(bytes).map_err(|error| error.at(list.display()))?;
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let name = line.trim();
        if name.is_empty() {
            continue;
        }
        let slashed = name.replace('\\', "/");
        let name = slashed.strip_prefix("./").unwrap_or(&slashed);
        // VOC's lists of a class have a number after the name.
        let first = name.split_whitespace().next().unwrap_or(name);
        let place = format!("{}: line {}", list.display(), i + 1);
        let file = name.rsplit('/').next().unwrap_or(name);
        let small = name.to_lowercase();
        // The case of letters counts only where names differ in it.
        let other_case = || {
            let mut found = known.iter().filter(|(key, _)| key.to_lowercase() == small).map(|(_, index)| *index);
            let one = found.next()?;
            found.all(|other| other == one).then_some(one)
        };
        // A list may have paths of another computer: the file's name then.
        let index = known.get(name).or_else(|| known.get(first)).or_else(|| known.get(file)).copied();
        match index.or_else(other_case).as_ref() {
            Some(Some(index)) => found.push((i + 1, *index)),
            Some(None) => warnings.push(format!("{place}: {name} could be several pictures; name its folder too")),
            None => warnings.push(format!("{place}: {name} is not one of the pictures")),
        }
    }
    Ok(found)
}
