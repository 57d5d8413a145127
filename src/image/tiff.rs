//! What tells a camera's raw file from a TIFF picture. Both begin alike, and a raw file's first picture is a small preview.

/// "This picture is a smaller version of another one", if bit 0 is set.
const NEW_SUBFILE_TYPE: u16 = 254;
const MAKE: u16 = 271;
const SUB_PICTURES: u16 = 330;
const DNG_VERSION: u16 = 50706;

/// Whether a TIFF file is a camera's raw file: CR2, DNG, NEF, ARW, PEF.
pub(super) fn is_raw(bytes: &[u8]) -> bool {
    let tags = tags(bytes).unwrap_or_default();
    let has = |wanted: u16| tags.iter().any(|(tag, _)| *tag == wanted);
    let is_preview = tags.iter().any(|(tag, value)| *tag == NEW_SUBFILE_TYPE && value & 1 == 1);
    bytes.get(8..10) == Some(b"CR") || has(DNG_VERSION) || is_preview || (has(MAKE) && has(SUB_PICTURES))
}

/// Tags and the four bytes of their values in the first directory.
fn tags(bytes: &[u8]) -> Option<Vec<(u16, u32)>> {
    let is_little = bytes.starts_with(b"II");
    let short = |at: usize| -> Option<u16> {
        let two = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if is_little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    let long = |at: usize| -> Option<u32> {
        let four = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    };
    let start = long(4)? as usize;
    let entry = |i: u16| {
        let at = start.checked_add(2 + usize::from(i) * 12)?;
        Some((short(at)?, long(at + 8)?))
    };
    (0..short(start)?).map(entry).collect()
}
