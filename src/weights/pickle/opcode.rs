//! The operations of a pickle. Their bytes are those of Python's `pickletools`, protocols 0 to 5, as far as `torch.save` writes
//! them.

use super::reader::{Reader, broken};
use super::value::Value;
use crate::error::Result;

/// One operation, with what stands behind it in the file.
pub(super) enum Op<'a> {
    /// The end: the top of the stack is the result.
    Stop,
    /// Says something that isn't needed here.
    Skip,
    /// Marks a place on the stack.
    Mark,
    Pop,
    /// Pops everything above the last mark, and the mark.
    PopMark,
    Duplicate,
    None,
    Bool(bool),
    /// Pushes a number, a text, bytes, or an empty collection.
    Push(Value),
    /// Everything above the last mark becomes a tuple.
    Tuple,
    /// The last few values become a tuple.
    TupleOf(usize),
    /// Everything above the last mark becomes a list (or a frozen set).
    List,
    /// The top becomes an item of the list below.
    Append,
    /// Everything above the last mark becomes items of the list below.
    Appends,
    /// Everything above the last mark becomes a dictionary: key, value, key, …
    Dict,
    SetItem,
    SetItems,
    /// A class or function, by name.
    Global {
        module: &'a str,
        name: &'a str,
    },
    /// The same, with both names on the stack.
    StackGlobal,
    /// Calls a function, or makes an instance of a class, with a tuple of arguments.
    Call,
    CallWithKeywords,
    /// Gives an object its state.
    SetState,
    /// Refers to a storage outside the pickle.
    PersistentId,
    /// Remembers the top of the stack.
    Put(u32),
    /// Remembers it under the next free number.
    PutNext,
    /// Pushes what was remembered.
    Get(u32),
}

impl<'a> Op<'a> {
    /// Reads an operation.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self> {
        let int = |value: i64| Self::Push(Value::Int(value));
        Ok(match reader.byte()? {
            b'.' => Self::Stop,
            // PROTO
            0x80 => match reader.byte()? {
                0..=5 => Self::Skip,
                version => return Err(broken(&format!("protocol {version}"))),
            },
            // FRAME
            0x95 => reader.take(8).map(|_| Self::Skip)?,
            b'(' => Self::Mark,
            b'0' => Self::Pop,
            b'1' => Self::PopMark,
            b'2' => Self::Duplicate,
            b'N' => Self::None,
            0x88 => Self::Bool(true),
            0x89 => Self::Bool(false),
            // BININT, BININT1, BININT2, LONG1, LONG4
            b'J' => int(i32::from_le_bytes(reader.array()?).into()),
            b'K' => int(reader.byte()?.into()),
            b'M' => int(u16::from_le_bytes(reader.array()?).into()),
            0x8a => reader.length1().and_then(|length| long(reader, length))?,
            0x8b => reader.length4().and_then(|length| long(reader, length))?,
            // BINFLOAT
            b'G' => Self::Push(Value::Float(f64::from_be_bytes(reader.array()?))),
            // BINUNICODE, BINSTRING, SHORT_BINUNICODE, SHORT_BINSTRING, BINUNICODE8
            b'X' | b'T' => reader.length4().and_then(|length| text(reader, length))?,
            0x8c | b'U' => reader.length1().and_then(|length| text(reader, length))?,
            0x8d => reader.length8().and_then(|length| text(reader, length))?,
            // BINBYTES, SHORT_BINBYTES, BINBYTES8, BYTEARRAY8
            b'B' => reader.length4().and_then(|length| opaque(reader, length))?,
            b'C' => reader.length1().and_then(|length| opaque(reader, length))?,
            0x8e | 0x96 => reader.length8().and_then(|length| opaque(reader, length))?,
            // EMPTY_TUPLE, EMPTY_LIST, EMPTY_SET, EMPTY_DICT
            b')' => Self::Push(Value::Tuple(Vec::new())),
            b']' | 0x8f => Self::Push(Value::List(Vec::new())),
            b'}' => Self::Push(Value::Dict(Vec::new())),
            b't' => Self::Tuple,
            // TUPLE1, TUPLE2, TUPLE3
            code @ 0x85..=0x87 => Self::TupleOf(usize::from(code - 0x84)),
            // LIST, FROZENSET
            b'l' | 0x91 => Self::List,
            b'a' => Self::Append,
            // APPENDS, ADDITEMS
            b'e' | 0x90 => Self::Appends,
            b'd' => Self::Dict,
            b's' => Self::SetItem,
            b'u' => Self::SetItems,
            b'c' => Self::Global { module: reader.line()?, name: reader.line()? },
            0x93 => Self::StackGlobal,
            // REDUCE, NEWOBJ
            b'R' | 0x81 => Self::Call,
            // NEWOBJ_EX
            0x92 => Self::CallWithKeywords,
            b'b' => Self::SetState,
            // BINPERSID
            b'Q' => Self::PersistentId,
            // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
            b'q' => Self::Put(reader.byte()?.into()),
            b'r' => Self::Put(u32::from_le_bytes(reader.array()?)),
            0x94 => Self::PutNext,
            b'h' => Self::Get(reader.byte()?.into()),
            b'j' => Self::Get(u32::from_le_bytes(reader.array()?)),
            code => return Err(broken(&format!("operation 0x{code:02x} isn't one that torch.save writes"))),
        })
    }
}

fn text<'a>(reader: &mut Reader<'a>, length: usize) -> Result<Op<'a>> {
    let text = String::from_utf8_lossy(reader.take(length)?).into_owned();
    Ok(Op::Push(Value::Str(text)))
}

fn opaque<'a>(reader: &mut Reader<'a>, length: usize) -> Result<Op<'a>> {
    reader.take(length)?;
    Ok(Op::Push(Value::Opaque))
}

/// An integer of any length, in two's complement.
fn long<'a>(reader: &mut Reader<'a>, length: usize) -> Result<Op<'a>> {
    let digits = reader.take(length)?;
    let negative = digits.last().is_some_and(|&b| b >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    Ok(Op::Push(match all.get_mut(..length) {
        Some(low) => {
            low.copy_from_slice(digits);
            Value::Int(i64::from_le_bytes(all))
        }
        None => Value::Opaque,
    }))
}
