//! Everything that is in a body: the body without its codings, then what is in archives, each as its own object.

use std::io::Read;

use bzip2::read::MultiBzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use lzma_rust2::XzReader;

use crate::archive::sevenz::{self, Unreadable};
use crate::archive::{self, Kind, Member, multipart, tar, zip};
use crate::decode::{self, Coding, DecodeError};
use crate::limits::{Limits, OverLimit};

/// KiB that the decoder of an xz file may take: what xz needs at its highest level.
const XZ_MEMORY: u32 = 66 << 10;
/// Bodies of parts within one another.
const NESTED_PARTS: u8 = 3;

/// What is seen of a body.
pub trait Visitor {
    /// Looks at one object: the body, or something in it.
    ///
    /// # Errors
    /// Nothing more is to be looked at.
    fn object(&mut self, bytes: &[u8]) -> Result<(), Stop>;
}

/// Why nothing more is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The visitor knows enough.
    Found,
    Over(OverLimit),
    TimedOut,
}

/// Removes content codings from the last to the first.
///
/// # Errors
/// The body is malformed, or goes beyond a limit.
pub fn remove_codings(
    packed: &[u8],
    codings: &[Coding],
    limits: &Limits,
) -> Result<Option<Vec<u8>>, OverLimit> {
    let mut plain: Option<Vec<u8>> = None;
    for &coding in codings.iter().rev() {
        let from = plain.as_deref().unwrap_or(packed);
        let (most, why) = limits.of_layer(from.len() as u64, limits.bytes);
        let next = decode::decode(coding, from, most).map_err(|error| over(error, why))?;
        plain = Some(next);
    }
    Ok(plain)
}

fn over(error: DecodeError, why: OverLimit) -> OverLimit {
    match error {
        DecodeError::TooLarge => why,
        DecodeError::Malformed => OverLimit::Malformed("it is not in its coding"),
    }
}

/// Visits a body without codings, and everything in it: also the parts that a media type's `boundaries`, or its own first
/// line, make of it.
///
/// # Errors
/// Why the visit ended early.
pub fn visit(
    body: &[u8],
    boundaries: &[String],
    limits: &Limits,
    visitor: &mut impl Visitor,
) -> Result<UnreadCounts, Stop> {
    let mut walk = Walk {
        limits,
        left: limits.bytes,
        members: limits.members,
        unread: UnreadCounts::default(),
        visitor,
    };
    walk.object(body, limits.depth)?;
    walk.parts(body, boundaries, NESTED_PARTS)?;
    Ok(walk.unread)
}

/// How many files and members could not be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnreadCounts {
    pub encrypted: u32,
    /// In a format that is not read.
    pub unknown: u32,
}

struct Walk<'a, V> {
    limits: &'a Limits,
    /// Bytes that all layers may still expand to.
    left: u64,
    members: u32,
    unread: UnreadCounts,
    visitor: &'a mut V,
}

impl<V: Visitor> Walk<'_, V> {
    fn object(&mut self, bytes: &[u8], depth: u8) -> Result<(), Stop> {
        self.visitor.object(bytes)?;
        let kind = archive::kind(bytes);
        if kind == Kind::Other {
            return Ok(());
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Stop::Over(OverLimit::Depth));
        };
        self.open(kind, bytes, depth)?;
        match archive::other_kind(kind, bytes) {
            Some(other) => self.open(other, bytes, depth),
            None => Ok(()),
        }
    }

    /// Visits the parts of a body.
    fn parts(&mut self, body: &[u8], boundaries: &[String], nested: u8) -> Result<(), Stop> {
        let Some(nested) = nested.checked_sub(1) else {
            return Ok(());
        };
        let named = boundaries.iter().map(String::as_bytes);
        let mut all: Vec<&[u8]> = named.chain(multipart::own_boundary(body)).collect();
        all.sort_unstable();
        all.dedup();
        for boundary in all {
            let parts = multipart::parts(body, boundary, self.members as usize);
            let parts = parts.map_err(Stop::Over)?;
            self.members = self.members.saturating_sub(parts.len() as u32);
            for part in parts {
                self.object(part.content, self.limits.depth)?;
                if let Some(plain) = part.decoded() {
                    self.object(&plain, self.limits.depth)?;
                }
                let inner = String::from_utf8_lossy(part.head);
                self.parts(part.content, &multipart::boundaries(&inner), nested)?;
            }
        }
        Ok(())
    }

    fn open(&mut self, kind: Kind, bytes: &[u8], depth: u8) -> Result<(), Stop> {
        match kind {
            Kind::Gzip => self.packed(Coding::Gzip, bytes, depth),
            Kind::Zstd => self.packed(Coding::Zstd, bytes, depth),
            Kind::Zip => {
                let mut members = Vec::new();
                let room = self.members as usize;
                zip::members(bytes, |member| push(&mut members, member, room))
                    .map_err(Stop::Over)?;
                self.all(members, depth)
            }
            Kind::Tar => {
                let mut members = Vec::new();
                let room = self.members as usize;
                tar::members(bytes, |member| push(&mut members, member, room))
                    .map_err(Stop::Over)?;
                self.all(members, depth)
            }
            Kind::Xz => {
                let reader = XzReader::new_mem_limit(bytes, true, XZ_MEMORY);
                self.read(reader, bytes.len(), depth)
            }
            Kind::Bzip2 => self.read(MultiBzDecoder::new(bytes), bytes.len(), depth),
            Kind::SevenZip => self.seven_zip(bytes, depth),
            Kind::Unknown => {
                self.unread.unknown += 1;
                Ok(())
            }
            Kind::Other => Ok(()),
        }
    }

    fn seven_zip(&mut self, bytes: &[u8], depth: u8) -> Result<(), Stop> {
        let visited = sevenz::members(bytes, |reader| {
            let left = self.members.checked_sub(1);
            self.members = left.ok_or(Stop::Over(OverLimit::Members))?;
            self.read(reader, bytes.len(), depth)
        });
        match visited {
            Ok(()) => Ok(()),
            Err(Unreadable::Encrypted) => {
                self.unread.encrypted += 1;
                Ok(())
            }
            Err(Unreadable::Unknown) => {
                self.unread.unknown += 1;
                Ok(())
            }
            Err(Unreadable::Over(over)) => Err(Stop::Over(over)),
            Err(Unreadable::Stopped(stop)) => Err(stop),
        }
    }

    /// Visits what a reader of `packed` bytes makes of them.
    fn read(&mut self, reader: impl Read, packed: usize, depth: u8) -> Result<(), Stop> {
        let (most, why) = self.limits.of_layer(packed as u64, self.left);
        let mut plain = Vec::new();
        let read = reader.take(most + 1).read_to_end(&mut plain);
        if plain.len() as u64 > most {
            return Err(Stop::Over(why));
        }
        read.map_err(|_| Stop::Over(OverLimit::Malformed("a compressed file is damaged")))?;
        self.left = self.left.saturating_sub(plain.len() as u64);
        self.object(&plain, depth)
    }

    fn packed(&mut self, coding: Coding, bytes: &[u8], depth: u8) -> Result<(), Stop> {
        let (most, why) = self.limits.of_layer(bytes.len() as u64, self.left);
        let plain = decode::decode(coding, bytes, most);
        let plain = plain.map_err(|error| Stop::Over(over(error, why)))?;
        self.left = self.left.saturating_sub(plain.len() as u64);
        self.object(&plain, depth)
    }

    fn all(&mut self, members: Vec<Member<'_>>, depth: u8) -> Result<(), Stop> {
        self.members = self.members.saturating_sub(members.len() as u32);
        for member in members {
            match member {
                Member::Stored(bytes) => {
                    self.left = self
                        .left
                        .checked_sub(bytes.len() as u64)
                        .ok_or(Stop::Over(OverLimit::Bytes))?;
                    self.object(bytes, depth)?;
                }
                Member::Deflated(bytes, size) => {
                    let (most, why) = self.limits.of_layer(bytes.len() as u64, self.left);
                    let plain = inflate(bytes, most, why).map_err(Stop::Over)?;
                    if plain.len() as u64 != size {
                        let what = archive::malformed("a member of another size than it says");
                        return Err(Stop::Over(what));
                    }
                    self.left = self.left.saturating_sub(size);
                    self.object(&plain, depth)?;
                }
                Member::Encrypted => self.unread.encrypted += 1,
                Member::Unknown => self.unread.unknown += 1,
            }
        }
        Ok(())
    }
}

fn push<'a>(
    members: &mut Vec<Member<'a>>,
    member: Member<'a>,
    most: usize,
) -> Result<(), OverLimit> {
    if members.len() >= most {
        return Err(OverLimit::Members);
    }
    members.push(member);
    Ok(())
}

/// The inner format of deflate alone, as zip files have it.
fn inflate(mut from: &[u8], most: u64, why: OverLimit) -> Result<Vec<u8>, OverLimit> {
    const BAD: OverLimit = OverLimit::Malformed("a member is damaged");
    let mut state = Decompress::new(false);
    let mut step = vec![0; 32 * 1024];
    let mut out = Vec::new();
    loop {
        let (used, made) = (state.total_in(), state.total_out());
        let status = state.decompress(from, &mut step, FlushDecompress::None);
        let status = status.map_err(|_| BAD)?;
        let used = usize::try_from(state.total_in() - used).map_err(|_| BAD)?;
        let made = usize::try_from(state.total_out() - made).map_err(|_| BAD)?;
        from = from.get(used..).unwrap_or_default();
        if out.len() as u64 + made as u64 > most {
            return Err(why);
        }
        out.extend_from_slice(step.get(..made).unwrap_or_default());
        match status {
            Status::StreamEnd => return Ok(out),
            _ if used == 0 && made == 0 => return Err(BAD),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
