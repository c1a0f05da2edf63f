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

/// Fields that name another host, scheme, port or path than the request's, beside `Forwarded`. In lower case.
pub const KEYED_FIELDS: [&str; 17] = [
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
];
