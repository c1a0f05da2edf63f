//! Trailer fields (RFC 9110 §6.5): checked like a head's fields. Those that frame, route or authorize are dropped;
//! the rest is rewritten.

use httparse::Status;

use super::chunked::ChunkError;
use crate::head::field::FieldKind;

/// The most trailer fields.
pub const MAX_TRAILER_FIELDS: usize = 64;

/// Writes the last chunk and the trailers that may be forwarded. `lines`: from
/// [`super::chunked::ChunkedDecoder::trailers`].
pub fn write_end(out: &mut Vec<u8>, lines: &[u8]) -> Result<(), ChunkError> {
    out.extend_from_slice(b"0\r\n");
    if !lines.is_empty() {
        for_each(lines, |name, value| {
            crate::headers::write_field(out, name, value);
        })?;
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Passes each trailer field that may be forwarded to `emit`. `lines`: each with its CRLF.
pub fn for_each(lines: &[u8], mut emit: impl FnMut(&[u8], &[u8])) -> Result<(), ChunkError> {
    let mut section = Vec::with_capacity(lines.len() + 2);
    section.extend_from_slice(lines);
    section.extend_from_slice(b"\r\n");
    let mut plain = [httparse::EMPTY_HEADER; MAX_TRAILER_FIELDS];
    match httparse::parse_headers(&section, &mut plain) {
        Ok(Status::Complete((used, fields))) if used == section.len() => {
            for field in fields.iter() {
                if may_follow(FieldKind::of(field.name.as_bytes()), field.name) {
                    emit(field.name.as_bytes(), field.value);
                }
            }
            Ok(())
        }
        _ => Err(ChunkError),
    }
}

/// Fields that a recipient needs before the body, that a proxy has to strip, or that name a server's software and addresses,
/// are not allowed in trailers.
fn may_follow(kind: FieldKind, name: &str) -> bool {
    const HEAD_ONLY: [&str; 24] = [
        "age",
        "alt-svc",
        "cache-control",
        "content-encoding",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "expires",
        "link",
        "location",
        "pragma",
        "range",
        "refresh",
        "retry-after",
        "server",
        "set-cookie",
        "uri",
        "vary",
        "warning",
        "www-authenticate",
        "x-aspnet-version",
        "x-forwarded-for",
        "x-powered-by",
    ];
    kind == FieldKind::Other
        && !HEAD_ONLY
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(lines: &str) -> Result<String, ChunkError> {
        let mut out = Vec::new();
        write_end(&mut out, lines.as_bytes())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn trailers_that_frame_route_or_authorize_are_dropped() {
        let lines = "Checksum: 1\r\nContent-Length: 5\r\ntransfer-encoding: chunked\r\nHost: x\r\n\
                     Authorization: x\r\nSet-Cookie: x\r\nX-Forwarded-For: x\r\nServer: x\r\nVia: 1.1 x\r\n\
                     X-Powered-By: x\r\nContent-Location: http://10.0.0.1/\r\nServer-Timing: a;dur=1\r\n";
        assert_eq!(
            end(lines).unwrap(),
            "0\r\nChecksum: 1\r\nServer-Timing: a;dur=1\r\n\r\n"
        );
        assert_eq!(end("").unwrap(), "0\r\n\r\n");
    }

    #[test]
    fn malformed_trailers_are_refused() {
        for lines in [
            "X\r\n",
            "X : y\r\n",
            " X: y\r\n",
            "X: y\r\n z\r\n",
            "X: a\x01\r\n",
        ] {
            assert_eq!(end(lines), Err(ChunkError), "{lines:?}");
        }
        assert_eq!(
            end(&"X: y\r\n".repeat(MAX_TRAILER_FIELDS + 1)),
            Err(ChunkError)
        );
    }
}
