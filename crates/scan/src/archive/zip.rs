//! The members of a zip file, as its central directory lists them (APPNOTE 6.3.10 §4.3). Each local header has to agree with
//! the directory: two readers must not find different files.

use super::member::{Member, malformed};
use crate::limits::OverLimit;

const END: &[u8] = b"PK\x05\x06";
const END_LEN: usize = 22;
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LEN: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LEN: usize = 30;
/// A size or place that is in the zip64 field.
const IN_ZIP64: u64 = u32::MAX as u64;

/// Whether the end of a central directory is where a zip file has it.
pub fn has_directory(bytes: &[u8]) -> bool {
    find_end(bytes).is_some()
}

/// Calls `visit` with each member.
///
/// # Errors
/// The file is malformed, or `visit` says stop.
pub fn members<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(Member<'a>) -> Result<(), OverLimit>,
) -> Result<(), OverLimit> {
    let end = find_end(bytes).ok_or(malformed("no central directory"))?;
    let record = bytes.get(end..).unwrap_or_default();
    let count = u16_at(record, 10)?;
    let size = to_len(u32_at(record, 12)?)?;
    let offset = to_len(u32_at(record, 16)?)?;
    if count == u16::MAX || u64::from(u32_at(record, 16)?) == IN_ZIP64 {
        return Err(malformed("zip64"));
    }
    // Bytes in front of the file, as a program that unpacks itself has them.
    let start = end
        .checked_sub(size)
        .ok_or(malformed("the directory's size"))?;
    let before = start
        .checked_sub(offset)
        .ok_or(malformed("the directory's place"))?;
    let mut directory = bytes.get(start..end).unwrap_or_default();
    for _ in 0..count {
        let (entry, len) = Entry::read(directory)?;
        directory = directory.get(len..).ok_or(malformed("a directory entry"))?;
        if let Some(member) = entry.member(bytes, before)? {
            visit(member)?;
        }
    }
    match directory.is_empty() {
        true => Ok(()),
        false => Err(malformed("more members than are counted")),
    }
}

/// The end record whose comment ends the file.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_LEN)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    (first..=last).rev().find(|&at| {
        let record = bytes.get(at..).unwrap_or_default();
        record.starts_with(END)
            && u16_at(record, 20)
                .is_ok_and(|comment| END_LEN + usize::from(comment) == record.len())
    })
}

struct Entry<'a> {
    flags: u16,
    method: u16,
    packed: u64,
    size: u64,
    local: u64,
    name: &'a [u8],
}

impl<'a> Entry<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, usize), OverLimit> {
        if !bytes.starts_with(ENTRY) {
            return Err(malformed("a directory entry"));
        }
        let name_len = usize::from(u16_at(bytes, 28)?);
        let len = ENTRY_LEN
            + name_len
            + usize::from(u16_at(bytes, 30)?)
            + usize::from(u16_at(bytes, 32)?);
        let name = bytes.get(ENTRY_LEN..ENTRY_LEN + name_len);
        let entry = Self {
            flags: u16_at(bytes, 8)?,
            method: u16_at(bytes, 10)?,
            packed: u32_at(bytes, 20)?.into(),
            size: u32_at(bytes, 24)?.into(),
            local: u32_at(bytes, 42)?.into(),
            name: name.ok_or(malformed("a member's name"))?,
        };
        if [entry.packed, entry.size, entry.local].contains(&IN_ZIP64) {
            return Err(malformed("zip64"));
        }
        Ok((entry, len))
    }

    /// `None`: a folder.
    fn member(&self, file: &'a [u8], before: usize) -> Result<Option<Member<'a>>, OverLimit> {
        const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
        let at = usize::try_from(self.local).map_err(|_| malformed("a member's place"))?;
        let local = file
            .get(before.saturating_add(at)..)
            .filter(|local| local.starts_with(LOCAL))
            .ok_or(malformed("a member's place"))?;
        let name_len = usize::from(u16_at(local, 26)?);
        let data_at = LOCAL_LEN + name_len + usize::from(u16_at(local, 28)?);
        let name = local.get(LOCAL_LEN..LOCAL_LEN + name_len);
        if name != Some(self.name) || u16_at(local, 8)? != self.method {
            return Err(malformed("a member that differs from the directory"));
        }
        let len = usize::try_from(self.packed).map_err(|_| malformed("a member's size"))?;
        let data = data_at
            .checked_add(len)
            .and_then(|end| local.get(data_at..end));
        let data = data.ok_or(malformed("a member's size"))?;
        if self.flags & ENCRYPTED != 0 {
            return Ok(Some(Member::Unread));
        }
        Ok(match self.method {
            0 if self.name.ends_with(b"/") && data.is_empty() => None,
            0 => Some(Member::Stored(data)),
            8 => Some(Member::Deflated(data, self.size)),
            _ => Some(Member::Unread),
        })
    }
}

fn to_len(value: u32) -> Result<usize, OverLimit> {
    usize::try_from(value).map_err(|_| malformed("a size"))
}

fn u16_at(bytes: &[u8], at: usize) -> Result<u16, OverLimit> {
    match bytes.get(at..at + 2) {
        Some(&[a, b]) => Ok(u16::from_le_bytes([a, b])),
        _ => Err(malformed("it ends early")),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, OverLimit> {
    match bytes.get(at..at + 4) {
        Some(&[a, b, c, d]) => Ok(u32::from_le_bytes([a, b, c, d])),
        _ => Err(malformed("it ends early")),
    }
}
