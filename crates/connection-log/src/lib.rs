//! Who talks to whom: the live table, the history, totals that last. Written by the data plane without locks shared
//! between connections, read by control.
//!
//! A connection's thread writes its [`ConnectionRow`] (`live.rs`) and its part of the table (`shard.rs`). Ticks carry what ended
//! into the histories and minutes (`books.rs`, `history.rs`, `minutes.rs`), and one thread writes those to the disk
//! (`writer.rs`, `store.rs`). Readers ask for windows of rows (`query.rs`, `page.rs`, `view.rs`).
//!
//! What reads text or rows from outside (queries, the database) may not index; the others do so by places of their own.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod clock;
pub mod connection;
mod connection_log;
pub mod fields;
mod history;
pub mod live;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod matching;
pub mod minutes;
pub mod page;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod query;
mod recorder;
pub mod settings;
mod shard;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod store;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod stored_row;
pub mod totals;
pub mod view;
mod writer;

pub use connection::{CloseReason, NewConnection, Verdict};
pub use connection_log::{ConnectionLog, MAX_PAST_CONNECTIONS, PastConnection, UsageError};
pub use live::{ConnectionRow, LiveConnection, Phase};
pub use minutes::UsageRow;
pub use page::{Group, GroupBy, Page, PageRequest, SortKey};
pub use query::{Query, QueryError};
pub use settings::{Retention, Settings};
pub use totals::{ByteCounts, Totals};
pub use view::{RowState, RowView};
