//! What the connection log keeps, for how long, and how much.

use std::path::PathBuf;
use std::time::Duration;

/// Default maximum of rows in the closed and in the blocked history, each.
pub const HISTORY_ROWS: usize = 10_000;
/// Default maximum of bytes in the closed and in the blocked history, each.
pub const HISTORY_BYTES: usize = 6 << 20;

/// What is kept of closed connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    /// Nothing, not even usage by domain.
    None,
    /// In memory until the program ends; no file is written.
    Memory,
    /// In memory and on disk for this long.
    Disk(Duration),
}

/// Settings of a connection log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub retention: Retention,
    /// The database's file. Removed where the retention is not [`Retention::Disk`]; `None` touches no file.
    pub file: Option<PathBuf>,
    /// Maximum of rows in memory, for each history.
    pub history_rows: usize,
    /// Maximum of bytes in memory, for each history.
    pub history_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            retention: Retention::Memory,
            file: None,
            history_rows: HISTORY_ROWS,
            history_bytes: HISTORY_BYTES,
        }
    }
}
