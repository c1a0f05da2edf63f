//! The URL of a request, and the host of the page that caused it, in normal form.

use privet_policy::Target;

use crate::head::scan::Scan;
use crate::head::{BadRequest, FieldKind, RequestHead, Scheme, TargetForm, TargetRule};
use crate::headers::write_host;

/// Bytes of a host name (RFC 1035 section 2.3.4).
const LONGEST_NAME: usize = 253;

/// What the proxy reads in a URL that a client sends as a request's target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedUrl {
    pub target: Target,
    pub scheme: Scheme,
    /// In normal form, without login and fragment.
    pub url: String,
}

impl RequestedUrl {
    /// Reads an `http`, `ws` or `ftp` URL by the parser of requests.
    ///
    /// # Errors
    /// A request for it is refused.
    pub fn parse(url: &str) -> Result<Self, BadRequest> {
        if url.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(BadRequest::Target);
        }
        let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\n";
        let text = format!("GET {url} HTTP/1.1\r\nHost:\r\n{upgrade}\r\n");
        let (mut head, mut written) = (RequestHead::default(), String::new());
        head.parse(text.as_bytes(), &mut Scan::default(), TargetRule::Proxy)?;
        write_url(&mut written, &head, text.as_bytes());
        Ok(Self {
            target: head.target.ok_or(BadRequest::Target)?,
            scheme: head.scheme,
            url: written,
        })
    }
}

/// Writes the URL in normal form, so that no spelling of it evades a filter. It is empty where the request has none.
pub(super) fn write_url(out: &mut String, head: &RequestHead, buffer: &[u8]) {
    rewrite(out, |out| {
        if let (TargetForm::Url { .. }, Some(target)) = (&head.form, &head.target) {
            out.extend_from_slice(match head.scheme {
                Scheme::Ftp => b"ftp://",
                Scheme::Https => b"https://",
                Scheme::Http | Scheme::WebSocket => b"http://",
            });
            write_host(out, target, head.scheme);
            let path = head.path(buffer);
            if path.first() != Some(&b'/') {
                out.push(b'/');
            }
            out.extend_from_slice(path);
        }
    });
}

/// Writes the host of the page that caused the request: of `Origin`, else of `Referer` (RFC 9110 §10.1.3), before
/// either is reduced. Writes nothing where neither names one.
pub(super) fn write_page(out: &mut String, head: &RequestHead, buffer: &[u8]) {
    rewrite(out, |out| {
        for field in &head.fields {
            let is_origin = field.kind == FieldKind::Other
                && field.name.of_buffer(buffer).eq_ignore_ascii_case(b"origin");
            if !is_origin && field.kind != FieldKind::Referer {
                continue;
            }
            if let Some(host) = host_of(field.value.of_buffer(buffer)) {
                out.clear();
                out.extend(host.iter().map(u8::to_ascii_lowercase));
            }
            if is_origin {
                return;
            }
        }
    });
}

/// Writes a text anew into the same memory, and checks once that it is UTF-8: it is ASCII.
fn rewrite(text: &mut String, write: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::mem::take(text).into_bytes();
    bytes.clear();
    write(&mut bytes);
    *text = String::from_utf8(bytes).unwrap_or_default();
}

/// The host name in an http or https URL; `None` for an address or an invalid name.
fn host_of(url: &[u8]) -> Option<&[u8]> {
    let rest = url
        .strip_prefix(b"http://")
        .or_else(|| url.strip_prefix(b"https://"))?;
    let end = rest.iter().position(|byte| b":/?#".contains(byte));
    let host = rest.get(..end.unwrap_or(rest.len()))?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
    let named = host.iter().any(u8::is_ascii_alphabetic);
    (host.len() <= LONGEST_NAME && named && host.iter().all(fits)).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_as_the_target_of_a_request() {
        for (given, target, url) in [
            ("http://a.test", "a.test:80", "http://a.test/"),
            ("HTTP://u:p@A.test:80/x#f", "a.test:80", "http://a.test/x"),
            ("ws://[::1]:81/x?y", "[::1]:81", "http://[::1]:81/x?y"),
            (
                "ftp://me:pw@a.test/é",
                "a.test:21",
                "ftp://a.test:21/%C3%A9",
            ),
        ] {
            let read = RequestedUrl::parse(given).unwrap();
            assert_eq!((read.target.to_string(), &*read.url), (target.into(), url));
        }
        for bad in [
            "https://a.test/",
            "http://a b/",
            "http://a/\r\nX: y",
            "http://u@p@a/",
        ] {
            RequestedUrl::parse(bad).unwrap_err();
        }
    }

    #[test]
    fn the_page_is_known_from_a_referer_with_a_host() {
        for (url, host) in [
            (&b"http://a.test/x?y"[..], Some(&b"a.test"[..])),
            (b"https://a.test", Some(b"a.test")),
            (b"https://a.test:8443/", Some(b"a.test")),
            (b"null", None),
            (b"about:blank", None),
            (b"http://127.0.0.1/", None),
            (b"http://[::1]/", None),
            (b"http://me@a.test/", None),
            (b"http://", None),
            (b"http://a\xff.test/", None),
        ] {
            assert_eq!(host_of(url), host, "{}", url.escape_ascii());
        }
        assert_eq!(host_of(&[b"http://", &[b'a'; 254][..]].concat()), None);
    }
}
