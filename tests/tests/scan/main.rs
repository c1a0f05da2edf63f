//! Scanning in the built program: by rules, by a real clamd and by a real c-icap, in both directions, beside the cache.

mod api;
mod archives;
mod cache;
mod downloads;
mod false_icap;
mod holding;
mod http2;
mod ranges;
mod rules;
mod scanners;
mod streams;
mod support;
mod uploads;
