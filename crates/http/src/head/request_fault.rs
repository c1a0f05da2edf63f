//! What is wrong with a request head that could not be parsed.

use httparse::Error;

use super::bad_request::BadRequest;
use super::field::is_token;
use super::framing::FramingError;
use super::scan::ScanError;

/// `httparse` reports a bad version only where the version has eight bytes. `GET http://h/ HTTP/2.0` gets a 505;
/// everything else is malformed.
pub(super) fn refusal(error: Error, head: &[u8]) -> BadRequest {
    match error {
        Error::HeaderName => field_fault(head),
        Error::HeaderValue => BadRequest::FieldValue,
        Error::TooManyHeaders => BadRequest::TooManyFields,
        Error::Version if names_a_version(head) => BadRequest::Version,
        Error::NewLine if request_line(head).ends_with(b" ") => BadRequest::SpaceAtLineEnd,
        Error::NewLine => BadRequest::LineEnd,
        _ if request_line(head).split(|&byte| byte == b' ').count() > 3 => {
            BadRequest::SpaceInTarget
        }
        _ => BadRequest::RequestLine,
    }
}

fn request_line(head: &[u8]) -> &[u8] {
    head.split(|&byte| byte == b'\r').next().unwrap_or_default()
}

/// What is wrong with the first line whose field name is malformed.
fn field_fault(head: &[u8]) -> BadRequest {
    let lines = head.split(|&byte| byte == b'\n').skip(1);
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return BadRequest::FoldedField;
        }
        let Some(colon) = memchr::memchr(b':', line) else {
            return BadRequest::ColonMissing;
        };
        let name = line.get(..colon).unwrap_or_default();
        if is_token(name) {
            continue;
        }
        let trimmed = name.trim_ascii_end();
        return if trimmed.len() < name.len() && is_token(trimmed) {
            BadRequest::SpaceBeforeColon
        } else {
            BadRequest::FieldName
        };
    }
    BadRequest::FieldName
}

fn names_a_version(head: &[u8]) -> bool {
    let mut words = request_line(head).split(|&byte| byte == b' ');
    let version = words.nth(2).unwrap_or_default();
    words.next().is_none()
        && matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit())
}

impl From<ScanError> for BadRequest {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::BareLf => Self::BareLf,
            ScanError::EmptyLines => Self::EmptyLines,
            ScanError::StartLineTooLong => Self::LineTooLong,
            ScanError::HeadTooLong => Self::HeadTooLong,
        }
    }
}

impl From<FramingError> for BadRequest {
    fn from(error: FramingError) -> Self {
        match error {
            FramingError::Both => Self::LengthAndCoding,
            FramingError::ContentLength => Self::ContentLength,
            FramingError::Coding => Self::TransferEncoding,
            FramingError::UnknownCoding => Self::UnknownCoding,
        }
    }
}
