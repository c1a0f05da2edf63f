//! The HTTP cache (RFC 9111). It knows no socket.
//!
//! [`rules`] are pure functions over header fields: what may be stored, what may be reused, how a stored response is
//! validated and updated, which parts of it answer a request. They read no clock: the time is an argument. The table in
//! `crates/cache/README.md` names the test of each section of the standards.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

pub mod key;
pub mod rules;

pub use key::{Key, KeySecret};
pub use rules::fields::{FieldLines, Fields};
pub use rules::policy::Policy;
pub use rules::request::{Request, Target};
pub use rules::stored::StoredHead;
pub use rules::storing::Response;
pub use rules::time::Timestamp;
pub use rules::verdict::{OnError, Reuse, Why};
