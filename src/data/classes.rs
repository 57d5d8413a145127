//! Data sets brought to the same classes, and joined.

use super::{ClassSet, Dataset};
use crate::{Error, ErrorKind, Result};

impl Dataset {
    /// One data set of several, picture after picture, with the classes of the first. The others are brought to those
    /// by name, as [`Dataset::align`] does it. Without any data set this is an error.
    ///
    /// # Errors
    /// No data set, or what [`Dataset::align`] refuses.
    pub fn join(sets: impl IntoIterator<Item = Dataset>) -> Result<Dataset> {
        let mut sets = sets.into_iter();
        let mut all = sets.next().ok_or_else(|| Error::new(ErrorKind::Argument, "no data set to join"))?;
        for mut set in sets {
            set.align(&all.names)?;
            all.entries.append(&mut set.entries);
            all.warnings.append(set.warnings);
        }
        Ok(all)
    }

    /// Renumbers the classes to those of a network, by name. Labels of classes the network doesn't know are left out,
    /// with a warning. Without a name in common the numbers stay, with a warning, if both have as many classes; else
    /// this is an error.
    ///
    /// # Errors
    /// No name in common, and another number of classes.
    pub fn align(&mut self, names: &[String]) -> Result<()> {
        if self.names == names {
            return Ok(());
        }
        let map: Vec<Option<usize>> = self.names.iter().map(|name| names.iter().position(|n| n == name)).collect();
        if map.iter().all(Option::is_none) {
            if self.names.len() == names.len() {
                let (own, other) = (shorten(&self.names), shorten(names));
                self.warnings.push(format!("classes are named {own} here and {other} in the network: taken by number"));
                self.names = names.to_vec();
                return Ok(());
            }
            let text = format!("the data set's classes ({}) are none of the network's", shorten(&self.names));
            return Err(Error::new(ErrorKind::Data, text)
                .hint(format!("the network knows {}; class names must be the same", shorten(names))));
        }
        let unknown: Vec<String> =
            self.names.iter().zip(&map).filter(|(_, m)| m.is_none()).map(|(n, _)| n.clone()).collect();
        let mut dropped = 0;
        for entry in &mut self.entries {
            let before = entry.labels.len();
            entry.labels.retain_mut(|label| match map.get(label.class).copied().flatten() {
                Some(class) => {
                    label.class = class;
                    true
                }
                None => false,
            });
            dropped += before - entry.labels.len();
            if let Some(exhaustive) = &entry.exhaustive {
                let known = exhaustive.iter().filter_map(|class| map.get(class).copied().flatten());
                entry.exhaustive = Some(ClassSet::new(known));
            }
        }
        if dropped > 0 {
            let text = format!("the network doesn't know {}: {dropped} labels left out", shorten(&unknown));
            self.warnings.push(text);
        }
        self.names = names.to_vec();
        Ok(())
    }
}

fn shorten(names: &[String]) -> String {
    let mut text = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 {
        text.push_str(&format!(" and {} more", names.len() - 5));
    }
    text
}
