//! A member of an archive.

use crate::limits::OverLimit;

/// One member of an archive.
#[derive(Debug, PartialEq, Eq)]
pub enum Member<'a> {
    Stored(&'a [u8]),
    /// In the inner format of deflate; the number: its size afterwards.
    Deflated(&'a [u8], u64),
    Encrypted,
    /// Packed in another way.
    Unknown,
}

pub(crate) fn malformed(what: &'static str) -> OverLimit {
    OverLimit::Malformed(what)
}
