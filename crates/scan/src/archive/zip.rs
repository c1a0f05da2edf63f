//! The members of a zip file, as its central directory lists them (APPNOTE 6.3.10 §4.3). Each local header has to agree with
//! the directory: two readers must not find different files.

use std::ops::Range;

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

/// Whether a file that begins as something else ends as a zip file. Readers find the directory from the end, and many do not
/// mind what follows it.
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
    let mut covered = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let (entry, len) = Entry::read(directory)?;
        directory = directory.get(len..).ok_or(malformed("a directory entry"))?;
        let (place, member) = entry.member(bytes, before)?;
        covered.push(place);
        if let Some(member) = member {
            visit(member)?;
        }
    }
    if !directory.is_empty() {
        return Err(malformed("more members than are counted"));
    }
    // A reader that begins at the file's start reads members by their local headers, whatever the directory lists.
    if bytes.starts_with(LOCAL) && has_local_header(bytes, covered, start) {
        return Err(malformed("a member that the directory does not list"));
    }
    Ok(())
}

/// Whether there is a local header before `end` outside of what is covered.
fn has_local_header(bytes: &[u8], mut covered: Vec<Range<usize>>, end: usize) -> bool {
    covered.sort_unstable_by_key(|place| place.start);
    covered.push(end..end);
    let mut from = 0;
    for place in covered {
        let between = bytes.get(from..place.start).unwrap_or_default();
        if between.windows(LOCAL.len()).any(|bytes| bytes == LOCAL) {
            return true;
        }
        from = from.max(place.end);
    }
    false
}

/// The end record: the one whose comment ends the file, else the last that follows a directory.
fn find_end(bytes: &[u8]) -> Option<usize> {
    let last = bytes.len().checked_sub(END_LEN)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let is_end = |at: usize| {
        bytes
            .get(at..)
            .is_some_and(|record| record.starts_with(END))
    };
    let found = |is_right: fn(&[u8], usize) -> bool| {
        let mut places = (first..=last).rev();
        places.find(|&at| is_end(at) && is_right(bytes, at))
    };
    found(comment_ends_file).or_else(|| found(follows_directory))
}

fn comment_ends_file(bytes: &[u8], end: usize) -> bool {
    u16_at(bytes, end + 20).is_ok_and(|comment| end + END_LEN + usize::from(comment) == bytes.len())
}

fn follows_directory(bytes: &[u8], end: usize) -> bool {
    let size = u32_at(bytes, end + 12).and_then(to_len).ok();
    let start = size.and_then(|size| end.checked_sub(size));
    start
        .and_then(|start| bytes.get(start..end))
        .is_some_and(|directory| directory.starts_with(ENTRY))
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

    /// Where the member is, with its local header, and what it is; `None`: a folder.
    fn member(
        &self,
        file: &'a [u8],
        before: usize,
    ) -> Result<(Range<usize>, Option<Member<'a>>), OverLimit> {
        const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
        let at = usize::try_from(self.local).map_err(|_| malformed("a member's place"))?;
        let at = before.saturating_add(at);
        let local = file
            .get(at..)
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
        let place = at..at + data_at + len;
        let member = match self.method {
            _ if self.flags & ENCRYPTED != 0 => Some(Member::Encrypted),
            0 if self.name.ends_with(b"/") && data.is_empty() => None,
            0 => Some(Member::Stored(data)),
            8 => Some(Member::Deflated(data, self.size)),
            _ => Some(Member::Unknown),
        };
        Ok((place, member))
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
