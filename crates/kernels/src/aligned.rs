//! Vectors of numbers aligned to cache lines.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest SIMD vectors.
const LINE: usize = 64;

/// A vector of numbers that begins at a cache line, so that no 64-byte load spans two lines. Only speed depends on it
/// (1 to 3 % of a network's time with AVX-512).
pub struct Aligned<T> {
    values: Vec<T>,
    start: usize,
}

impl<T: Copy + Default> Aligned<T> {
    /// Empty, with room for `count` numbers. More than that may lose the alignment.
    pub fn with_capacity(count: usize) -> Self {
        let spare = LINE / size_of::<T>();
        let mut values = Vec::<T>::with_capacity(count + spare);
        let start = values.as_ptr().align_offset(LINE).min(spare);
        values.resize(start, T::default());
        Self { values, start }
    }

    /// `count` zeros.
    pub fn zeroed(count: usize) -> Self {
        let mut numbers = Self::with_capacity(count);
        numbers.reset(count);
        numbers
    }

    /// Becomes `count` zeros, in the same memory if there is room.
    pub fn reset(&mut self, count: usize) {
        if self.values.capacity() < self.start + count {
            // Free the old memory before allocating.
            self.values = Vec::new();
            *self = Self::with_capacity(count);
        }
        self.values.truncate(self.start);
        self.values.resize(self.start + count, T::default());
    }

    /// Appends numbers.
    pub fn extend(&mut self, more: impl IntoIterator<Item = T>) {
        self.values.extend(more);
    }
}

impl<T> Deref for Aligned<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.values[self.start..]
    }
}

impl<T> DerefMut for Aligned<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.values[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_aligned() {
        let mut numbers = Aligned::<f32>::zeroed(100);
        let first = numbers.as_ptr();
        numbers[99] = 1.0;
        assert!(first.addr().is_multiple_of(LINE) && numbers.len() == 100);
        numbers.reset(20);
        assert!(numbers.as_ptr() == first && *numbers == [0.0; 20]);
        numbers.extend([2.0; 80]);
        assert!(numbers.as_ptr() == first && numbers[99] == 2.0);
        numbers.reset(1000);
        assert!(numbers.as_ptr().addr().is_multiple_of(LINE) && *numbers == [0.0; 1000]);
    }
}
