//! Views of maps in an arena, shared by the threads of an operation.

use crate::engine::plan::BufferView;

/// A map to read: `height * width` pixels, `stride` floats apart.
#[derive(Clone, Copy)]
pub struct Map {
    pub(super) data: *const f32,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) stride: usize,
}

/// A map to write.
#[derive(Clone, Copy)]
pub struct MapMut {
    pub(super) data: *mut f32,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    pub(super) stride: usize,
}

// SAFETY: `Map` only reads, and its users keep writers away.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}
// SAFETY: every use of `MapMut` is unsafe, and its callers write disjoint rows or pixels.
unsafe impl Send for MapMut {}
// SAFETY: as above.
unsafe impl Sync for MapMut {}

impl Map {
    /// The map that lies at `view` of the arena that begins at `base`.
    pub(super) fn new(base: *const f32, view: &BufferView) -> Self {
        Self { data: base.wrapping_add(view.start), height: view.height, width: view.width, stride: view.stride }
    }

    /// The first `channels` values of a pixel.
    ///
    /// # Safety
    /// The map is valid, and nobody writes the pixel.
    pub(super) unsafe fn pixel(&self, y: usize, x: usize, channels: usize) -> &[f32] {
        debug_assert!(y < self.height && x < self.width && channels <= self.stride);
        // SAFETY: the pixel lies inside a valid map.
        unsafe { std::slice::from_raw_parts(self.data.add((y * self.width + x) * self.stride), channels) }
    }
}

impl MapMut {
    /// The map that lies at `view` of the arena that begins at `base`.
    pub(super) fn new(base: *mut f32, view: &BufferView) -> Self {
        let &BufferView { start, height, width, channels, stride, .. } = view;
        Self { data: base.wrapping_add(start), height, width, channels, stride }
    }

    /// The values of a pixel.
    ///
    /// # Safety
    /// The map is valid, and nobody else uses the pixel.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn pixel(&self, y: usize, x: usize) -> &mut [f32] {
        debug_assert!(y < self.height && x < self.width);
        // SAFETY: the pixel lies inside a valid map and belongs to the caller.
        unsafe { std::slice::from_raw_parts_mut(self.data.add((y * self.width + x) * self.stride), self.channels) }
    }
}
