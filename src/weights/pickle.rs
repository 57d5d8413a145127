//! An interpreter for Python pickles that makes plain data and runs nothing.

mod call;
mod globals;
mod machine;
mod opcode;
mod reader;
mod value;

pub(super) use machine::{read, read_first};
pub(super) use value::{Heap, Id, TensorRef, Value};
