//! The protocol version of a message.

/// HTTP/1.0 and HTTP/1.1 (RFC 9112 §2.3); other versions are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Version {
    Http10,
    #[default]
    Http11,
}

impl Version {
    /// The version with this minor number, as `httparse` reports it.
    pub(super) fn of(minor: Option<u8>) -> Self {
        if minor == Some(0) {
            Self::Http10
        } else {
            Self::Http11
        }
    }
}
