//! The connection log: live table, history and stored usage. The data plane writes it without locks shared between
//! connections; the control API reads it.
//!
//! A connection's thread writes its [`ConnectionRow`] (`row.rs`, `live.rs`) in its part of the table (`shard.rs`). Each
//! tick moves closed rows into the history and counts usage by the minute (`recorder.rs`, `history.rs`, `minutes.rs`); one
//! thread writes both to the disk (`writer.rs`, `database.rs`). Readers ask for pages of rows (`query/`, `page.rs`, `view.rs`).
//!
//! Code that reads queries or the database may not index slices.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod cached;
pub mod clock;
mod closed;
pub mod connection;
mod connection_log;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod database;
mod database_files;
pub mod fields;
pub mod group;
mod history;
pub mod inspection_code;
mod live;
pub mod minutes;
pub mod page;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod query;
mod recorder;
pub mod requests;
pub mod row;
pub mod settings;
mod shard;
mod shard_number;
pub mod sort;
mod sql_int;
mod storage;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod stored_connection;
pub mod totals;
pub mod usage;
pub mod view;
mod wipe_range;
mod writer;

pub use cached::CacheSaving;
pub use connection::{CloseReason, NewConnection, Verdict};
pub use connection_log::ConnectionLog;
pub use connection_log::read::{MAX_PAST_CONNECTIONS, PastConnection, UsageError};
pub use group::{Group, GroupBy};
pub use live::LiveConnection;
pub use minutes::CacheGroup;
pub use page::{Page, PageRequest};
pub use query::{Query, QueryError};
pub use requests::{CacheUse, NewRequest, RequestFilter, RequestRow};
pub use row::{ConnectionRow, Phase};
pub use settings::{Retention, Settings};
pub use sort::SortKey;
pub use totals::{ByteCounts, Totals};
pub use usage::{CacheRow, UsageRow};
pub use view::{RowState, RowView};
pub use wipe_range::WipeRange;
