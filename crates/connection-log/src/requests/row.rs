//! What is kept of a request, cut to its bounds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use compact_str::CompactString;

/// The longest URL that is kept, in bytes.
pub(super) const MAX_URL: usize = 2048;
/// The longest method and media type.
pub(super) const MAX_WORD: usize = 64;
/// The longest error.
pub(super) const MAX_ERROR: usize = 512;

/// What the cache did for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CacheUse {
    /// hit, stale, revalidated, miss or bypass.
    pub word: &'static str,
    /// Why it was not used.
    pub why: Option<&'static str>,
}

/// The version of HTTP that the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    Http10,
    Http11,
    Http2,
}

impl HttpVersion {
    pub fn name(self) -> &'static str {
        match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// How long opening a connection for a request took. `None`: the phase did not happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DialPhases {
    pub dns: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
}

/// A request that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// Unique in this run; grows with time within one connection.
    pub id: u64,
    /// The row of its connection.
    pub connection: u64,
    /// Unix milliseconds.
    pub started: u64,
    pub client: SocketAddr,
    pub user: Option<Arc<str>>,
    pub route: Arc<str>,
    pub method: CompactString,
    /// In normal form, cut at 2 KiB.
    pub url: String,
    pub version: HttpVersion,
    /// The destination's address, where it is known.
    pub remote: Option<IpAddr>,
    /// `None`: no response began.
    pub status: Option<u16>,
    /// `Content-Type` without its parameters.
    pub media_type: Option<CompactString>,
    /// Bytes of the request and its response, heads included.
    pub up: u64,
    pub down: u64,
    /// Of these, bytes of heads.
    pub up_head: u64,
    pub down_head: u64,
    /// `None`: the request went on a connection that was open.
    pub dial: Option<DialPhases>,
    /// From the request's head to the response's, with the time to open a connection.
    pub first_byte: Option<Duration>,
    pub total: Duration,
    /// `None`: there is no cache for it.
    pub cache: Option<CacheUse>,
    /// What the scan found. `None`: nothing was scanned.
    pub scan: Option<Box<RequestScan>>,
    pub error: Option<Box<str>>,
}

/// What a scan said of a request's bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestScan {
    /// `clean`, `bad`, `error`, `oversize`, or what was `passed` without a verdict.
    pub verdict: &'static str,
    /// What found something.
    pub engine: Option<&'static str>,
    pub rule: Option<Arc<str>>,
    /// Of the body that was stopped, in hexadecimal.
    pub sha256: Option<Arc<str>>,
    /// Why there is no verdict.
    pub why: Option<Arc<str>>,
    /// How long the verdict took.
    pub took: Duration,
}

impl RequestScan {
    /// Bytes of its texts.
    pub(super) fn text_len(&self) -> usize {
        let texts = [&self.rule, &self.sha256, &self.why].into_iter().flatten();
        texts.map(|text| text.len()).sum()
    }
}

impl RequestRow {
    /// The URL without its query, with "?…" in its place.
    pub fn redacted_url(&self) -> std::borrow::Cow<'_, str> {
        match self.url.split_once('?') {
            Some((path, query)) if !query.is_empty() => format!("{path}?…").into(),
            _ => self.url.as_str().into(),
        }
    }

    /// When it ended, in Unix milliseconds.
    pub(crate) fn ended(&self) -> u64 {
        let total = u64::try_from(self.total.as_millis()).unwrap_or(u64::MAX);
        self.started.saturating_add(total)
    }

    /// The host of the URL, without its port.
    pub fn host(&self) -> &str {
        let rest = self
            .url
            .split_once("://")
            .map_or(&*self.url, |(_, rest)| rest);
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        }
    }
}

/// What is recorded of a request.
#[derive(Debug, Clone, Copy)]
pub struct NewRequest<'a> {
    pub method: &'a [u8],
    pub url: &'a str,
    pub version: HttpVersion,
    pub status: Option<u16>,
    /// The value of `Content-Type`.
    pub media_type: Option<&'a [u8]>,
    pub up: u64,
    pub down: u64,
    pub up_head: u64,
    pub down_head: u64,
    pub dial: Option<DialPhases>,
    pub first_byte: Option<Duration>,
    pub total: Duration,
    /// `None`: there is no cache for it.
    pub cache: Option<CacheUse>,
    pub scan: Option<&'a RequestScan>,
    pub error: Option<&'a str>,
}

/// The part of a text that is kept.
pub(super) fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A short text, cut.
pub(super) fn word(bytes: &[u8]) -> CompactString {
    match std::str::from_utf8(bytes) {
        Ok(text) => cut(text, MAX_WORD).into(),
        Err(_) => cut(&String::from_utf8_lossy(bytes), MAX_WORD).into(),
    }
}

/// `Content-Type` without its parameters, in lower case.
pub(super) fn media_type(value: &[u8]) -> CompactString {
    let end = value.iter().position(|&byte| byte == b';');
    let plain = value.get(..end.unwrap_or(value.len())).unwrap_or_default();
    let mut kept = word(plain.trim_ascii());
    kept.make_ascii_lowercase();
    kept
}
