//! Entries on disk: one file for each body with its head, and an index that is read once at the start.
//!
//! A few threads of its own do all that may block; the others hand in jobs through bounded queues. A disk that is full,
//! read-only or gone makes nothing fail: entries are then kept in memory only, and [`DiskStats::problem`] says so.

mod blocks;
pub(crate) mod codec;
pub(crate) mod description;
pub(crate) mod file_part;
pub(crate) mod files;
pub(crate) mod format;
pub(crate) mod load;
pub(crate) mod log;
mod open_files;
pub(crate) mod owner;
pub(crate) mod part_file;
mod part_writer;
mod queue;
mod read_error;
pub(crate) mod read_job;
mod read_slot;
pub(crate) mod reader;
pub(crate) mod seal;
pub(crate) mod secret;
pub(crate) mod spill;
pub(crate) mod spill_target;
pub(crate) mod store;
pub(crate) mod threads;
pub(crate) mod write_job;
mod writer;
