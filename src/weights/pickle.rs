//! An interpreter for Python pickles that makes plain data and runs nothing.

mod bytes;
mod call;
mod globals;
mod machine;
mod value;

pub(super) use machine::read;
pub(super) use value::{Dtype, Heap, Id, TensorRef, Value};
