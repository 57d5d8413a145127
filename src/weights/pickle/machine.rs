//! The stack machine.

use std::collections::HashMap;

use super::globals::look_up;
use super::opcode::Op;
use super::reader::{Reader, broken};
use super::value::{Heap, Id, Value};
use crate::error::Result;
use crate::weights::limits::{MAX_PICKLE_BYTES, MAX_PICKLE_MARKS, MAX_PICKLE_OPS};
use crate::weights::weights_error;

/// Reads a pickle.
pub(crate) fn read(bytes: &[u8]) -> Result<Heap> {
    if bytes.len() > MAX_PICKLE_BYTES {
        return Err(weights_error(format!("pickle of {} bytes, at most {MAX_PICKLE_BYTES} are read", bytes.len())));
    }
    Ok(read_first(bytes)?.0)
}

/// Reads the pickle that `bytes` begin with, and tells its length.
pub(crate) fn read_first(bytes: &[u8]) -> Result<(Heap, usize)> {
    let bytes = bytes.get(..MAX_PICKLE_BYTES).unwrap_or(bytes);
    let mut machine = Machine {
        reader: Reader::new(bytes),
        ops: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        values: vec![Value::None, Value::Bool(false), Value::Bool(true)],
    };
    match machine.run() {
        Ok(root) => Ok((Heap { values: machine.values, root }, machine.reader.at())),
        Err(error) => Err(error.at(format!("pickle, byte {}", machine.reader.at()))),
    }
}

const NONE: Id = 0;
const FALSE: Id = 1;
const TRUE: Id = 2;

pub(super) struct Machine<'a> {
    reader: Reader<'a>,
    ops: usize,
    pub(super) stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    values: Vec<Value>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id> {
        loop {
            self.charge(1)?;
            match Op::read(&mut self.reader)? {
                Op::Stop => return self.pop(),
                op => self.step(op)?,
            }
        }
    }

    fn step(&mut self, op: Op<'a>) -> Result<()> {
        match op {
            Op::Stop | Op::Skip => {}
            Op::Mark => {
                if self.marks.len() >= MAX_PICKLE_MARKS {
                    return Err(weights_error(format!("the pickle is nested deeper than {MAX_PICKLE_MARKS}")));
                }
                self.marks.push(self.stack.len());
            }
            Op::Pop => {
                self.pop()?;
            }
            Op::PopMark => {
                self.pop_mark()?;
            }
            Op::Duplicate => {
                let top = self.top()?;
                self.stack.push(top);
            }
            Op::None => self.stack.push(NONE),
            Op::Bool(value) => self.stack.push(if value { TRUE } else { FALSE }),
            Op::Push(value) => self.push(value),
            Op::Tuple => {
                let items = self.pop_mark()?;
                self.push(Value::Tuple(items));
            }
            Op::TupleOf(count) => {
                let from = self.stack.len().checked_sub(count).filter(|&from| from >= self.floor());
                let items = self.stack.split_off(from.ok_or_else(|| broken("stack is too short"))?);
                self.push(Value::Tuple(items));
            }
            Op::List => {
                let items = self.pop_mark()?;
                self.push(Value::List(items));
            }
            Op::Append => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            Op::Appends => {
                let items = self.pop_mark()?;
                self.extend(items)?;
            }
            Op::Dict => {
                let items = self.pop_mark()?;
                self.push(Value::Dict(Vec::new()));
                self.set_items(items)?;
            }
            Op::SetItem => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(vec![key, value])?;
            }
            Op::SetItems => {
                let items = self.pop_mark()?;
                self.set_items(items)?;
            }
            Op::Global { module, name } => {
                let (role, path) = look_up(module, name)?;
                self.push(Value::Global(role, path));
            }
            Op::StackGlobal => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Str(module), Value::Str(name)) = (self.value(module), self.value(name)) else {
                    return Err(broken("a global's name isn't text"));
                };
                let (role, path) = look_up(module, name)?;
                self.push(Value::Global(role, path));
            }
            Op::Call => {
                let (args, function) = (self.pop()?, self.pop()?);
                self.call(function, args, 0)?;
            }
            Op::CallWithKeywords => {
                let (_, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, args, 0)?;
            }
            Op::SetState => {
                let given = self.pop()?;
                let object = self.top()?;
                // The state of dictionaries and tensors (metadata, hooks) says nothing about the weights.
                if let Some(Value::Object { state, .. }) = self.values.get_mut(object as usize) {
                    *state = Some(given);
                }
            }
            Op::PersistentId => {
                let id = self.pop()?;
                match self.class_with_source(id) {
                    Some(class) => self.stack.push(class),
                    None => {
                        let storage = self.storage(id)?;
                        self.push(storage);
                    }
                }
            }
            Op::Put(slot) => self.put(slot)?,
            Op::PutNext => {
                let slot = u32::try_from(self.memo.len()).map_err(|_| broken("memo is full"))?;
                self.put(slot)?;
            }
            Op::Get(slot) => {
                let missing = || broken(&format!("memo {slot} was never set"));
                let id = self.memo.get(&slot).copied().ok_or_else(missing)?;
                self.stack.push(id);
            }
        }
        Ok(())
    }

    /// Counts work, so that neither time nor memory runs away.
    pub(super) fn charge(&mut self, work: usize) -> Result<()> {
        self.ops = self.ops.saturating_add(work);
        if self.ops > MAX_PICKLE_OPS {
            return Err(weights_error(format!("the pickle has more than {MAX_PICKLE_OPS} operations")));
        }
        Ok(())
    }

    pub(super) fn push(&mut self, value: Value) {
        // At most one value per operation, and those are counted, so this fits.
        let id = self.values.len() as Id;
        self.values.push(value);
        self.stack.push(id);
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id> {
        if self.stack.len() <= self.floor() {
            return Err(broken("stack is too short"));
        }
        self.stack.pop().ok_or_else(|| broken("stack is too short"))
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().filter(|_| self.stack.len() > self.floor()).ok_or_else(|| broken("stack is empty"))
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| broken("no mark"))?;
        Ok(self.stack.split_off(mark.min(self.stack.len())))
    }

    pub(super) fn value(&self, id: Id) -> &Value {
        self.values.get(id as usize).unwrap_or(&Value::None)
    }

    fn extend(&mut self, items: Vec<Id>) -> Result<()> {
        let list = self.top()?;
        match self.values.get_mut(list as usize) {
            Some(Value::List(all)) => all.extend(items),
            // A class derived from list: its items say nothing about the weights.
            Some(Value::Object { .. }) => {}
            _ => return Err(broken("items for something that isn't a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Id>) -> Result<()> {
        let dict = self.top()?;
        if !items.len().is_multiple_of(2) {
            return Err(broken("a key without value"));
        }
        match self.values.get_mut(dict as usize) {
            Some(Value::Dict(all)) => all.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1]))),
            Some(Value::Object { .. }) => {}
            _ => return Err(broken("keys for something that isn't a dictionary")),
        }
        Ok(())
    }

    fn put(&mut self, slot: u32) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }
}
