//! The body of a 206 with several parts, `multipart/byteranges` (RFC 9110, 14.6).

use super::fields::write_number;
use super::range::{ByteRange, ContentRange};

/// A body of several parts: before each part's bytes [`Multipart::write_part_head`], after the last
/// [`Multipart::write_end`].
#[derive(Debug, Clone)]
pub struct Multipart<'a> {
    boundary: String,
    /// The stored response's own `Content-Type`.
    content_type: Option<&'a [u8]>,
    complete: u64,
}

impl<'a> Multipart<'a> {
    /// `random` makes a boundary that no body contains but by chance.
    pub fn new(random: u128, content_type: Option<&'a [u8]>, complete: u64) -> Multipart<'a> {
        Multipart {
            boundary: format!("{random:032x}"),
            content_type,
            complete,
        }
    }

    /// The `Content-Type` of the whole answer.
    pub fn content_type(&self) -> String {
        format!("multipart/byteranges; boundary={}", self.boundary)
    }

    /// Appends the `Content-Type` line of the whole answer.
    pub fn write_content_type(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Content-Type: ");
        out.extend_from_slice(self.content_type().as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// Appends what stands before the bytes of a part.
    pub fn write_part_head(&self, out: &mut Vec<u8>, range: ByteRange) {
        out.extend_from_slice(b"\r\n--");
        out.extend_from_slice(self.boundary.as_bytes());
        if let Some(content_type) = self.content_type {
            out.extend_from_slice(b"\r\nContent-Type: ");
            out.extend_from_slice(content_type);
        }
        out.extend_from_slice(b"\r\nContent-Range: ");
        ContentRange {
            range,
            complete: Some(self.complete),
        }
        .write(out);
        out.extend_from_slice(b"\r\n\r\n");
    }

    /// Appends what stands after the last part.
    pub fn write_end(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n--");
        out.extend_from_slice(self.boundary.as_bytes());
        out.extend_from_slice(b"--\r\n");
    }

    /// The length of the whole body.
    pub fn body_len(&self, parts: &[ByteRange]) -> u64 {
        let mut heads = Vec::with_capacity(parts.len() * 128);
        for range in parts {
            self.write_part_head(&mut heads, *range);
        }
        self.write_end(&mut heads);
        let bytes = parts.iter().map(|range| range.len());
        bytes.fold(heads.len() as u64, u64::saturating_add)
    }
}

/// Appends `Range: bytes=…` for what is missing. The last range is open where it reaches the end.
pub fn write_range_field(out: &mut Vec<u8>, ranges: &[ByteRange], complete: Option<u64>) {
    out.extend_from_slice(b"Range: bytes=");
    for (index, range) in ranges.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_number(out, range.first);
        out.push(b'-');
        let to_end = complete.is_some_and(|complete| range.last.saturating_add(1) >= complete);
        if !to_end {
            write_number(out, range.last);
        }
    }
    out.extend_from_slice(b"\r\n");
}
