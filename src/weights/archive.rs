//! A reader for PyTorch's zip archives: central directory, stored or deflated entries, zip64, CRC, bounds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::limits::{MAX_UNPACK_RATIO, MAX_ZIP_ENTRIES, MIN_UNPACKED_BYTES};
use super::weights_error;
use crate::error::{Error, Result};

const AGAIN: &str = "the file is damaged or cut off: download or copy it again";

#[derive(Clone, Copy, Debug)]
struct Entry {
    method: u16,
    crc: u32,
    packed: usize,
    unpacked: usize,
    header: usize,
}

/// An opened zip.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    entries: BTreeMap<String, Entry>,
    /// Bytes of all entries unpacked.
    pub unpacked: u64,
}

fn damaged(what: &str) -> Error {
    weights_error(format!("zip: {what}")).hint(AGAIN)
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16> {
    let end = at.checked_add(2).ok_or_else(|| damaged("offset overflow"))?;
    bytes.get(at..end).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes).ok_or_else(|| damaged("cut off"))
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32> {
    let end = at.checked_add(4).ok_or_else(|| damaged("offset overflow"))?;
    bytes.get(at..end).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes).ok_or_else(|| damaged("cut off"))
}

fn u64_at(bytes: &[u8], at: usize) -> Result<u64> {
    let end = at.checked_add(8).ok_or_else(|| damaged("offset overflow"))?;
    bytes.get(at..end).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes).ok_or_else(|| damaged("cut off"))
}

fn size(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| damaged("a declared size is larger than memory"))
}

impl<'a> Archive<'a> {
    /// Reads the central directory.
    pub fn open(bytes: &'a [u8]) -> Result<Self> {
        let (count, start, length) = directory(bytes)?;
        if count > MAX_ZIP_ENTRIES as u64 {
            return Err(weights_error(format!("zip: {count} entries, at most {MAX_ZIP_ENTRIES} are read")));
        }
        let end = start.checked_add(length).filter(|&end| end <= bytes.len());
        let directory = end.and_then(|end| bytes.get(start..end)).ok_or_else(|| damaged("directory out of bounds"))?;
        let mut archive = Self { bytes, entries: BTreeMap::new(), unpacked: 0 };
        let (mut at, mut packed) = (0, 0u64);
        for _ in 0..count {
            at = archive.read_entry(directory, at, &mut packed)?;
        }
        let allowed = (bytes.len() as u64 * MAX_UNPACK_RATIO).max(MIN_UNPACKED_BYTES);
        if archive.unpacked > allowed {
            return Err(weights_error(format!(
                "zip: unpacks to {} bytes, more than {allowed} is refused for a file of {}",
                archive.unpacked,
                bytes.len()
            )));
        }
        if packed > bytes.len() as u64 {
            return Err(damaged("entries overlap"));
        }
        Ok(archive)
    }

    fn read_entry(&mut self, directory: &[u8], at: usize, packed_total: &mut u64) -> Result<usize> {
        if u32_at(directory, at)? != 0x0201_4b50 {
            return Err(damaged("no entry where the directory says one is"));
        }
        let flags = u16_at(directory, at + 8)?;
        let method = u16_at(directory, at + 10)?;
        let crc = u32_at(directory, at + 16)?;
        let mut packed = u64::from(u32_at(directory, at + 20)?);
        let mut unpacked = u64::from(u32_at(directory, at + 24)?);
        let name_len = usize::from(u16_at(directory, at + 28)?);
        let extra_len = usize::from(u16_at(directory, at + 30)?);
        let comment_len = usize::from(u16_at(directory, at + 32)?);
        let mut header = u64::from(u32_at(directory, at + 42)?);
        let name_end = at + 46 + name_len;
        let name = directory.get(at + 46..name_end).ok_or_else(|| damaged("cut off"))?;
        let name = std::str::from_utf8(name).map_err(|_| damaged("an entry's name isn't UTF-8"))?;
        let extra = directory.get(name_end..name_end + extra_len).ok_or_else(|| damaged("cut off"))?;
        zip64_sizes(extra, [&mut unpacked, &mut packed, &mut header])?;
        if flags & 1 != 0 {
            return Err(
                weights_error(format!("zip: {name} is encrypted")).hint("unpack it and save it without a password")
            );
        }
        self.unpacked = self.unpacked.checked_add(unpacked).ok_or_else(|| damaged("sizes overflow"))?;
        *packed_total = packed_total.checked_add(packed).ok_or_else(|| damaged("sizes overflow"))?;
        let entry = Entry { method, crc, packed: size(packed)?, unpacked: size(unpacked)?, header: size(header)? };
        if self.entries.insert(name.to_owned(), entry).is_some() {
            return Err(damaged(&format!("{name} is there twice")));
        }
        Ok(name_end + extra_len + comment_len)
    }

    /// The entries' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// How large an entry is, unpacked; `None` if it isn't there.
    pub fn size_of(&self, name: &str) -> Option<usize> {
        self.entries.get(name).map(|entry| entry.unpacked)
    }

    /// An entry's bytes, checked against its size and CRC.
    pub fn read(&self, name: &str) -> Result<Cow<'a, [u8]>> {
        let entry = self.entries.get(name).ok_or_else(|| damaged(&format!("{name} is missing")))?;
        let data = self.unpack(entry).map_err(|error| error.at(name))?;
        if data.len() != entry.unpacked {
            return Err(damaged(&format!("{} bytes, {} declared", data.len(), entry.unpacked)).at(name));
        }
        if crc32fast::hash(&data) != entry.crc {
            return Err(damaged("checksum differs").at(name));
        }
        Ok(data)
    }

    fn unpack(&self, entry: &Entry) -> Result<Cow<'a, [u8]>> {
        if u32_at(self.bytes, entry.header)? != 0x0403_4b50 {
            return Err(damaged("no local header where the directory says one is"));
        }
        let name_len = usize::from(u16_at(self.bytes, entry.header + 26)?);
        let extra_len = usize::from(u16_at(self.bytes, entry.header + 28)?);
        let start = entry.header + 30 + name_len + extra_len;
        let end = start.checked_add(entry.packed).ok_or_else(|| damaged("offset overflow"))?;
        let packed = self.bytes.get(start..end).ok_or_else(|| damaged("data out of bounds"))?;
        match entry.method {
            0 => Ok(Cow::Borrowed(packed)),
            8 => miniz_oxide::inflate::decompress_to_vec_with_limit(packed, entry.unpacked)
                .map(Cow::Owned)
                .map_err(|error| damaged(&format!("can't inflate ({:?})", error.status))),
            other => {
                Err(weights_error(format!("zip: compression method {other} isn't known (stored and deflate are)")))
            }
        }
    }
}

/// Number of entries, start and length of the central directory.
fn directory(bytes: &[u8]) -> Result<(u64, usize, usize)> {
    let from = bytes.len().saturating_sub(22 + 0xffff);
    let tail = bytes.get(from..).unwrap_or_default();
    let end = tail.windows(4).rposition(|w| w == b"PK\x05\x06").map(|at| from + at);
    let end =
        end.filter(|end| bytes.len() - end >= 22).ok_or_else(|| damaged("the directory at its end is missing"))?;
    let mut count = u64::from(u16_at(bytes, end + 10)?);
    let mut length = u64::from(u32_at(bytes, end + 12)?);
    let mut start = u64::from(u32_at(bytes, end + 16)?);
    if let Some(locator) = end.checked_sub(20)
        && u32_at(bytes, locator)? == 0x0706_4b50
    {
        let record = size(u64_at(bytes, locator + 8)?)?;
        if u32_at(bytes, record)? != 0x0606_4b50 || bytes.len() - record < 56 {
            return Err(damaged("zip64 end record is missing"));
        }
        count = u64_at(bytes, record + 32)?;
        length = u64_at(bytes, record + 40)?;
        start = u64_at(bytes, record + 48)?;
    }
    Ok((count, size(start)?, size(length)?))
}

/// Replaces sizes of `0xffffffff` by those of the zip64 extra field.
fn zip64_sizes(extra: &[u8], fields: [&mut u64; 3]) -> Result<()> {
    let mut at = 0;
    while at + 4 <= extra.len() {
        let (id, length) = (u16_at(extra, at)?, usize::from(u16_at(extra, at + 2)?));
        at += 4;
        if id == 1 {
            let body = extra.get(at..at + length).ok_or_else(|| damaged("cut off"))?;
            let mut from = 0;
            for field in fields {
                if *field == 0xffff_ffff {
                    *field = u64_at(body, from)?;
                    from += 8;
                }
            }
            return Ok(());
        }
        at += length;
    }
    Ok(())
}
