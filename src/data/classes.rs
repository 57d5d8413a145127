//! Data sets brought to the same classes, and joined.

use super::{ClassSet, Dataset};
use crate::{Error, ErrorKind, Result};

/// The ids up to 90 that COCO left out of its 80 classes.
const UNUSED: [usize; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

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
    /// this is an error. The ids of a COCO file without categories are taken as COCO's own or as the network's class
    /// numbers, whichever they can be, with a warning.
    ///
    /// # Errors
    /// No name in common, and another number of classes.
    pub fn align(&mut self, names: &[String]) -> Result<()> {
        if self.names == names {
            return Ok(());
        }
        let mut map: Vec<Option<usize>> = self.names.iter().map(|name| names.iter().position(|n| n == name)).collect();
        if self.unnamed
            && map.iter().all(Option::is_none)
            && let Some((classes, how)) = by_number(&self.names, names)
        {
            self.warnings.push(format!("the COCO file has no categories: {how}"));
            map = classes;
        } else if self.unnamed && names.iter().enumerate().all(|(class, name)| *name == class.to_string()) {
            let how = "ids are taken as class numbers from 0, as the network's classes have no names";
            self.warnings.push(format!("the COCO file has no categories: {how}"));
        }
        if map.iter().all(Option::is_none) {
            if self.names.len() == names.len() {
                let (own, other) = (shorten(&self.names), shorten(names));
                self.warnings.push(format!("classes are named {own} here and {other} in the network: taken by number"));
                self.renamed(names);
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
        self.renamed(names);
        Ok(())
    }

    fn renamed(&mut self, names: &[String]) {
        self.names = names.to_vec();
        self.unnamed = false;
    }
}

/// The network's class for each id, and how the ids are read: as COCO's own if the network has COCO's classes, else as its class
/// numbers, from 1 or from 0. Nothing if they can be none of these, or if the names are ids, too: only equal ones belong together then.
fn by_number(ids: &[String], names: &[String]) -> Option<(Vec<Option<usize>>, String)> {
    let ids = ids.iter().map(|id| id.parse().ok()).collect::<Option<Vec<usize>>>()?;
    if names.iter().all(|name| name.parse::<usize>().is_ok()) {
        return None;
    }
    let first = names.first()?;
    let is_coco = names.len() == 80 && first == "person" && names.last()? == "toothbrush";
    if is_coco && ids.iter().all(|id| (1..=90).contains(id) && !UNUSED.contains(id)) {
        let class = |id: &usize| Some(id - 1 - UNUSED.iter().filter(|unused| *unused < id).count());
        let how = "ids are taken as COCO's own, from 1 (person) to 90 (toothbrush)".to_owned();
        return Some((ids.iter().map(class).collect(), how));
    }
    let start = [1, 0].into_iter().find(|start| ids.iter().all(|id| (*start..start + names.len()).contains(id)))?;
    let how = format!("ids are taken as the network's class numbers, counted from {start} ({first})");
    Some((ids.iter().map(|id| Some(id - start)).collect(), how))
}

fn shorten(names: &[String]) -> String {
    let mut text = names.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > 5 {
        text.push_str(&format!(" and {} more", names.len() - 5));
    }
    text
}
