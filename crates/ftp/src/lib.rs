//! A read-only FTP client (RFC 959, RFC 2428, RFC 3659) on streams that the caller opens: it opens no socket itself.
//!
//! [`reply`], [`passive`], [`path`] and [`listing`] are parsers without I/O; [`Control`] is the control connection.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod control;
pub mod listing;
pub mod passive;
pub mod path;
pub mod reply;

pub use control::{Control, FtpError, Login, Refused, Transfer};
pub use path::{RemotePath, without_type};
pub use reply::Reply;
