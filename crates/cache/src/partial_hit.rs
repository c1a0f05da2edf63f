//! Stored parts that are being completed.

use crate::entry::Entry;
use crate::rules::range::ByteRange;

/// Stored parts to which an origin is asked for the rest.
#[derive(Debug, Clone)]
pub struct PartialHit {
    pub entry: Entry,
    /// What is missing.
    pub missing: ByteRange,
    /// What the client asks for; none: the whole.
    pub wanted: Option<ByteRange>,
}
