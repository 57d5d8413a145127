//! Tensors out of storages: strides honoured, everything checked against what is really there.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::error::Result;
use crate::weights::archive::Archive;
use crate::weights::dtype::Dtype;
use crate::weights::limits::MAX_VISITS;
use crate::weights::numbers::widen;
use crate::weights::pickle::{Heap, TensorRef, Value};
use crate::weights::{Tensor, weights_error};

/// Where the bytes of storages are.
pub(super) enum Source<'a, 'z> {
    /// In a zip, in records whose names begin with `prefix`.
    Zip { archive: &'a Archive<'z>, prefix: String },
    /// By their keys, in a file of so many bytes.
    Legacy { storages: HashMap<String, &'z [u8]>, bytes: u64 },
}

impl<'z> Source<'_, 'z> {
    fn read(&self, key: &str) -> Result<Cow<'z, [u8]>> {
        match self {
            Self::Zip { archive, prefix } => archive.read(&format!("{prefix}data/{key}")),
            Self::Legacy { storages, .. } => {
                let data = storages.get(key).ok_or_else(|| weights_error(format!("storage {key} is missing")))?;
                Ok(Cow::Borrowed(data))
            }
        }
    }

    /// Bytes of all storages, at most.
    fn bytes(&self) -> u64 {
        match self {
            Self::Zip { archive, .. } => archive.unpacked,
            Self::Legacy { bytes, .. } => *bytes,
        }
    }
}

/// Reads storages, each once, and keeps count.
pub(super) struct Storages<'h, 'z> {
    heap: &'h Heap,
    source: Source<'h, 'z>,
    loaded: HashMap<&'h str, Cow<'z, [u8]>>,
    /// Elements that may still be made: as many as the file has bytes.
    budget: u64,
    visits: usize,
    dtype: Option<Dtype>,
}

impl<'h, 'z> Storages<'h, 'z> {
    /// The storages that the pickle's tensors have.
    pub fn new(heap: &'h Heap, source: Source<'h, 'z>) -> Self {
        let budget = source.bytes();
        Self { heap, source, loaded: HashMap::new(), budget, visits: 0, dtype: None }
    }

    /// The number type of the first tensor.
    pub fn dtype_name(&self) -> &'static str {
        self.dtype.map_or("no numbers", Dtype::name)
    }

    /// Counts a visited entry of a module.
    pub fn visit(&mut self) -> Result<()> {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            return Err(weights_error(format!("the modules have more than {MAX_VISITS} entries")));
        }
        Ok(())
    }

    /// Reads a view into a tensor of its own.
    pub fn read(&mut self, view: &TensorRef) -> Result<Tensor> {
        let Value::Storage { dtype, key, elements } = self.heap.get(view.storage) else {
            return Err(weights_error("a tensor without storage"));
        };
        let size = dtype.size();
        if matches!(dtype, Dtype::Other(_)) {
            return Err(weights_error("the tensor holds integers, weights are floating point")
                .hint("a quantised checkpoint can't be read; give the float one"));
        }
        let count = self.check(view, *elements)?;
        if !self.loaded.contains_key(key.as_str()) {
            let data = self.source.read(key)?;
            self.loaded.insert(key, data);
        }
        let data = self.loaded.get(key.as_str()).map(|data| data.as_ref()).unwrap_or_default();
        if (data.len() / size) as u64 != *elements || !data.len().is_multiple_of(size) {
            return Err(weights_error(format!(
                "storage {key} has {} bytes, {elements} elements of {size} bytes are declared",
                data.len()
            ))
            .hint("the file is damaged or cut off: download or copy it again"));
        }
        self.dtype.get_or_insert(*dtype);
        let shape: Vec<usize> = view.shape.iter().map(|&n| n as usize).collect();
        // The stride of a dimension of one is never taken, and may be anything.
        let strides = view.strides.iter().zip(&shape).map(|(&s, &n)| if n > 1 { s as usize } else { 0 });
        let strides: Vec<usize> = strides.collect();
        let mut values = Vec::with_capacity(count);
        let mut index = vec![0; shape.len()];
        let mut at = view.offset as usize;
        for _ in 0..count {
            // `check` has shown that every index the loops reach lies in the storage.
            values.push(widen(*dtype, data.get(at * size..(at + 1) * size).unwrap_or_default()));
            for d in (0..shape.len()).rev() {
                index[d] += 1;
                at += strides[d];
                if index[d] < shape[d] {
                    break;
                }
                at -= strides[d] * shape[d];
                index[d] = 0;
            }
        }
        Ok(Tensor { shape, data: values })
    }

    /// Number of elements, if the view lies inside its storage and isn't too large.
    fn check(&mut self, view: &TensorRef, elements: u64) -> Result<usize> {
        if view.shape.len() != view.strides.len() {
            return Err(weights_error(format!("{} sizes but {} strides", view.shape.len(), view.strides.len())));
        }
        let too_large = || weights_error(format!("a tensor of shape {:?} is larger than its file", view.shape));
        let count = view.shape.iter().try_fold(1u64, |all, &n| all.checked_mul(n)).ok_or_else(too_large)?;
        if count > self.budget {
            return Err(too_large());
        }
        self.budget -= count;
        if count == 0 {
            return Err(weights_error(format!("a tensor without elements (shape {:?})", view.shape)));
        }
        let mut last = view.offset;
        for (&n, &stride) in view.shape.iter().zip(&view.strides) {
            let span = (n - 1).checked_mul(stride);
            last = span.and_then(|span| last.checked_add(span)).ok_or_else(too_large)?;
            // A stride is only ever taken where there is a second element.
            if n > 1 && stride > elements {
                return Err(too_large());
            }
        }
        if last >= elements {
            return Err(weights_error(format!("it reaches element {last} of a storage of {elements}")));
        }
        usize::try_from(count).map_err(|_| too_large())
    }
}
