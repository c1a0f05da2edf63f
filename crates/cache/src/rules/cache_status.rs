//! `Cache-Status` (RFC 9211): what the cache did with a request.

use super::fields::write_number;
use super::verdict::CacheReason;

/// The name of this cache in the field.
pub const NAME: &str = "privet";

/// Why a request went to the origin (RFC 9211, 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// The cache is off for it.
    Bypass,
    Method,
    UriMiss,
    VaryMiss,
    /// Nothing usable is stored.
    Miss,
    /// Directives or fields of the request want it.
    Request,
    Stale,
    /// Only a part of what is asked for is stored.
    Partial,
}

impl Forward {
    /// The reason for a stored response that was not used as it is, or a request that passes by.
    pub fn from_why(why: CacheReason) -> Forward {
        match why {
            CacheReason::Method => Forward::Method,
            CacheReason::RequestNoStore
            | CacheReason::RequestNoCache
            | CacheReason::RequestMaxAge
            | CacheReason::RequestMinFresh
            | CacheReason::MethodOverride
            | CacheReason::RequestBody
            | CacheReason::OriginCondition
            | CacheReason::UnknownPage => Forward::Request,
            CacheReason::NotStored => Forward::UriMiss,
            CacheReason::VaryMismatch => Forward::VaryMiss,
            CacheReason::RangeNotStored => Forward::Partial,
            CacheReason::Expired
            | CacheReason::HeuristicExpired
            | CacheReason::NoCache
            | CacheReason::MustRevalidate
            | CacheReason::Invalidated
            | CacheReason::NoLifetime => Forward::Stale,
            _ => Forward::Miss,
        }
    }

    fn token(self) -> &'static str {
        match self {
            Forward::Bypass => "bypass",
            Forward::Method => "method",
            Forward::UriMiss => "uri-miss",
            Forward::VaryMiss => "vary-miss",
            Forward::Miss => "miss",
            Forward::Request => "request",
            Forward::Stale => "stale",
            Forward::Partial => "partial",
        }
    }
}

/// One member of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStatus<'a> {
    /// The answer came from the store without asking the origin.
    pub hit: bool,
    pub forward: Option<Forward>,
    /// The origin's status, where it differs from what was sent.
    pub forward_status: Option<u16>,
    /// Seconds for which the answer stays fresh; negative where it is stale.
    pub ttl: Option<i64>,
    pub stored: bool,
    /// The request waited for another one's fetch.
    pub collapsed: bool,
    pub detail: Option<&'a str>,
}

impl CacheStatus<'_> {
    /// Appends the field line. It comes after those of caches nearer to the origin.
    pub fn write_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Cache-Status: ");
        out.extend_from_slice(NAME.as_bytes());
        if self.hit {
            out.extend_from_slice(b"; hit");
        } else if let Some(forward) = self.forward {
            out.extend_from_slice(b"; fwd=");
            out.extend_from_slice(forward.token().as_bytes());
            if let Some(status) = self.forward_status {
                out.extend_from_slice(b"; fwd-status=");
                write_number(out, u64::from(status));
            }
            if self.stored {
                out.extend_from_slice(b"; stored");
            }
            if self.collapsed {
                out.extend_from_slice(b"; collapsed");
            }
        }
        if let Some(ttl) = self.ttl {
            out.extend_from_slice(if ttl < 0 { b"; ttl=-" } else { b"; ttl=" });
            write_number(out, ttl.unsigned_abs());
        }
        if let Some(detail) = self.detail {
            out.extend_from_slice(b"; detail=");
            write_string(out, detail);
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// A string of a structured field; what it cannot contain is left out.
fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes().filter(|byte| matches!(byte, b' '..=b'~')) {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}
