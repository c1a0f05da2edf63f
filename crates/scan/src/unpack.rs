//! Everything that is in a body: the body without its codings, then what is in archives, each as its own object.

use flate2::{Decompress, FlushDecompress, Status};

use crate::archive::{self, Kind, Member, multipart, tar, zip};
use crate::decode::{self, Coding, DecodeError};
use crate::limits::{Limits, OverLimit};

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

/// Visits a body without codings, and everything in it.
///
/// # Errors
/// Why the visit ended early.
pub fn visit(body: &[u8], limits: &Limits, visitor: &mut impl Visitor) -> Result<Unread, Stop> {
    let mut walk = Walk {
        limits,
        left: limits.bytes,
        members: limits.members,
        unread: Unread(0),
        visitor,
    };
    walk.object(body, limits.depth)?;
    Ok(walk.unread)
}

/// Visits a body of parts: each of them and everything in it.
///
/// # Errors
/// Why the visit ended early.
pub fn visit_parts(
    body: &[u8],
    boundary: &str,
    limits: &Limits,
    visitor: &mut impl Visitor,
) -> Result<Unread, Stop> {
    let mut unread = visit(body, limits, visitor)?;
    let parts = multipart::parts(body, boundary, limits.members as usize).map_err(Stop::Over)?;
    for part in parts {
        unread.0 += visit(part, limits, visitor)?.0;
    }
    Ok(unread)
}

/// Members that could not be read: encrypted, or in a format that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread(pub u32);

struct Walk<'a, V> {
    limits: &'a Limits,
    /// Bytes that all layers may still expand to.
    left: u64,
    members: u32,
    unread: Unread,
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
            Kind::Unread => {
                self.unread.0 += 1;
                Ok(())
            }
            Kind::Other => Ok(()),
        }
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
                Member::Unread => self.unread.0 += 1,
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
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct All(Vec<Vec<u8>>);

    impl Visitor for All {
        fn object(&mut self, bytes: &[u8]) -> Result<(), Stop> {
            self.0.push(bytes.to_vec());
            Ok(())
        }
    }

    /// A zip file of one member.
    pub fn zip_of(name: &str, bytes: &[u8], flags: u16) -> Vec<u8> {
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), Default::default());
        packed.write_all(bytes).unwrap();
        let packed = packed.finish().unwrap();
        let mut common = Vec::new();
        common.extend(20_u16.to_le_bytes());
        common.extend(flags.to_le_bytes());
        common.extend(8_u16.to_le_bytes());
        common.extend([0; 8]);
        common.extend((packed.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0; 2]);
        let mut file = [b"PK\x03\x04".as_slice(), &common, name.as_bytes(), &packed].concat();
        let start = file.len();
        file.extend(b"PK\x01\x02\x14\x00");
        file.extend(&common);
        file.extend([0; 14]);
        file.extend(name.as_bytes());
        let size = file.len() - start;
        file.extend(b"PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00");
        file.extend((size as u32).to_le_bytes());
        file.extend((start as u32).to_le_bytes());
        file.extend([0; 2]);
        file
    }

    /// A tar file of one member.
    fn tar_of(bytes: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 512];
        header[..1].copy_from_slice(b"a");
        header[124..135].copy_from_slice(format!("{:011o}", bytes.len()).as_bytes());
        header[156] = b'0';
        header[257..262].copy_from_slice(b"ustar");
        header[148..156].copy_from_slice(b"        ");
        let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header.extend(bytes);
        header.resize(header.len().next_multiple_of(512) + 1024, 0);
        header
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        to.write_all(bytes).unwrap();
        to.finish().unwrap()
    }

    #[test]
    fn what_is_in_archives_within_archives_is_visited() {
        let inner = zip_of("evil.txt", b"the payload", 0);
        let file = gzip(&tar_of(&zip_of("inner.zip", &inner, 0)));
        let mut all = All::default();
        assert_eq!(visit(&file, &Limits::default(), &mut all), Ok(Unread(0)));
        // The file, the tar file, the outer and the inner zip file, the text.
        assert_eq!(all.0.len(), 5);
        assert_eq!(all.0[4], b"the payload");
        let shallow = Limits {
            depth: 3,
            ..Limits::default()
        };
        let stopped = visit(&file, &shallow, &mut All::default());
        assert_eq!(stopped, Err(Stop::Over(OverLimit::Depth)));
    }

    #[test]
    fn bombs_are_stopped_by_ratio_bytes_and_members() {
        let file = zip_of("zeros", &vec![0; 32 << 20], 0);
        let limits = Limits::default();
        let stopped = visit(&file, &limits, &mut All::default());
        assert_eq!(stopped, Err(Stop::Over(OverLimit::Ratio)));
        let few = Limits {
            bytes: 1000,
            ..limits
        };
        let stopped = visit(&file, &few, &mut All::default());
        assert_eq!(stopped, Err(Stop::Over(OverLimit::Bytes)));
        let none = Limits {
            members: 0,
            ..limits
        };
        let stopped = visit(&file, &none, &mut All::default());
        assert_eq!(stopped, Err(Stop::Over(OverLimit::Members)));
        let twice = gzip(&gzip(&vec![0; 32 << 20]));
        let codings = [Coding::Gzip, Coding::Gzip];
        let stopped = remove_codings(&twice, &codings, &limits);
        assert_eq!(stopped, Err(OverLimit::Ratio));
    }

    #[test]
    fn encrypted_members_are_counted_and_not_read() {
        let file = zip_of("secret", b"hello", 1);
        let mut all = All::default();
        assert_eq!(visit(&file, &Limits::default(), &mut all), Ok(Unread(1)));
        assert_eq!(all.0.len(), 1);
    }

    #[test]
    fn a_zip_file_that_two_readers_would_read_differently_is_refused() {
        let file = zip_of("name", b"hello", 0);
        for at in [4 + 4, 26, 30] {
            let mut other = file.clone();
            other[at] ^= 1;
            let read = visit(&other, &Limits::default(), &mut All::default());
            assert!(
                matches!(read, Err(Stop::Over(OverLimit::Malformed(_)))),
                "{at}"
            );
        }
    }

    #[test]
    fn what_is_in_front_of_a_zip_file_or_behind_it_hides_no_member() {
        let zip = zip_of("a", b"inside", 0);
        for (before, after) in [("MZ program", ""), ("#!/bin/sh\n", ""), ("any", "thing")] {
            let file = [before.as_bytes(), &zip, after.as_bytes()].concat();
            let mut all = All::default();
            visit(&file, &Limits::default(), &mut all).unwrap();
            assert_eq!(all.0[1], b"inside", "{before}, {after}");
        }
    }

    #[test]
    fn members_that_the_directory_does_not_list_are_an_error() {
        let (zip, other) = (zip_of("a", b"inside", 0), zip_of("b", b"beside", 0));
        let directory = zip.windows(4).position(|bytes| bytes == b"PK\x01\x02");
        let mut unlisted = zip[..directory.unwrap()].to_vec();
        unlisted.extend(b"PK\x05\x06");
        unlisted.extend([0; 18]);
        for file in [unlisted, [zip, other].concat()] {
            let read = visit(&file, &Limits::default(), &mut All::default());
            let expected = OverLimit::Malformed("a member that the directory does not list");
            assert_eq!(read, Err(Stop::Over(expected)));
        }
    }

    proptest! {
        #[test]
        fn no_damage_panics_or_passes_the_limits(
            at in any::<prop::sample::Index>(),
            value in any::<u8>(),
            cut in any::<prop::sample::Index>(),
            which in 0_usize..3,
        ) {
            let mut file = match which {
                0 => zip_of("name", b"hello, hello", 0),
                1 => tar_of(b"hello"),
                _ => gzip(&tar_of(b"hello")),
            };
            let place = at.index(file.len());
            file[place] = value;
            file.truncate(cut.index(file.len()) + 1);
            let limits = Limits { bytes: 4000, ..Limits::default() };
            let mut all = All::default();
            let _ = visit(&file, &limits, &mut all);
            let total: usize = all.0.iter().skip(1).map(Vec::len).sum();
            prop_assert!(total <= 8000);
        }
    }
}
