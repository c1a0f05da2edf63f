//! The parts of a form (RFC 7578) or of another multipart body (RFC 2046 §5.1). Servers differ in what they take for a boundary
//! and for a part: whatever one of them may read is given.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem::{self, Finder};

use crate::limits::OverLimit;

/// The longest boundary that is looked for. 70 bytes are allowed, and servers do not count.
const MAX_BOUNDARY: usize = 1000;
/// The most boundaries of one media type: readers take the first or the last.
const MAX_BOUNDARIES: usize = 4;

/// One part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    pub head: &'a [u8],
    pub content: &'a [u8],
}

/// The boundaries that a media type names. Empty: none, or it is not multipart.
pub fn boundaries(media_type: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !media_type.to_ascii_lowercase().contains("multipart/") {
        return found;
    }
    for parameter in split_unquoted(media_type) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        // "boundary*" and "boundary*0" (RFC 2231) are read by some.
        let name = name.trim().to_ascii_lowercase();
        if name.split('*').next() != Some("boundary") {
            continue;
        }
        let value = unquoted(value.trim());
        if !value.is_empty() && value.len() <= MAX_BOUNDARY && found.len() < MAX_BOUNDARIES {
            found.push(value);
        }
    }
    found
}

/// Splits parameters. A quoted value may hold what separates them.
fn split_unquoted(text: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c: char| {
        let ends = matches!(c, ';' | ',' | '\n') && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && quoted && !escaped;
        ends
    })
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let (mut text, mut chars) = (String::new(), inner.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text
}

/// What the body's first line says that its boundary is.
pub fn own_boundary(body: &[u8]) -> Option<&[u8]> {
    let rest = body.strip_prefix(b"--")?;
    let line = rest.get(..memchr::memchr(b'\n', rest)?)?;
    let line = line.trim_ascii_end();
    (!line.is_empty() && line.len() <= MAX_BOUNDARY).then_some(line)
}

/// The parts, at most `most`. A body with one delimiter has none.
///
/// # Errors
/// There are more.
pub fn parts<'a>(body: &'a [u8], boundary: &[u8], most: usize) -> Result<Vec<Part<'a>>, OverLimit> {
    let line = [b"--", boundary].concat();
    let delimiter = Finder::new(&line);
    let mut open: Option<usize> = None;
    let mut parts = Vec::new();
    for at in delimiter.find_iter(body) {
        let Some(content) = content_after(body, at, line.len()) else {
            continue;
        };
        if let Some(start) = open {
            push(&mut parts, body.get(start..at), most)?;
        }
        open = Some(content);
    }
    // A body that ends without its last delimiter; what follows that one is no part.
    if let Some(start) = open
        && body.get(start - 1) == Some(&b'\n')
    {
        push(&mut parts, body.get(start..), most)?;
    }
    Ok(parts)
}

/// Where the content behind a delimiter begins. `None`: it is none, since it is within a line.
fn content_after(body: &[u8], at: usize, len: usize) -> Option<usize> {
    if at > 0 && body.get(at - 1) != Some(&b'\n') {
        return None;
    }
    let rest = body.get(at + len..)?;
    if rest.starts_with(b"--") {
        return Some(at + len + 2);
    }
    let blank = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    match rest.get(blank..)? {
        [b'\n', ..] => Some(at + len + blank + 1),
        [b'\r', b'\n', ..] => Some(at + len + blank + 2),
        _ => None,
    }
}

fn push<'a>(
    parts: &mut Vec<Part<'a>>,
    part: Option<&'a [u8]>,
    most: usize,
) -> Result<(), OverLimit> {
    let Some(part) = part.filter(|part| !part.is_empty()) else {
        return Ok(());
    };
    if parts.len() >= most {
        return Err(OverLimit::Members);
    }
    parts.push(Part::of(part));
    Ok(())
}

impl<'a> Part<'a> {
    /// The head ends at the first empty line. Without one all is content.
    fn of(part: &'a [u8]) -> Self {
        let part = part.strip_suffix(b"\n").unwrap_or(part);
        let part = part.strip_suffix(b"\r").unwrap_or(part);
        let ends = [(&b"\r\n\r\n"[..], 4), (b"\n\n", 2), (b"\n\r\n", 3)];
        let empty_head = [&b"\r\n"[..], b"\n"]
            .iter()
            .find(|start| part.starts_with(start))
            .map(|start| (0, start.len()));
        let found = empty_head.or_else(|| {
            let places = ends.iter();
            places
                .filter_map(|(end, len)| memmem::find(part, end).map(|at| (at, *len)))
                .min()
        });
        match found.and_then(|(at, len)| Some((part.get(..at)?, part.get(at + len..)?))) {
            Some((head, content)) => Self { head, content },
            None => Self {
                head: b"",
                content: part,
            },
        }
    }

    /// The content without its `Content-Transfer-Encoding: base64`, which some servers remove.
    pub fn decoded(&self) -> Option<Vec<u8>> {
        const LENIENT: GeneralPurpose = GeneralPurpose::new(
            &STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let head = self.head.to_ascii_lowercase();
        let field = memmem::find(&head, b"content-transfer-encoding")?;
        memmem::find(head.get(field..)?, b"base64")?;
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
        let digits: Vec<u8> = self.content.iter().copied().filter(is_digit).collect();
        LENIENT.decode(digits).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
        let parts = parts(body, boundary.as_bytes(), 9).unwrap();
        parts.iter().map(|part| part.content).collect()
    }

    #[test]
    fn a_form_has_its_parts() {
        let body = b"--b 1\r\nContent-Disposition: form-data; name=a\r\n\r\none\r\n--b 1\r\n\r\ntwo\r\n\r\n--b 1--\r\nend";
        assert_eq!(contents(body, "b 1"), [&b"one"[..], b"two\r\n"]);
        assert_eq!(parts(body, b"b 1", 1), Err(OverLimit::Members));
        assert_eq!(own_boundary(body), Some(&b"b 1"[..]));
    }

    #[test]
    fn boundaries_are_those_that_any_reader_takes() {
        for (kind, expected) in [
            (
                "Multipart/Form-Data; charset=x; Boundary=\"b 1\"",
                &["b 1"][..],
            ),
            ("multipart/mixed; boundary=\"a;b\\\"c\"; x=y", &["a;b\"c"]),
            (
                "multipart/mixed; boundary=one; boundary=two",
                &["one", "two"],
            ),
            ("multipart/mixed; boundary*=utf-8''x", &["utf-8''x"]),
            ("text/plain, multipart/mixed; boundary=x", &["x"]),
            ("text/plain; boundary=x", &[]),
            ("multipart/mixed", &[]),
        ] {
            assert_eq!(boundaries(kind), expected, "{kind}");
        }
        let long = "x".repeat(500);
        assert_eq!(boundaries(&format!("multipart/a; boundary={long}")), [long]);
    }

    #[test]
    fn a_delimiter_is_a_line_of_its_own() {
        let body = b"--b\r\n\r\nPK--b\nx\r\n--bc\r\n--b \t\r\n\r\ntwo";
        assert_eq!(contents(body, "b"), [&b"PK--b\nx\r\n--bc"[..], b"two"]);
    }

    #[test]
    fn lines_may_end_in_line_feeds_and_heads_be_missing() {
        let body = b"--b\nA: b\n\none\n--b\n\ntwo\n--b\nthree\n--b--\n";
        assert_eq!(contents(body, "b"), [&b"one"[..], b"two", b"three"]);
    }

    #[test]
    fn base64_is_removed() {
        let part = Part::of(b"Content-Transfer-Encoding:  Base64\r\n\r\nUEsD\r\nBA==");
        assert_eq!(part.decoded().unwrap(), b"PK\x03\x04");
        assert_eq!(Part::of(b"A: b\r\n\r\nUEsDBA==").decoded(), None);
    }
}
