//! PyTorch's container before 1.6 (and of `_use_new_zipfile_serialization=False`): pickles one after the other, then the
//! storages. Magic number, protocol, the writer's system, the checkpoint, the storages' keys; then for each key the number
//! of elements and the elements.

use std::collections::HashMap;

use super::BIG_ENDIAN;
use super::tensor::Source;
use crate::error::Result;
use crate::weights::limits::MAX_TENSORS;
use crate::weights::pickle::{Heap, Id, Value, read_first};
use crate::weights::weights_error;

/// The protocol that every PyTorch from 0.1.10 on writes.
const PROTOCOL: i64 = 1001;
const AGAIN: &str = "the file is damaged or cut off: download or copy it again";

/// The checkpoint, and where its storages are.
pub(super) fn open(bytes: &[u8]) -> Result<(Heap, Source<'_, '_>)> {
    let mut rest = bytes;
    // The magic number, which has been looked at.
    next(&mut rest, "its head")?;
    // Each heap is freed before the next pickle is read.
    let protocol = {
        let head = next(&mut rest, "its head")?;
        head.int(head.root)
    };
    if protocol != Some(PROTOCOL) {
        return Err(weights_error("the file is of PyTorch before 1.6, in a protocol that is not known").hint(AGAIN));
    }
    let big_endian = {
        let system = next(&mut rest, "its head")?;
        system.key(system.root, "little_endian").is_some_and(|id| system.get(id) == &Value::Bool(false))
    };
    if big_endian {
        return Err(weights_error("the checkpoint is big-endian").hint(BIG_ENDIAN));
    }
    let heap = next(&mut rest, "the checkpoint")?;
    let keys = next(&mut rest, "the list of storages")?;
    let storages = storages(&heap, &keys, rest)?;
    Ok((heap, Source::Legacy { storages, bytes: bytes.len() as u64 }))
}

/// Reads a pickle and goes on behind it.
fn next(rest: &mut &[u8], what: &str) -> Result<Heap> {
    let (heap, length) = read_first(rest).map_err(|error| error.at(what))?;
    *rest = rest.get(length..).unwrap_or_default();
    Ok(heap)
}

/// The storages' bytes by their keys.
fn storages<'a>(heap: &Heap, keys: &Heap, mut rest: &'a [u8]) -> Result<HashMap<String, &'a [u8]>> {
    let sizes = heap.storage_sizes();
    let order: &[Id] = keys.items(keys.root).unwrap_or_default();
    if order.len() > MAX_TENSORS {
        return Err(weights_error(format!("{} storages, at most {MAX_TENSORS} are read", order.len())));
    }
    let cut_off =
        |at: usize| weights_error(format!("the file ends in storage {} of {}", at + 1, order.len())).hint(AGAIN);
    let mut storages = HashMap::new();
    for (at, key) in order.iter().enumerate() {
        let key = keys.text(*key).unwrap_or_default();
        let size = sizes.get(key).ok_or_else(|| weights_error("a storage that no tensor has").hint(AGAIN))?;
        let (count, data) = rest.split_first_chunk::<8>().ok_or_else(|| cut_off(at))?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(*size));
        let split = length.and_then(|length| data.split_at_checked(length));
        let (own, behind) = split.ok_or_else(|| cut_off(at))?;
        storages.insert(key.to_owned(), own);
        rest = behind;
    }
    Ok(storages)
}
