//! The bounds on foreign checkpoint files. Real files stay far below them.

/// Largest file read.
pub const MAX_FILE_BYTES: u64 = 1 << 31;
/// Most entries in a zip (an unstripped YOLOv5x has about 4,000).
pub const MAX_ZIP_ENTRIES: usize = 1 << 16;
/// A zip may unpack to this many times its own size (or to [`MIN_UNPACKED_BYTES`], if that is more).
pub const MAX_UNPACK_RATIO: u64 = 16;
/// What any zip may unpack to.
pub const MIN_UNPACKED_BYTES: u64 = 1 << 24;
/// Largest `data.pkl` (an unstripped YOLOv5x has about 1 MiB).
pub const MAX_PICKLE_BYTES: usize = 1 << 25;
/// Most pickle operations, and most values they may make.
pub const MAX_PICKLE_OPS: usize = 1 << 22;
/// Deepest nesting of pickle marks.
pub const MAX_PICKLE_MARKS: usize = 256;
/// Deepest nesting of modules and of the configuration's values.
pub const MAX_DEPTH: usize = 32;
/// Most values visited in the configuration, and most entries in all modules.
pub const MAX_VISITS: usize = 1 << 16;
/// Largest dictionary that is searched for a key (attributes of a module, options, a whole checkpoint).
pub const MAX_SEARCHED: usize = 1 << 12;
/// Most tensors.
pub const MAX_TENSORS: usize = 1 << 16;
/// Most dimensions of a tensor.
pub const MAX_DIMS: usize = 8;
/// Longest safetensors header.
pub const MAX_HEADER_BYTES: u64 = 1 << 24;
/// Most class names.
pub const MAX_NAMES: usize = 1 << 14;
