//! The stack machine.

use std::collections::HashMap;

use super::globals::look_up;
use super::value::{Heap, Id, Value};
use crate::error::{Error, Result};
use crate::weights::limits::{MAX_PICKLE_BYTES, MAX_PICKLE_MARKS, MAX_PICKLE_OPS};
use crate::weights::weights_error;

/// Reads a pickle.
pub(crate) fn read(bytes: &[u8]) -> Result<Heap> {
    if bytes.len() > MAX_PICKLE_BYTES {
        return Err(weights_error(format!("pickle of {} bytes, at most {MAX_PICKLE_BYTES} are read", bytes.len())));
    }
    let mut machine = Machine {
        bytes,
        at: 0,
        ops: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        values: vec![Value::None, Value::Bool(false), Value::Bool(true)],
    };
    match machine.run() {
        Ok(root) => Ok(Heap { values: machine.values, root }),
        Err(error) => Err(error.at(format!("pickle, byte {}", machine.at))),
    }
}

const NONE: Id = 0;
const FALSE: Id = 1;
const TRUE: Id = 2;

pub(super) struct Machine<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    ops: usize,
    pub(super) stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    values: Vec<Value>,
}

pub(super) fn broken(what: &str) -> Error {
    weights_error(format!("the pickle is broken: {what}")).hint("the file is damaged, or isn't what torch.save writes")
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Id> {
        loop {
            self.charge(1)?;
            let op = self.byte()?;
            if op == b'.' {
                return self.pop();
            }
            self.step(op)?;
        }
    }

    fn step(&mut self, op: u8) -> Result<()> {
        match op {
            0x80 => {
                let version = self.byte()?;
                if version > 5 {
                    return Err(broken(&format!("protocol {version}")));
                }
            }
            0x95 => {
                self.take(8)?;
            }
            b'(' => {
                if self.marks.len() >= MAX_PICKLE_MARKS {
                    return Err(weights_error(format!("the pickle is nested deeper than {MAX_PICKLE_MARKS}")));
                }
                self.marks.push(self.stack.len());
            }
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.pop_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.stack.push(NONE),
            0x88 => self.stack.push(TRUE),
            0x89 => self.stack.push(FALSE),
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(i64::from(value)));
            }
            b'K' => {
                let value = self.byte()?;
                self.push(Value::Int(i64::from(value)));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(i64::from(value)));
            }
            0x8a => {
                let length = usize::from(self.byte()?);
                self.long(length)?;
            }
            0x8b => {
                let length = self.length4()?;
                self.long(length)?;
            }
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(value));
            }
            b'X' | b'T' => {
                let length = self.length4()?;
                self.text(length)?;
            }
            0x8c | b'U' => {
                let length = usize::from(self.byte()?);
                self.text(length)?;
            }
            0x8d => {
                let length = self.length8()?;
                self.text(length)?;
            }
            b'B' => {
                let length = self.length4()?;
                self.opaque(length)?;
            }
            b'C' => {
                let length = usize::from(self.byte()?);
                self.opaque(length)?;
            }
            0x8e | 0x96 => {
                let length = self.length8()?;
                self.opaque(length)?;
            }
            b')' => self.push(Value::Tuple(Vec::new())),
            b't' => {
                let items = self.pop_mark()?;
                self.push(Value::Tuple(items));
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(op - 0x84));
                let from = from.filter(|&from| from >= self.floor()).ok_or_else(|| broken("stack is too short"))?;
                let items = self.stack.split_off(from);
                self.push(Value::Tuple(items));
            }
            b']' | 0x8f => self.push(Value::List(Vec::new())),
            b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.push(Value::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend(items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Value::Dict(Vec::new()));
                self.set_items(items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(vec![key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set_items(items)?;
            }
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.value(module), self.value(name)) {
                    (Value::Str(module), Value::Str(name)) => {
                        let (role, path) = look_up(module, name)?;
                        self.push(Value::Global(role, path));
                    }
                    _ => return Err(broken("a global's name isn't text")),
                }
            }
            b'R' => {
                let (args, function) = (self.pop()?, self.pop()?);
                self.call(function, args, 0)?;
            }
            0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.call(class, args, 0)?;
            }
            0x92 => {
                let (_, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(class, args, 0)?;
            }
            b'b' => {
                let given = self.pop()?;
                let object = self.top()?;
                // The state of dictionaries and tensors (metadata, hooks) says nothing about the weights.
                if let Some(Value::Object { state, .. }) = self.values.get_mut(object as usize) {
                    *state = Some(given);
                }
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.storage(id)?;
                self.push(storage);
            }
            b'q' => {
                let slot = u32::from(self.byte()?);
                self.put(slot)?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.put(slot)?;
            }
            0x94 => {
                let slot = u32::try_from(self.memo.len()).map_err(|_| broken("memo is full"))?;
                self.put(slot)?;
            }
            b'h' => {
                let slot = u32::from(self.byte()?);
                self.fetch(slot)?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.array()?);
                self.fetch(slot)?;
            }
            _ => return Err(broken(&format!("operation 0x{op:02x} isn't one that torch.save writes"))),
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

    fn text(&mut self, length: usize) -> Result<()> {
        let text = String::from_utf8_lossy(self.take(length)?).into_owned();
        self.push(Value::Str(text));
        Ok(())
    }

    fn opaque(&mut self, length: usize) -> Result<()> {
        self.take(length)?;
        self.push(Value::Opaque);
        Ok(())
    }

    fn long(&mut self, length: usize) -> Result<()> {
        let digits = self.take(length)?;
        let negative = digits.last().is_some_and(|&b| b >= 0x80);
        let value = if digits.len() <= 8 {
            let mut all = [if negative { 0xff } else { 0 }; 8];
            all[..digits.len()].copy_from_slice(digits);
            Value::Int(i64::from_le_bytes(all))
        } else {
            Value::Opaque
        };
        self.push(value);
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

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let (role, path) = look_up(module, name)?;
        self.push(Value::Global(role, path));
        Ok(())
    }

    fn put(&mut self, slot: u32) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn fetch(&mut self, slot: u32) -> Result<()> {
        let id = self.memo.get(&slot).copied().ok_or_else(|| broken(&format!("memo {slot} was never set")))?;
        self.stack.push(id);
        Ok(())
    }
}
