//! Fields of requests that change what a response is, beside those that `Vary` names: part of the key, or reasons to store
//! nothing.

/// Longer paths with their queries are not stored.
pub const MAX_PATH: usize = 8192;

/// Fields that ask a server for another method than the request's. In lower case.
pub const METHOD_OVERRIDES: [&str; 4] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-original-method",
];

/// Beginnings of names of fields that name another host, scheme, port or path than the request's. In lower case.
pub const KEYED_PREFIXES: [&str; 3] = ["x-forwarded-", "x-original-", "x-rewrite-"];

/// They name who asks, not what is asked for: each client has others.
const NOT_KEYED: [&str; 2] = ["x-forwarded-for", "x-original-forwarded-for"];

/// Such fields by their whole names, beside `Forwarded`; some that [`KEYED_PREFIXES`] covers are named for tests. In lower case.
pub const KEYED_FIELDS: [&str; 20] = [
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-protocol",
    "x-forwarded-port",
    "x-forwarded-server",
    "x-forwarded-prefix",
    "x-forwarded-path",
    "x-forwarded-ssl",
    "x-url-scheme",
    "x-scheme",
    "x-host",
    "x-original-host",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-http-host-override",
    "x-http-destinationurl",
    "x-backend-host",
    "x-proxy-host",
];

/// Whether two names are one to a server: without regard to case, and `_` is `-` to those that hand fields to programs as
/// variables (CGI, WSGI). `known` is in lower case.
fn is_same(name: &[u8], known: &str) -> bool {
    name.len() == known.len() && begins_with(name, known)
}

fn begins_with(name: &[u8], known: &str) -> bool {
    let mut both = name.iter().zip(known.as_bytes());
    name.len() >= known.len()
        && both.all(|(byte, known)| {
            byte.eq_ignore_ascii_case(known) || (*byte == b'_' && *known == b'-')
        })
}

/// Whether a field asks a server for another method than the request's.
pub(crate) fn is_method_override(name: &[u8]) -> bool {
    METHOD_OVERRIDES.iter().any(|known| is_same(name, known))
}

/// Whether a field is part of the key.
pub(crate) fn is_keyed(name: &[u8]) -> bool {
    let is_named = || {
        let mut prefixes = KEYED_PREFIXES.iter();
        prefixes.any(|known| begins_with(name, known))
            && !NOT_KEYED.iter().any(|known| is_same(name, known))
    };
    match name.first() {
        Some(b'x' | b'X') => is_named() || KEYED_FIELDS.iter().any(|known| is_same(name, known)),
        Some(b'f' | b'F') => name.eq_ignore_ascii_case(b"forwarded"),
        _ => false,
    }
}
