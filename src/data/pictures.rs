//! Which files are pictures: the one list of endings of the whole program, and what is passed over.

use std::path::Path;

/// Endings of pictures that are read.
const READ: [&str; 12] = ["jpg", "jpeg", "jpe", "jfif", "mpo", "png", "webp", "bmp", "dib", "gif", "tif", "tiff"];

/// Endings of pictures that are not read, and what they are called.
const UNREAD: [(&str, &str); 26] = [
    ("heic", "HEIC"),
    ("heif", "HEIC"),
    ("avif", "AVIF"),
    ("jp2", "JPEG 2000"),
    ("j2k", "JPEG 2000"),
    ("jpf", "JPEG 2000"),
    ("jpx", "JPEG 2000"),
    ("jxl", "JPEG XL"),
    ("dng", "raw"),
    ("cr2", "raw"),
    ("cr3", "raw"),
    ("nef", "raw"),
    ("arw", "raw"),
    ("orf", "raw"),
    ("rw2", "raw"),
    ("raf", "raw"),
    ("pef", "raw"),
    ("hdr", "Radiance HDR"),
    ("qoi", "QOI"),
    ("pfm", "PFM"),
    ("ppm", "PPM"),
    ("pgm", "PGM"),
    ("tga", "TGA"),
    ("exr", "OpenEXR"),
    ("psd", "Photoshop"),
    ("svg", "SVG"),
];

/// Files and folders that systems leave behind.
const LITTER: [&str; 9] = [
    ".DS_Store",
    ".ipynb_checkpoints",
    "__MACOSX",
    "Thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    "@eaDir",
    "$RECYCLE.BIN",
    "System Volume Information",
];

/// What a file is, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    /// A picture that is read: JPEG, PNG, WebP, BMP, GIF, TIFF.
    Read,
    /// A picture of a kind that is not read, by its name.
    Unread(&'static str),
    /// No picture.
    Other,
}

/// Endings of pictures that are read, in small letters.
pub fn picture_endings() -> &'static [&'static str] {
    &READ
}

/// What a file is, by its ending in any case.
pub fn picture_kind(path: &Path) -> PictureKind {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match UNREAD.iter().find(|(unread, _)| *unread == ending) {
        Some((_, name)) => PictureKind::Unread(name),
        None if READ.contains(&ending.as_str()) => PictureKind::Read,
        None => PictureKind::Other,
    }
}

/// Whether a file or folder found in a folder is passed over: hidden ones, and what systems leave behind.
pub fn is_passed_over(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('.') || is_litter(&name)
}

/// Whether a file or folder of this name is what a system leaves behind: macOS in archives, Windows and NAS boxes in folders.
pub fn is_litter(name: &str) -> bool {
    LITTER.iter().any(|litter| litter.eq_ignore_ascii_case(name)) || name.starts_with("._")
}
