//! The head of a stored response.

use super::fields::FieldLines;
use super::time::Timestamp;

/// A stored response without its body. Plain data: stores write and read its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    pub status: u16,
    /// End-to-end field lines, `name: value\r\n` each. Neither hop-by-hop fields nor `Age`.
    pub lines: Box<[u8]>,
    /// The request's fields that `Vary` names, normalised; empty where there is no `Vary`.
    pub vary_key: Box<[u8]>,
    /// When the request was sent and when the response's head arrived.
    pub requested: Timestamp,
    pub received: Timestamp,
}

impl StoredHead {
    /// Its field lines.
    pub fn fields(&self) -> FieldLines<'_> {
        FieldLines(&self.lines)
    }
}
