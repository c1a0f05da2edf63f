//! Scanning in the built program: by rules, by a real clamd and by a real c-icap, in both directions, beside the cache.

mod api;
mod cache;
mod downloads;
mod false_icap;
mod http2;
mod scanners;
mod support;
mod uploads;
