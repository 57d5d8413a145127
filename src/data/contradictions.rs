//! What can't be meant in a data set as a whole: classes without labels, nothing to find, the same pictures twice.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::{Dataset, MAX_PICTURE, read};

/// Classes named in one sentence.
const SHOWN: usize = 8;

impl Dataset {
    /// What can't be meant, one sentence each: no labels at all, nothing but crowds, classes that never occur, names that
    /// several classes have. Each label by itself may be right.
    pub fn contradictions(&self) -> Vec<String> {
        let mut found = Vec::new();
        let (mut all, mut crowds, mut counts) = (0, 0, vec![0usize; self.names.len()]);
        for label in self.entries.iter().flat_map(|entry| &entry.labels) {
            all += 1;
            crowds += usize::from(label.crowd);
            if let Some(count) = counts.get_mut(label.class) {
                *count += 1;
            }
        }
        if all == 0 {
            found.push(format!("there is nothing to find: 0 labels in {} pictures", self.entries.len()));
        } else if crowds == all {
            found.push(format!("there is nothing to find: all boxes ({crowds} of {all}) are crowds"));
        } else {
            let never = |(name, count): (&String, &usize)| (*count == 0).then(|| name.clone());
            let never: Vec<String> = self.names.iter().zip(&counts).filter_map(never).collect();
            if !never.is_empty() {
                let (count, names) = (never.len(), self.names.len());
                found.push(format!("{count} of {names} classes never occur here: {}", shorten(&never)));
            }
        }
        let empty = self.entries.iter().flat_map(|entry| &entry.labels).filter(|label| !label.has_area()).count();
        if empty > 0 {
            found.push(format!("{empty} of {all} boxes have no width or no height: nothing can match them"));
        }
        found
    }

    /// Whether no picture has a label.
    pub fn is_without_labels(&self) -> bool {
        self.entries.iter().all(|entry| entry.labels.is_empty())
    }

    /// Pictures that are in `other`, too: the same file, or another with the same bytes. The first few are named, the
    /// rest is counted.
    pub fn pictures_shared_with(&self, other: &Dataset) -> (usize, Vec<String>) {
        let place = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut places: HashSet<PathBuf> = HashSet::new();
        let mut sizes: HashMap<u64, Vec<&Path>> = HashMap::new();
        for file in (0..other.len()).filter_map(|i| other.file(i)) {
            places.insert(place(file));
            if let Ok(about) = file.metadata() {
                sizes.entry(about.len()).or_default().push(file);
            }
        }
        let (mut count, mut shown) = (0, Vec::new());
        for file in (0..self.len()).filter_map(|i| self.file(i)) {
            let twin = || {
                let same_size = sizes.get(&file.metadata().ok()?.len())?;
                let bytes = read(file, MAX_PICTURE).ok()?;
                same_size.iter().copied().find(|other| read(other, MAX_PICTURE).is_ok_and(|others| others == bytes))
            };
            let twin = if places.contains(&place(file)) { Some(file) } else { twin() };
            if let Some(twin) = twin {
                count += 1;
                if shown.len() < 3 {
                    shown.push(match twin == file {
                        true => file.display().to_string(),
                        false => format!("{} (as {})", file.display(), twin.display()),
                    });
                }
            }
        }
        (count, shown)
    }
}

fn shorten(names: &[String]) -> String {
    let mut text = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
