//! Views of maps in an arena, shared by the threads of an operation.

/// A map to read: `height * width` pixels, `stride` floats apart.
#[derive(Clone, Copy)]
pub struct Map {
    /// Its first value.
    pub data: *const f32,
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Floats from one pixel to the next.
    pub stride: usize,
}

/// A map to write.
#[derive(Clone, Copy)]
pub struct MapMut {
    /// Its first value.
    pub data: *mut f32,
    /// Rows.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Channels that are written.
    pub channels: usize,
    /// Floats from one pixel to the next.
    pub stride: usize,
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
    /// The first `channels` values of a pixel.
    ///
    /// # Safety
    /// The map is valid, and nobody writes the pixel.
    pub unsafe fn pixel(&self, y: usize, x: usize, channels: usize) -> &[f32] {
        debug_assert!(y < self.height && x < self.width && channels <= self.stride);
        // SAFETY: the pixel lies inside a valid map.
        unsafe { std::slice::from_raw_parts(self.data.add((y * self.width + x) * self.stride), channels) }
    }
}

impl MapMut {
    /// The values of a pixel.
    ///
    /// # Safety
    /// The map is valid, and nobody else uses the pixel.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn pixel(&self, y: usize, x: usize) -> &mut [f32] {
        debug_assert!(y < self.height && x < self.width);
        // SAFETY: the pixel lies inside a valid map and belongs to the caller.
        unsafe { std::slice::from_raw_parts_mut(self.data.add((y * self.width + x) * self.stride), self.channels) }
    }
}
