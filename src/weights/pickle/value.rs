//! What a pickle makes here: plain data in an arena, so that shared and cyclic values are harmless.

use std::collections::HashMap;

use super::globals::Role;
use crate::weights::dtype::Dtype;
use crate::weights::limits::MAX_SEARCHED;

/// A value's place in the [`Heap`].
pub(crate) type Id = u32;

/// A view into a storage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TensorRef {
    pub storage: Id,
    pub offset: u64,
    pub shape: Vec<u64>,
    pub strides: Vec<u64>,
}

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    /// Bytes, large integers: never looked into.
    Opaque,
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A class or function of the allow-list, and what is to be done with it.
    Global(Role, String),
    Storage {
        dtype: Dtype,
        key: String,
        elements: u64,
    },
    Tensor(TensorRef),
    /// An instance of a class, with the state it was given.
    Object {
        class: Id,
        args: Id,
        state: Option<Id>,
    },
}

/// All values of a pickle.
#[derive(Debug)]
pub(crate) struct Heap {
    pub(super) values: Vec<Value>,
    /// What the pickle is.
    pub root: Id,
}

impl Heap {
    /// The value at `id`.
    pub fn get(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::None)
    }

    /// The items of a list or tuple.
    pub fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a dictionary.
    pub fn pairs(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// A text.
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    pub fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The value of a dictionary's text key (the last, if there are several). Dictionaries larger than any
    /// real one's attributes aren't searched, so that searching takes little time.
    pub fn key(&self, id: Id, key: &str) -> Option<Id> {
        self.pairs(id)
            .filter(|pairs| pairs.len() <= MAX_SEARCHED)?
            .iter()
            .rev()
            .find(|(k, _)| self.text(*k) == Some(key))
            .map(|(_, v)| *v)
    }

    /// An object's class without its module, e.g. `Conv`.
    pub fn class(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Object { class, .. } => match self.get(*class) {
                Value::Global(_, path) => path.rsplit('.').next(),
                _ => None,
            },
            _ => None,
        }
    }

    /// Bytes per element of the storages, by their keys.
    pub fn storage_sizes(&self) -> HashMap<&str, usize> {
        let storages = self.values.iter().filter_map(|value| match value {
            Value::Storage { dtype, key, .. } => Some((key.as_str(), dtype.size())),
            _ => None,
        });
        storages.collect()
    }

    /// The first of the arguments an object was made with.
    pub fn argument(&self, id: Id) -> Option<Id> {
        let Value::Object { args, .. } = self.get(id) else { return None };
        self.items(*args)?.first().copied()
    }

    /// An attribute of an object.
    pub fn attribute(&self, id: Id, name: &str) -> Option<Id> {
        let Value::Object { state: Some(state), .. } = self.get(id) else { return None };
        match self.items(*state) {
            Some(parts) => parts.iter().find_map(|&part| self.key(part, name)),
            None => self.key(*state, name),
        }
    }
}
