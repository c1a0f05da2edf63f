//! A response's head, checked as strictly as a request's.

use std::mem::MaybeUninit;

use httparse::Header;

pub use super::bad_response::BadResponse;
use super::connection::ConnectionOptions;
use super::field::MAX_FIELDS;
use super::field::{Field, FieldKind, Span};
use super::framing::{BodyLength, Framing, FramingError, is_unregistered_coding};
use super::method::Method;
use super::obsolete;
use super::scan::Scan;
use super::version::Version;

#[derive(Debug, Clone, Default)]
pub struct ResponseHead {
    /// Length of the head in the buffer.
    pub len: usize,
    /// 100 to 999. From 600 on the class is unknown to RFC 9110 (section 15); some sites send such a status.
    pub status: u16,
    pub version: Version,
    /// May be empty.
    pub reason: Span,
    pub fields: Vec<Field>,
    pub framing: Framing,
    /// The body has a transfer coding that does not exist: it ends with the connection.
    pub unregistered_coding: bool,
    pub connection: ConnectionOptions,
}

impl ResponseHead {
    /// Parses the head at the start of the buffer. `false`: more bytes are needed.
    pub fn parse(&mut self, buffer: &[u8], scan: &mut Scan) -> Result<bool, BadResponse> {
        let Some(range) = scan.advance(buffer)? else {
            return Ok(false);
        };
        *scan = Scan::default();
        if range.skip > 0 {
            return Err(BadResponse::EmptyLine);
        }
        let head = buffer.get(..range.end).unwrap_or_default();
        match self.parse_lines(head) {
            Err(bad @ BadResponse::StatusLine) => {
                let plain = obsolete::plain_response(head).ok_or(bad)?;
                self.parse_lines(&plain)?;
            }
            result => result?,
        }
        Ok(true)
    }

    fn parse_lines(&mut self, head: &[u8]) -> Result<(), BadResponse> {
        let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let mut config = httparse::ParserConfig::default();
        // A proxy removes such a space (RFC 9112 §5.1). In a request it stays an error.
        config.allow_spaces_after_header_name_in_responses(true);
        let status = config
            .parse_response_with_uninit_headers(&mut parsed, head, &mut headers)
            .map_err(|error| BadResponse::of(error, head))?;
        self.status = parsed.code.unwrap_or_default();
        if !status.is_complete() {
            return Err(BadResponse::StatusLine);
        }
        if self.status < 100 {
            return Err(BadResponse::Status);
        }
        self.len = head.len();
        self.version = Version::of(parsed.version);
        let reason = parsed.reason.unwrap_or_default().as_bytes();
        self.reason = if reason.is_empty() {
            Span::default()
        } else {
            Span::of(head, reason)
        };
        self.fields.clear();
        for header in parsed.headers.iter() {
            self.fields.push(Field {
                name: Span::of(head, header.name.as_bytes()),
                value: Span::of(head, header.value),
                kind: FieldKind::of(header.name.as_bytes()),
            });
        }
        self.read_fields(head)
    }

    fn read_fields(&mut self, buffer: &[u8]) -> Result<(), BadResponse> {
        self.framing = Framing::default();
        self.unregistered_coding = false;
        self.connection.clear();
        for field in &self.fields {
            match field.kind {
                FieldKind::ContentLength | FieldKind::TransferEncoding
                    if self.unregistered_coding =>
                {
                    return Err(FramingError::Both.into());
                }
                FieldKind::TransferEncoding
                    if self.framing == Framing::default()
                        && is_unregistered_coding(field.value.of_buffer(buffer)) =>
                {
                    self.unregistered_coding = true;
                }
                FieldKind::ContentLength | FieldKind::TransferEncoding => {
                    self.framing.take(field, buffer)?;
                }
                FieldKind::Connection | FieldKind::ProxyConnection => self
                    .connection
                    .take(field.value.of_buffer(buffer), buffer)
                    .map_err(|_| BadResponse::Connection)?,
                _ => {}
            }
        }
        let is_coded = self.framing.chunked || self.unregistered_coding;
        if is_coded && self.version == Version::Http10 {
            return Err(BadResponse::CodingInHttp10);
        }
        Ok(())
    }

    /// How long the body of the response to a request with this method is (RFC 9112 §6.3).
    pub fn body(&self, method: Method) -> BodyLength {
        if method == Method::Head || self.is_interim() || matches!(self.status, 204 | 304) {
            BodyLength::None
        } else if self.framing.chunked {
            BodyLength::Chunked
        } else {
            self.framing
                .length
                .map_or(BodyLength::UntilClose, BodyLength::Known)
        }
    }

    /// 1xx: another head follows.
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// Whether the origin keeps the connection after this message.
    pub fn keeps_alive(&self) -> bool {
        !self.connection.close
            && !self.unregistered_coding
            && (self.version == Version::Http11 || self.connection.keep_alive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Option<ResponseHead>, BadResponse> {
        let mut head = ResponseHead::default();
        Ok(head.parse(bytes, &mut Scan::default())?.then_some(head))
    }

    #[test]
    fn each_malformed_response_is_refused() {
        use BadResponse as Bad;
        let long = format!(
            "HTTP/1.1 200 OK\r\n{}\r\n",
            "a: b\r\n".repeat(MAX_FIELDS + 1)
        );
        let cases = [
            ("HTTP/1.1 200 OK\nX: y\r\n\r\n", Bad::BareLf),
            ("HTTP/1.1 200 OK\r\nX: y\n\r\n", Bad::BareLf),
            ("HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", Bad::FoldedField),
            ("HTTP/1.1 200 OK\r\nX y\r\n\r\n", Bad::ColonMissing),
            ("HTTP/1.1 200 OK\r\nX y: z\r\n\r\n", Bad::FieldName),
            ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", Bad::FieldValue),
            ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", Bad::FieldValue),
            ("HTTP/1.1 200 O\rK\r\n\r\n", Bad::LineEnd),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", Bad::EmptyLine),
            ("HTTP/1.1  200 OK\r\n\r\n", Bad::StatusLine),
            ("HTTP/2.0 200 OK\r\n\r\n", Bad::StatusLine),
            ("HTTP/1.1 20 OK\r\n\r\n", Bad::StatusLine),
            ("HTTP/1.1 2000 OK\r\n\r\n", Bad::StatusLine),
            ("HTTP/1.1 099 OK\r\n\r\n", Bad::Status),
            ("ICY 200 OK\r\n\r\n", Bad::StatusLine),
            ("SSH-2.0-x\r\n\r\n", Bad::StatusLine),
            (long.as_str(), Bad::TooManyFields),
            (
                "HTTP/1.1 200 OK\r\nConnection: a b\r\n\r\n",
                Bad::Connection,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
                Bad::ContentLength,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
                Bad::ContentLength,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                Bad::ContentLength,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Bad::LengthAndCoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                Bad::TransferEncoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                Bad::UnknownCoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
                Bad::UnknownCoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunke\r\n\r\n",
                Bad::UnknownCoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo, chunked\r\n\r\n",
                Bad::TransferEncoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\nTransfer-Encoding: chunked\r\n\r\n",
                Bad::LengthAndCoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\nContent-Length: 1\r\n\r\n",
                Bad::LengthAndCoding,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: foo\r\n\r\n",
                Bad::LengthAndCoding,
            ),
            (
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: foo\r\n\r\n",
                Bad::CodingInHttp10,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                Bad::TransferEncoding,
            ),
            (
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                Bad::CodingInHttp10,
            ),
        ];
        for (text, bad) in cases {
            assert_eq!(parse(text.as_bytes()).map(|_| ()), Err(bad), "{text:?}");
        }
    }

    #[test]
    fn a_space_before_the_colon_is_dropped_and_a_later_minor_version_is_1_1() {
        let text = b"HTTP/1.3 200 OK\r\nContent-Length \t: 5\r\nX : y\r\n\r\n";
        let head = parse(text).unwrap().unwrap();
        assert_eq!(head.body(Method::Get), BodyLength::Known(5));
        assert_eq!(head.version, Version::Http11);
        assert_eq!(head.fields[1].name.of_buffer(text), b"X");
        assert_eq!(head.fields[1].value.of_buffer(text), b"y");
    }

    #[test]
    fn a_body_ends_as_method_and_status_say() {
        let body = |text: &str, method| parse(text.as_bytes()).unwrap().unwrap().body(method);
        let known = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(body(known, Method::Get), BodyLength::Known(5));
        assert_eq!(body(known, Method::Head), BodyLength::None);
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";
        assert_eq!(body(chunked, Method::Get), BodyLength::Chunked);
        assert_eq!(
            body("HTTP/1.1 200\r\n\r\n", Method::Get),
            BodyLength::UntilClose
        );
        for status in [100, 103, 204, 304] {
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
            assert_eq!(body(&text, Method::Get), BodyLength::None, "{status}");
        }
    }

    #[test]
    fn a_body_with_a_coding_that_does_not_exist_ends_with_the_connection() {
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: foo\r\n\r\n";
        let head = parse(text).unwrap().unwrap();
        assert_eq!(head.body(Method::Get), BodyLength::UntilClose);
        assert!(!head.keeps_alive());
    }

    #[test]
    fn an_old_server_keeps_the_connection_only_if_it_says_so() {
        let keeps = |text: &str| parse(text.as_bytes()).unwrap().unwrap().keeps_alive();
        assert!(keeps("HTTP/1.1 200 OK\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n"));
        assert!(!keeps("HTTP/1.0 200 OK\r\n\r\n"));
        assert!(keeps("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"));
    }
}
