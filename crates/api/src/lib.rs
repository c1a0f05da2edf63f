//! The control API as its callers see it: request and response types, events, the client, and where the control socket is.
//!
//! `privet-control` serves these types; the window, the tray, the command line and the tests call with them. This crate does
//! not link the engine. Times are milliseconds since 1970 (`_ms`) and positions count from 1 unless a field says otherwise.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod address;
pub mod apps;
pub mod cache;
pub mod catalogue;
pub mod changes;
pub mod client;
pub mod config;
pub mod connections;
pub mod diagnostics;
pub mod escape;
pub mod event_stream;
pub mod events;
pub mod export;
pub mod first_run;
pub mod identity;
pub mod inspect;
pub mod lists;
pub mod login_code;
pub mod paths;
pub mod problem;
pub mod query_language;
pub mod requests;
pub mod rules;
pub mod scan;
pub mod secrets;
pub mod sites;
pub mod status;
pub mod system_proxy;
pub mod transport;
pub mod upstreams;
pub mod usage;
pub mod why;

pub use client::{CLIENT_HEADER, Client, ClientError, ClientKind};
pub use escape::escape;
pub use event_stream::{Event, EventStream};
pub use problem::{Diagnostic, PROBLEM_JSON, Problem, Versions};
pub use transport::{Endpoint, FullResponse, TransportError};

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, for clients: this crate depends on no other one of Privet.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
