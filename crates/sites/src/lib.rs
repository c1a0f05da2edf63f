//! Sites: which site, route and backend a request belongs to, who may send it, and what its head looks like on the way to
//! a backend and back. Moving the messages is the HTTP crate's.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod access;
pub mod error_page;
pub mod forwarded;
pub mod host_table;
pub mod path;
pub mod rate_limit;
pub mod response_fields;
pub mod route_table;
