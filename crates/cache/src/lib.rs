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
mod body_reader;
pub mod browse;
pub mod budget;
pub mod cache;
mod disk_owner;
#[cfg(test)]
mod disk_tests;
mod disk_tier;
pub mod entry;
pub mod fill;
mod fill_writer;
mod in_flight;
pub mod incoming;
mod incoming_reader;
mod incoming_state;
pub mod key;
mod lookup;
#[cfg(test)]
mod model_tests;
mod new_entry;
mod part_lookup;
#[cfg(test)]
mod part_tests;
mod partial_hit;
mod parts;
pub mod purge;
mod purge_id;
mod recent_changes;
pub mod rules;
mod search;
mod search_rules;
pub mod shared;
pub mod site;
pub mod stats;
mod store;
#[cfg(test)]
mod testing;
mod uncacheable;
mod waiter;

pub use body::BodyReadError;
pub use body_reader::BodyReader;
pub use budget::{Pool, Pools};
pub use cache::{Cache, CacheSettings};
pub use entry::Entry;
pub use fill::FillPermit;
pub use fill_writer::FillWriter;
pub use incoming::{Gone, Incomplete};
pub use key::{Key, KeySecret};
pub use lookup::{Loading, Lookup, LookupAttempt, LookupRequest};
pub use new_entry::NewEntry;
pub use partial_hit::PartialHit;
pub use purge::{EntryChange, EntrySelector};
pub use purge_id::PurgeId;
pub use rules::fields::{FieldLines, Fields, FoundFields};
pub use rules::policy::Policy;
pub use rules::request::{Request, Target};
pub use rules::stored::StoredHead;
pub use rules::storing::Response;
pub use rules::time::Timestamp;
pub use rules::verdict::{CacheReason, OnError, Reuse};
pub use stats::{Counts, Stats};
pub use store::disk::file_part::FilePart;
#[doc(hidden)]
pub use store::disk::format::check as check_files;
pub use store::disk::seal::DiskKey;
pub use store::disk::secret::key_secret;
pub use store::disk::store::{DiskSettings, DiskStats};
pub use waiter::{Waiter, Wake};
