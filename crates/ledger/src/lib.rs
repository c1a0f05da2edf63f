//! Who talks to whom: the live table, the history, totals that last. Written by the data plane without locks shared
//! between connections, read by control.
//!
//! A connection's thread writes its [`Row`] (`live.rs`) and its part of the table (`shard.rs`). Ticks carry what ended
//! into the histories and minutes (`books.rs`, `history.rs`, `minutes.rs`), and one thread writes those to the disk
//! (`writer.rs`, `store.rs`). Readers ask for windows of rows (`query.rs`, `page.rs`, `view.rs`).
//!
//! What reads text or rows from outside (queries, the database) may not index; the others do so by places of their own.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

mod books;
pub mod clock;
pub mod entry;
pub mod fields;
mod history;
mod ledger;
pub mod live;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod matching;
pub mod minutes;
pub mod page;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
pub mod query;
pub mod settings;
mod shard;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod store;
#[cfg_attr(not(test), deny(clippy::indexing_slicing))]
mod stored_row;
pub mod totals;
pub mod view;
mod writer;

pub use entry::{End, Opening, Verdict};
pub use ledger::{Ledger, MOST_RECORDS, Record, UsageError};
pub use live::{Live, Phase, Row};
pub use minutes::UsageRow;
pub use page::{Group, GroupBy, Page, SortKey, Window};
pub use query::{Query, QueryError};
pub use settings::{Retention, Settings};
pub use totals::{Sums, Totals};
pub use view::{RowView, State};
