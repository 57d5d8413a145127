//! A set of classes.

use std::fmt;
use std::sync::Arc;

/// Some of a data set's classes, by number. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct ClassSet(Arc<[bool]>);

impl ClassSet {
    /// The set of these classes. Numbers may be repeated.
    pub fn new(classes: impl IntoIterator<Item = usize>) -> Self {
        let mut members = Vec::new();
        for class in classes {
            if members.len() <= class {
                members.resize(class + 1, false);
            }
            members[class] = true;
        }
        Self(members.into())
    }

    /// Whether `class` is in the set.
    pub fn contains(&self, class: usize) -> bool {
        self.0.get(class).copied().unwrap_or(false)
    }

    /// The classes in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().filter_map(|(class, &member)| member.then_some(class))
    }
}

impl fmt::Debug for ClassSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
