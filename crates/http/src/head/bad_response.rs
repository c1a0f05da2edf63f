//! What is wrong with the head of a server's response.

use super::field::is_token;
use super::framing::FramingError;
use super::scan::ScanError;

/// A response whose head is not passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadResponse {
    #[error("the server's answer does not begin with HTTP/1.1 and a status of three digits")]
    StatusLine,
    #[error("the status of the server's answer is not between 100 and 999")]
    Status,
    #[error("the server's answer begins with an empty line")]
    EmptyLine,
    #[error("a line in the head of the server's answer ends in a bare line feed")]
    BareLf,
    #[error("a line in the head of the server's answer holds or ends in a bare carriage return")]
    LineEnd,
    #[error("a header field's name in the server's answer is malformed")]
    FieldName,
    #[error("a header line in the server's answer has no colon")]
    ColonMissing,
    #[error(
        "a header field in the server's answer is continued on a second line (obsolete folding)"
    )]
    FoldedField,
    #[error("a header field's value in the server's answer holds a forbidden byte")]
    FieldValue,
    #[error("Connection in the server's answer is malformed")]
    Connection,
    #[error("the server's answer has a longer head than 64 KiB")]
    TooLong,
    #[error("the server's answer has more than 256 header fields")]
    TooManyFields,
    #[error("the server's answer has both Content-Length and Transfer-Encoding")]
    LengthAndCoding,
    #[error("Content-Length in the server's answer is not one plain number")]
    ContentLength,
    #[error("Transfer-Encoding in the server's answer is malformed")]
    TransferEncoding,
    #[error("the server's answer has another transfer coding than \"chunked\"")]
    UnknownCoding,
    #[error("the server's answer has Transfer-Encoding in HTTP/1.0")]
    CodingInHttp10,
}

impl BadResponse {
    /// What is wrong with a head that `httparse` refuses.
    pub(super) fn of(error: httparse::Error, head: &[u8]) -> Self {
        use httparse::Error;
        match error {
            Error::TooManyHeaders => Self::TooManyFields,
            Error::HeaderValue => Self::FieldValue,
            Error::HeaderName => field_fault(head),
            Error::NewLine => Self::LineEnd,
            _ if status_line(head).contains(&b'\r') => Self::LineEnd,
            _ => Self::StatusLine,
        }
    }
}

/// The first line, up to its CR LF.
fn status_line(head: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(head, b"\r\n").unwrap_or(head.len());
    head.get(..end).unwrap_or_default()
}

/// What is wrong with the first line whose field name is malformed.
fn field_fault(head: &[u8]) -> BadResponse {
    for line in head.split(|&byte| byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return BadResponse::FoldedField;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return BadResponse::ColonMissing;
        };
        // A space before the colon is removed.
        let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
        if !is_token(name) {
            return BadResponse::FieldName;
        }
    }
    BadResponse::FieldName
}

impl From<ScanError> for BadResponse {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BareLf => Self::BareLf,
            ScanError::EmptyLines => Self::EmptyLine,
            ScanError::StartLineTooLong => Self::StatusLine,
            ScanError::HeadTooLong => Self::TooLong,
        }
    }
}

impl From<FramingError> for BadResponse {
    fn from(error: FramingError) -> Self {
        match error {
            FramingError::Both => Self::LengthAndCoding,
            FramingError::ContentLength => Self::ContentLength,
            FramingError::Coding => Self::TransferEncoding,
            FramingError::UnknownCoding => Self::UnknownCoding,
        }
    }
}
