//! What the rules need of a request, read in one pass over its fields.

use super::directives::RequestDirectives;
use super::fields::Fields;
use super::keyed;

/// Where a request goes: scheme and host in lower case, path and query as sent to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'f> {
    pub scheme: &'f str,
    /// Without port; IPv6 addresses in brackets.
    pub host: &'f str,
    pub port: u16,
    pub path_and_query: &'f [u8],
}

impl Target<'_> {
    /// Its URL, without the port where that is the scheme's own. Bytes that are not UTF-8 are replaced.
    pub fn url(&self) -> String {
        let path = String::from_utf8_lossy(self.path_and_query);
        match (self.scheme, self.port) {
            ("http", 80) | ("https", 443) => format!("{}://{}{path}", self.scheme, self.host),
            (scheme, port) => format!("{scheme}://{}:{port}{path}", self.host),
        }
    }
}

/// A request that the cache is asked for.
#[derive(Clone, Copy)]
pub struct Request<'f> {
    /// As sent: methods are case-sensitive.
    pub method: &'f [u8],
    pub target: Target<'f>,
    /// As the client sent them: conditions, ranges and directives are the client's.
    pub fields: &'f dyn Fields,
    /// As they are sent to the origin, which is what `Vary` names.
    pub sent: &'f dyn Fields,
    /// A body is not part of the key, so a GET with one is never answered from the store.
    pub has_body: bool,
    pub directives: RequestDirectives,
    pub(crate) present: Present,
}

/// Which fields a request has that the rules look at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Present {
    pub authorization: bool,
    pub range: bool,
    pub if_range: bool,
    pub if_none_match: bool,
    pub if_modified_since: bool,
    /// `If-Match` or `If-Unmodified-Since`, which only the origin may judge.
    pub origin_condition: bool,
    /// A field that asks the origin for another method.
    pub method_override: bool,
    /// A field that may change the response and is part of the key, see [`crate::key`].
    pub keyed_input: bool,
}

impl<'f> Request<'f> {
    /// Reads `fields` once.
    pub fn new(method: &'f [u8], target: Target<'f>, fields: &'f dyn Fields) -> Request<'f> {
        let mut directives = RequestDirectives::default();
        let mut present = Present::default();
        let (mut cache_control, mut pragma) = (false, false);
        fields.for_each(&mut |name, value| match Known::of(name) {
            Some(Known::CacheControl) => {
                cache_control = true;
                directives.add_line(value);
            }
            Some(Known::Pragma) => pragma |= no_cache(value),
            Some(Known::Authorization) => present.authorization = true,
            Some(Known::Range) => present.range = true,
            Some(Known::IfRange) => present.if_range = true,
            Some(Known::IfNoneMatch) => present.if_none_match = true,
            Some(Known::IfModifiedSince) => present.if_modified_since = true,
            Some(Known::OriginCondition) => present.origin_condition = true,
            Some(Known::MethodOverride) => present.method_override = true,
            Some(Known::KeyedInput) => present.keyed_input = true,
            None => {}
        });
        // RFC 9111, 5.4: Pragma counts where there is no Cache-Control.
        directives.no_cache |= pragma && !cache_control;
        Request {
            method,
            target,
            fields,
            sent: fields,
            has_body: false,
            directives,
            present,
        }
    }

    /// With the fields as they are sent to the origin, where they differ from the client's.
    pub fn with_sent(self, sent: &'f dyn Fields) -> Request<'f> {
        Request { sent, ..self }
    }

    /// With or without a body.
    pub fn with_body(self, has_body: bool) -> Request<'f> {
        Request { has_body, ..self }
    }

    pub fn is_get(&self) -> bool {
        self.method == b"GET"
    }

    pub fn is_head(&self) -> bool {
        self.method == b"HEAD"
    }

    /// Whether it asks for a part (`Range` applies to GET only).
    pub fn asks_for_range(&self) -> bool {
        self.present.range && self.is_get()
    }

    /// Whether it has conditions that a cache answers itself.
    pub fn is_conditional(&self) -> bool {
        self.present.if_none_match || self.present.if_modified_since
    }

    /// Whether it has credentials of its own.
    pub fn has_credentials(&self) -> bool {
        self.present.authorization
    }
}

fn no_cache(value: &[u8]) -> bool {
    let mut found = false;
    super::directives::for_each_element(value, |element| {
        found |= element.eq_ignore_ascii_case(b"no-cache");
    });
    found
}

/// Fields that change what the rules say about a request.
enum Known {
    CacheControl,
    Pragma,
    Authorization,
    Range,
    IfRange,
    IfNoneMatch,
    IfModifiedSince,
    OriginCondition,
    MethodOverride,
    KeyedInput,
}

impl Known {
    fn of(name: &[u8]) -> Option<Known> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match name.first()?.to_ascii_lowercase() {
            b'a' if is("authorization") => Some(Known::Authorization),
            b'c' if is("cache-control") => Some(Known::CacheControl),
            b'p' if is("pragma") => Some(Known::Pragma),
            b'r' if is("range") => Some(Known::Range),
            b'i' if is("if-none-match") => Some(Known::IfNoneMatch),
            b'i' if is("if-modified-since") => Some(Known::IfModifiedSince),
            b'i' if is("if-range") => Some(Known::IfRange),
            b'i' if is("if-match") || is("if-unmodified-since") => Some(Known::OriginCondition),
            b'x' if keyed::is_method_override(name) => Some(Known::MethodOverride),
            b'x' | b'f' if keyed::is_keyed(name) => Some(Known::KeyedInput),
            _ => None,
        }
    }
}
