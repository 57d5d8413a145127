//! Files by the names that other systems gave them: other letter case, backslashes, drive letters.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Finds files; remembers the folders it has looked into.
#[derive(Debug, Default)]
pub struct Finder {
    /// By folder: the real names by their names in small letters.
    folders: HashMap<PathBuf, HashMap<String, Vec<OsString>>>,
}

impl Finder {
    /// The file or folder that `name` means below `folder`: as written, else with backslashes as slashes, else in another
    /// letter case if only one fits. Of an absolute path of another system (`C:\set\images\a.jpg`) the longest end that
    /// exists below `folder`.
    pub fn find(&mut self, folder: &Path, name: &str) -> Option<PathBuf> {
        let plain = folder.join(name);
        if plain.exists() {
            return Some(plain);
        }
        let name = name.replace('\\', "/");
        let absolute = name.starts_with('/');
        let drive = name.split_once(':').filter(|(drive, _)| drive.len() == 1);
        let below = drive.map_or(name.as_str(), |(_, rest)| rest).trim_start_matches('/');
        if drive.is_none() && !absolute {
            return self.below(folder, below);
        }
        let mut rest = below;
        loop {
            if let Some(found) = self.below(folder, rest) {
                return Some(found);
            }
            rest = rest.split_once('/')?.1;
        }
    }

    /// As [`Finder::find`], but only what lies below `folder`: names that lead out of it find nothing.
    pub fn find_below(&mut self, folder: &Path, name: &str) -> Option<PathBuf> {
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if Path::new(name).components().all(is_plain) && folder.join(name).exists() {
            return Some(folder.join(name));
        }
        let slashed = name.replace('\\', "/");
        if Path::new(&slashed).components().any(|part| part == Component::ParentDir) {
            return None;
        }
        self.find(folder, &slashed).filter(|found| found.starts_with(folder))
    }

    /// `name` below `folder`, part by part.
    fn below(&mut self, folder: &Path, name: &str) -> Option<PathBuf> {
        let mut place = folder.to_owned();
        for part in Path::new(name).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(part) => {
                    let next = place.join(part);
                    place = if next.exists() { next } else { self.other_case(&place, &part.to_string_lossy())? };
                }
                other => place.push(other),
            }
        }
        place.exists().then_some(place)
    }

    fn other_case(&mut self, folder: &Path, name: &str) -> Option<PathBuf> {
        let names = self.folders.entry(folder.to_owned()).or_insert_with(|| {
            let mut names: HashMap<String, Vec<OsString>> = HashMap::new();
            let start = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            for entry in std::fs::read_dir(start).into_iter().flatten().flatten() {
                let name = entry.file_name();
                names.entry(name.to_string_lossy().to_lowercase()).or_default().push(name);
            }
            names
        });
        match names.get(&name.to_lowercase()).map(Vec::as_slice) {
            Some([only]) => Some(folder.join(only)),
            _ => None,
        }
    }
}

/// Whether a path is written as Windows writes them.
pub(super) fn is_windows(name: &str) -> bool {
    name.contains('\\') || name.as_bytes().get(1) == Some(&b':')
}
