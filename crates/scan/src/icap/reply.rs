//! Replies of an ICAP service (RFC 3507 §4.3). Strict: what is malformed is no verdict.

use std::time::Duration;

/// The most fields of a head.
const MAX_FIELDS: usize = 64;
/// How long options are kept where the service does not say, and at most.
const TTL: Duration = Duration::from_secs(300);
const MAX_TTL: Duration = Duration::from_secs(3600);

/// The head of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub status: u16,
    fields: Vec<(String, String)>,
}

/// What a service says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub reqmod: bool,
    pub respmod: bool,
    /// Bytes that it wants to see first.
    pub preview: Option<usize>,
    /// Differs where its rules differ (RFC 3507 §4.7).
    pub tag: String,
    /// How it calls itself.
    pub service: Option<String>,
    pub ttl: Duration,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encapsulated {
    /// A response's head, else a request's.
    pub is_response: bool,
    pub has_body: bool,
}

impl Head {
    /// Parses a head with the empty line that ends it.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.ends_with(b"\r\n\r\n") || !has_whole_line_ends(bytes) {
            return None;
        }
        // Services fold long fields (RFC 2616 §4.2, which RFC 3507 builds on).
        let bytes = &unfold(bytes)[..];
        let line_end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let (line, rest) = (bytes.get(..line_end)?, bytes.get(line_end + 2..)?);
        let status = line.strip_prefix(b"ICAP/1.0 ")?;
        let status = status_code(status)?;
        let mut plain = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let httparse::Status::Complete((used, fields)) =
            httparse::parse_headers(rest, &mut plain).ok()?
        else {
            return None;
        };
        if used != rest.len() {
            return None;
        }
        let fields = fields.iter().map(|field| {
            let value = std::str::from_utf8(field.value).ok()?;
            Some((field.name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        Some(Self {
            status,
            fields: fields.collect::<Option<_>>()?,
        })
    }

    fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn closes(&self) -> bool {
        self.field("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The name of what was found, as scanners say it beside their reply.
    pub fn threat(&self) -> Option<String> {
        if let Some(found) = self.field("x-infection-found") {
            let threat = found
                .split(';')
                .find_map(|part| part.trim().strip_prefix("Threat="));
            return Some(threat.unwrap_or("unnamed").to_owned());
        }
        if let Some(name) = self.field("x-virus-id").filter(|name| !name.is_empty()) {
            return Some(name.to_owned());
        }
        // How many, then a line each for the file, the threat, its number and what was done.
        let violations = self.field("x-violations-found")?;
        let mut lines = violations.split(['\t', '\r', '\n']).map(str::trim);
        let count = lines.next()?.split_ascii_whitespace().next()?;
        let threat = lines.nth(1).filter(|threat| !threat.is_empty());
        (count != "0").then(|| threat.unwrap_or("unnamed").to_owned())
    }

    /// What follows; `None`: the field is missing or malformed.
    pub fn encapsulated(&self) -> Option<Encapsulated> {
        let mut parts = self.field("encapsulated")?.split(',').map(|part| {
            let (name, at) = part.trim().split_once('=')?;
            Some((name, at.parse::<u32>().ok()?))
        });
        let (head, at) = parts.next()??;
        if at != 0 {
            return None;
        }
        let is_response = match head {
            "res-hdr" => true,
            "req-hdr" => false,
            _ => return None,
        };
        let has_body = match parts.next() {
            None => false,
            Some(part) => {
                let (name, at) = part?;
                match (name, is_response) {
                    _ if at == 0 => return None,
                    ("null-body", _) => false,
                    ("res-body", true) | ("req-body", false) => true,
                    _ => return None,
                }
            }
        };
        let ends = parts.next().is_none();
        ends.then_some(Encapsulated {
            is_response,
            has_body,
        })
    }
}

/// Whether CR and LF come together only: one alone may end a line for one reader and not for another.
fn has_whole_line_ends(bytes: &[u8]) -> bool {
    let ends = bytes.windows(2).filter(|two| two == b"\r\n").count();
    let all = |end: u8| bytes.iter().filter(|&&byte| byte == end).count();
    all(b'\r') == ends && all(b'\n') == ends
}

/// Joins the lines of fields that go on in the next line.
fn unfold(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..out.len() {
        if let Some([b'\r', b'\n', b' ' | b'\t']) = out.get(at..at + 3)
            && let Some(end) = out.get_mut(at..at + 2)
        {
            end.fill(b' ');
        }
    }
    out
}

/// Reads the options of a service.
pub fn options(head: &Head) -> Option<Options> {
    if head.status != 200 {
        return None;
    }
    let methods = head.field("methods")?;
    let takes = |method: &str| methods.split(',').any(|known| known.trim() == method);
    let ttl = head.field("options-ttl").and_then(|ttl| ttl.parse().ok());
    let preview = head.field("preview").map(str::parse).transpose().ok()?;
    Some(Options {
        reqmod: takes("REQMOD"),
        respmod: takes("RESPMOD"),
        preview,
        tag: head.field("istag")?.to_owned(),
        service: head
            .field("service")
            .map(|name| crate::verdict::clean_name(name).to_string()),
        ttl: ttl
            .map_or(TTL, Duration::from_secs)
            .clamp(Duration::from_secs(1), MAX_TTL),
    })
}

/// The status of an HTTP response's head.
pub fn http_status(head: &[u8]) -> Option<u16> {
    let rest = head
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    status_code(rest)
}

/// Three digits, then a space or the line's end.
fn status_code(text: &[u8]) -> Option<u16> {
    let (digits, rest) = text.split_at_checked(3)?;
    if !rest.is_empty() && !rest.starts_with(b" ") && !rest.starts_with(b"\r\n") {
        return None;
    }
    let code: u16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (100..1000).contains(&code).then_some(code)
}

/// The size in a chunk's first line, with its CRLF; extensions are passed over.
pub fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.split(|&byte| byte == b';').next()?.trim_ascii_end();
    let is_hex =
        !digits.is_empty() && digits.len() <= 15 && digits.iter().all(u8::is_ascii_hexdigit);
    if !is_hex {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head(text: &str) -> Option<Head> {
        Head::parse(text.as_bytes())
    }

    #[test]
    fn options_are_read() {
        let text = "ICAP/1.0 200 OK\r\nMethods: RESPMOD, REQMOD\r\nISTag: \"x-1\"\r\nPreview: 1024\r\n\
                    Service: C-ICAP/0.5.10 virus_scan\r\nOptions-TTL: 60\r\nEncapsulated: null-body=0\r\n\r\n";
        let options = options(&head(text).unwrap()).unwrap();
        assert_eq!(
            options,
            Options {
                reqmod: true,
                respmod: true,
                preview: Some(1024),
                tag: "\"x-1\"".to_owned(),
                service: Some("C-ICAP/0.5.10 virus_scan".to_owned()),
                ttl: Duration::from_secs(60),
            }
        );
    }

    #[test]
    fn malformed_heads_are_refused() {
        for text in [
            "HTTP/1.1 200 OK\r\n\r\n",
            "ICAP/1.0 2000 OK\r\n\r\n",
            "ICAP/1.0 20\r\n\r\n",
            "ICAP/1.0 200 OK\r\nX\r\n\r\n",
            "ICAP/1.0 200 OK\r\nX : y\r\n\r\n",
            "ICAP/1.0 200 OK\r\n\r\nmore",
            "ICAP/1.0 200 OK\r\n",
            "ICAP/1.0 200 OK\nX: y\r\n\r\n",
            "ICAP/1.0 200 OK\r\nX: y\n\r\n",
            "ICAP/1.0 200 OK\rX: y\r\n\r\n",
            "",
        ] {
            assert_eq!(head(text), None, "{text:?}");
        }
        assert_eq!(head("ICAP/1.0 204 No Content\r\n\r\n").unwrap().status, 204);
    }

    #[test]
    fn what_was_found_is_named() {
        for (line, wanted) in [
            (
                "X-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test;",
                Some("Eicar-Test"),
            ),
            ("X-Infection-Found: Type=0", Some("unnamed")),
            ("X-Virus-ID: Some.Virus", Some("Some.Virus")),
            ("X-Violations-Found: 1", Some("unnamed")),
            (
                "X-Violations-Found: 1\r\n\ta file\r\n\tSome.Virus\r\n\t0\r\n\t2",
                Some("Some.Virus"),
            ),
            ("X-Violations-Found: 0", None),
            ("X-Other: 1", None),
        ] {
            let head = head(&format!("ICAP/1.0 200 OK\r\n{line}\r\n\r\n")).unwrap();
            assert_eq!(head.threat().as_deref(), wanted, "{line}");
        }
    }

    #[test]
    fn parts_are_read_strictly() {
        let parts = |value: &str| {
            let head = head(&format!("ICAP/1.0 200 OK\r\nEncapsulated: {value}\r\n\r\n")).unwrap();
            let parts = head.encapsulated()?;
            Some((parts.is_response, parts.has_body))
        };
        assert_eq!(parts("res-hdr=0, res-body=100"), Some((true, true)));
        assert_eq!(parts("req-hdr=0, null-body=100"), Some((false, false)));
        assert_eq!(parts("res-hdr=0"), Some((true, false)));
        for bad in [
            "",
            "res-hdr=1",
            "res-hdr=0, req-body=9",
            "res-hdr=0, res-body=0",
            "x=0",
            "res-hdr=0, res-body=9, res-body=10",
            "res-hdr=0, res-body=-1",
        ] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_of_chunks_and_statuses_are_read_strictly() {
        assert_eq!(chunk_size(b"1f\r\n"), Some(31));
        assert_eq!(chunk_size(b"0; ieof\r\n"), Some(0));
        for bad in [
            &b"\r\n"[..],
            b"-1\r\n",
            b"+1\r\n",
            b"1",
            b"ffffffffffffffff\r\n",
        ] {
            assert_eq!(chunk_size(bad), None);
        }
        assert_eq!(http_status(b"HTTP/1.0 403 Forbidden\r\n\r\n"), Some(403));
        assert_eq!(http_status(b"HTTP/1.1 4030\r\n"), None);
    }

    proptest! {
        #[test]
        fn no_reply_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (Head::parse(&bytes), http_status(&bytes), chunk_size(&bytes));
            let text = [b"ICAP/1.0 200 OK\r\nEncapsulated: ".as_slice(), &bytes, b"\r\n\r\n"].concat();
            if let Some(head) = Head::parse(&text) {
                let _ = (head.threat(), head.encapsulated(), options(&head));
            }
        }
    }
}
