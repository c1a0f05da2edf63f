//! Rows that left the live table.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::connection::{CloseReason, Verdict};
use crate::row::ConnectionRow;

/// A row with how it closed.
#[derive(Clone)]
pub(crate) struct ClosedConnection {
    pub row: Arc<ConnectionRow>,
    /// Unix milliseconds.
    pub at: u64,
    pub end: CloseReason,
    /// Differs from the row's own where it was blocked or failed.
    pub verdict: Verdict,
    pub error: Option<Box<str>>,
}

/// Sums over the rows that the recorder could not take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DroppedRows {
    pub rows: u64,
    /// Those of them that the minutes had not counted yet.
    pub connections: u64,
    pub blocked: u64,
    pub up: u64,
    pub down: u64,
}

impl DroppedRows {
    pub fn add(&mut self, ended: &ClosedConnection) {
        let row = &ended.row;
        self.rows += 1;
        self.connections += u64::from(!row.counted.load(Ordering::Relaxed));
        self.blocked += u64::from(ended.verdict == Verdict::Blocked);
        let seen_up = row.sample.up.load(Ordering::Relaxed);
        let seen_down = row.sample.down.load(Ordering::Relaxed);
        self.up += row.up_bytes().saturating_sub(seen_up);
        self.down += row.down_bytes().saturating_sub(seen_down);
    }
}
