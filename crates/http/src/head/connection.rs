//! The connection options (RFC 9110 §7.6.1): close, keep-alive, upgrade, and the fields that are not forwarded.

use smallvec::SmallVec;

use super::field::{FieldKind, Span, elements, is_token};

/// Collected from all `Connection` and `Proxy-Connection` lines of one head.
#[derive(Debug, Clone, Default)]
pub struct ConnectionOptions {
    pub close: bool,
    pub keep_alive: bool,
    pub upgrade: bool,
    /// Fields to drop that would not be dropped anyway.
    named: SmallVec<[Span; 4]>,
}

impl ConnectionOptions {
    /// Resets the value; the memory stays allocated.
    pub fn clear(&mut self) {
        self.close = false;
        self.keep_alive = false;
        self.upgrade = false;
        self.named.clear();
    }

    /// Reads one `Connection` line. Malformed: an element is not a token.
    pub fn take(&mut self, value: &[u8], buffer: &[u8]) -> Result<(), Malformed> {
        for element in elements(value) {
            if element.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if element.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if element.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if !is_token(element) {
                return Err(Malformed);
            } else if !FieldKind::of(element).is_never_dropped_by_name() {
                self.named.push(Span::of(buffer, element));
            }
        }
        Ok(())
    }

    /// Whether `Connection` named this field.
    pub fn names(&self, name: &[u8], buffer: &[u8]) -> bool {
        self.named
            .iter()
            .any(|named| named.of_buffer(buffer).eq_ignore_ascii_case(name))
    }
}

/// An element of the list is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;
