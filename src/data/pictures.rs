//! Which files are pictures: the one list of endings of the whole program, and what is passed over.

use std::path::Path;

/// Endings of pictures that are read.
const READ: [&str; 10] = ["jpg", "jpeg", "jpe", "jfif", "mpo", "png", "webp", "bmp", "dib", "gif"];

/// Endings of pictures that are not read, and what they are called.
const UNREAD: [(&str, &str); 24] = [
    ("tif", "TIFF"),
    ("tiff", "TIFF"),
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
    ("pfm", "PFM"),
    ("ppm", "PPM"),
    ("pgm", "PGM"),
    ("tga", "TGA"),
    ("exr", "OpenEXR"),
    ("psd", "Photoshop"),
    ("svg", "SVG"),
];

/// What a file is, by its ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureKind {
    /// A picture that is read: JPEG, PNG, WebP, BMP, GIF.
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

/// Whether a file or folder found in a folder is passed over: hidden ones, and what archives and NAS boxes add.
pub fn is_passed_over(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with('.') || ["__MACOSX", "@eaDir", "$RECYCLE.BIN"].contains(&name.as_ref())
}
