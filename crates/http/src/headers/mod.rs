//! Rewrites heads: which fields are forwarded, and what a header mode removes or replaces. `docs/headers.md`
//! describes it for users.

pub mod connection_auth;
pub mod header_mode;
pub mod request;
pub mod response;
pub mod site;
pub mod via;
mod write;

pub use write::write_ipv4;
pub(crate) use write::{write_field, write_fields, write_host, write_number};
