//! The length of a message's body: `Content-Length` and `Transfer-Encoding`, read so strictly that no other reader
//! can see another length (RFC 9112 §6).

use super::field::{Field, FieldKind, is_token};

/// A body's length as its head announces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BodyLength {
    #[default]
    None,
    /// Bytes.
    Known(u64),
    Chunked,
    /// Responses only: until the connection closes.
    UntilClose,
}

/// What is wrong with the two fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramingError {
    Both,
    ContentLength,
    Coding,
    UnknownCoding,
}

/// The two fields, before method and status are taken into account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Framing {
    pub length: Option<u64>,
    pub chunked: bool,
}

impl Framing {
    /// Reads one field; call it for each field of a head in order.
    pub fn take(&mut self, field: &Field, buffer: &[u8]) -> Result<(), FramingError> {
        let value = field.value.of_buffer(buffer);
        match field.kind {
            FieldKind::ContentLength => {
                if self.chunked {
                    return Err(FramingError::Both);
                }
                if self.length.is_some() {
                    return Err(FramingError::ContentLength);
                }
                self.length = Some(decimal(value).ok_or(FramingError::ContentLength)?);
            }
            FieldKind::TransferEncoding => {
                if self.length.is_some() {
                    return Err(FramingError::Both);
                }
                if self.chunked {
                    return Err(FramingError::Coding);
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(coding_error(value));
                }
                self.chunked = true;
            }
            _ => {}
        }
        Ok(())
    }
}

fn coding_error(value: &[u8]) -> FramingError {
    let holds_chunked = value
        .windows(7)
        .any(|piece| piece.eq_ignore_ascii_case(b"chunked"));
    if is_token(value) && !holds_chunked {
        FramingError::UnknownCoding
    } else {
        FramingError::Coding
    }
}

/// Whether a `Transfer-Encoding` is one word that is no coding that exists, nor nearly `chunked`. A response with one ends
/// with its connection (RFC 9112 §6.3), so that no two readers differ on its end.
pub(super) fn is_unregistered_coding(value: &[u8]) -> bool {
    const KNOWN: [&[u8]; 9] = [
        b"gzip",
        b"x-gzip",
        b"deflate",
        b"compress",
        b"x-compress",
        b"br",
        b"zstd",
        b"identity",
        b"trailers",
    ];
    is_token(value)
        && !KNOWN.iter().any(|known| value.eq_ignore_ascii_case(known))
        && !value
            .windows(5)
            .any(|piece| piece.eq_ignore_ascii_case(b"chunk"))
}

/// Digits only, at least one, below 2^63, so that it fits every reader's integer.
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = value
        .iter()
        .fold(0u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    (number <= i64::MAX as u64).then_some(number)
}
