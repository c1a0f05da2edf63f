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

pub mod body;
pub mod browse;
pub mod budget;
pub mod cache;
#[cfg(test)]
mod disk_tests;
mod disk_tier;
pub mod entry;
pub mod fill;
pub mod flight;
pub mod incoming;
pub mod key;
#[cfg(test)]
mod model_tests;
mod part_lookup;
#[cfg(test)]
mod part_tests;
mod parts;
pub mod purge;
pub mod rules;
mod search;
pub mod site;
pub mod stats;
mod store;
#[cfg(test)]
mod testing;
mod uncacheable;

pub use body::{BodyReader, Broken};
pub use cache::{Ask, Cache, CacheSettings, Lookup, Turn};
pub use entry::{Entry, NewEntry};
pub use fill::{FillPermit, FillWriter};
pub use flight::{Waiter, Wake};
pub use incoming::{Gone, Incomplete};
pub use key::{Key, KeySecret};
pub use part_lookup::Completing;
pub use purge::{Change, PurgeId, Selection};
pub use rules::fields::{FieldLines, Fields};
pub use rules::policy::Policy;
pub use rules::request::{Request, Target};
pub use rules::stored::StoredHead;
pub use rules::storing::Response;
pub use rules::time::Timestamp;
pub use rules::verdict::{OnError, Reuse, Why};
pub use stats::{Counts, Stats};
#[doc(hidden)]
pub use store::disk::format::check as check_files;
pub use store::disk::{DiskKey, DiskSettings, DiskStats, Loading, key_secret};
