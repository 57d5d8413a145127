//! What "calling" something means: data.

use super::globals::{Role, refused};
use super::machine::Machine;
use super::reader::broken;
use super::value::{Id, TensorRef, Value};
use crate::error::Result;
use crate::weights::limits::MAX_DIMS;
use crate::weights::weights_error;

impl Machine<'_> {
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.value(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// What "calling" a global with arguments means: data, according to its role.
    pub(super) fn call(&mut self, function: Id, args: Id, depth: usize) -> Result<()> {
        let Value::Global(role, _) = self.value(function) else {
            return Err(broken("something is called that isn't a class or function"));
        };
        let role = *role;
        let given = self.items(args).ok_or_else(|| broken("arguments that aren't a tuple"))?;
        let first = given.first().copied();
        match role {
            Role::Same => match first {
                Some(first) => self.stack.push(first),
                None => self.push(Value::List(Vec::new())),
            },
            Role::Dict => {
                let pairs = first.and_then(|first| self.items(first)).map(<[Id]>::to_vec).unwrap_or_default();
                self.charge(pairs.len())?;
                let mut all = Vec::new();
                for pair in pairs {
                    match self.items(pair) {
                        Some([key, value]) => all.push((*key, *value)),
                        _ => return Err(broken("a dictionary made of something that isn't pairs")),
                    }
                }
                self.push(Value::Dict(all));
            }
            Role::Tensor => {
                let tensor = self.tensor(given)?;
                self.push(Value::Tensor(tensor));
            }
            Role::FromType => match given {
                &[inner, _, inner_args, ..] if depth == 0 => self.call(inner, inner_args, 1)?,
                _ => return Err(broken("_rebuild_from_type_v2 without its arguments")),
            },
            Role::Bound => match given {
                &[object, name]
                    if matches!(self.value(object), Value::Object { .. })
                        && matches!(self.value(name), Value::Str(_)) =>
                {
                    self.push(Value::Opaque);
                }
                _ => return Err(refused("builtins.getattr")),
            },
            Role::Class => self.push(Value::Object { class: function, args, state: None }),
            Role::Storage(_) => return Err(broken("a storage is called")),
        }
        Ok(())
    }

    pub(super) fn tensor(&self, args: &[Id]) -> Result<TensorRef> {
        let &[storage, offset, shape, strides, ..] = args else {
            return Err(broken("a tensor with too few arguments"));
        };
        if !matches!(self.value(storage), Value::Storage { .. }) {
            return Err(broken("a tensor without storage"));
        }
        Ok(TensorRef {
            storage,
            offset: self.natural(offset)?,
            shape: self.naturals(shape)?,
            strides: self.naturals(strides)?,
        })
    }

    pub(super) fn natural(&self, id: Id) -> Result<u64> {
        match self.value(id) {
            Value::Int(value) => u64::try_from(*value).map_err(|_| broken("a negative size, stride or offset")),
            _ => Err(broken("a size, stride or offset that isn't a number")),
        }
    }

    pub(super) fn naturals(&self, id: Id) -> Result<Vec<u64>> {
        let items = self.items(id).ok_or_else(|| broken("a tensor's shape isn't a tuple"))?;
        if items.len() > MAX_DIMS {
            return Err(weights_error(format!("a tensor of {} dimensions, at most {MAX_DIMS} are read", items.len())));
        }
        items.iter().map(|&item| self.natural(item)).collect()
    }

    /// `("module", class, file, source)`, as PyTorch before 1.6 names a class: the class.
    pub(super) fn class_with_source(&self, id: Id) -> Option<Id> {
        let &[kind, class, _, _] = self.items(id)? else { return None };
        let is_module = matches!(self.value(kind), Value::Str(kind) if kind == "module");
        (is_module && matches!(self.value(class), Value::Global(..))).then_some(class)
    }

    /// `("storage", type, key, location, elements)`; before PyTorch 1.6 with a view, which is always `None`.
    pub(super) fn storage(&self, id: Id) -> Result<Value> {
        let Some(&[_, class, key, _, elements, ref view @ ..]) = self.items(id) else {
            return Err(broken("a storage that isn't ('storage', type, key, location, elements)"));
        };
        if view.iter().any(|view| *self.value(*view) != Value::None) {
            return Err(broken("a view of a storage, as PyTorch before 0.4 wrote them"));
        }
        match (self.value(class), self.value(key)) {
            (Value::Global(Role::Storage(dtype), _), Value::Str(key)) if key.len() <= 32 => {
                Ok(Value::Storage { dtype: *dtype, key: key.clone(), elements: self.natural(elements)? })
            }
            _ => Err(broken("a storage of a type that isn't known")),
        }
    }
}
