//! Closed connections in memory: a queue bounded by count and by bytes.

use std::collections::VecDeque;
use std::mem::size_of;

use privet_policy::Host;

use crate::closed::ClosedConnection;
use crate::row::ConnectionRow;

/// Bytes of a row beside its own size: reference counts and the allocator's overhead.
const ROW_OVERHEAD: usize = 40;
/// A `CompactString` up to this length has no heap allocation.
const INLINE_NAME: usize = 24;

/// The newest closed connections.
pub(crate) struct History {
    rows: VecDeque<ClosedConnection>,
    bytes: usize,
    most_rows: usize,
    most_bytes: usize,
}

impl History {
    pub fn new(most_rows: usize, most_bytes: usize) -> Self {
        Self {
            rows: VecDeque::new(),
            bytes: 0,
            most_rows,
            most_bytes,
        }
    }

    /// Adds a row and drops the oldest until both bounds hold.
    pub fn push(&mut self, ended: ClosedConnection) {
        self.bytes += cost(&ended);
        self.rows.push_back(ended);
        self.shrink();
    }

    /// Applies new bounds and drops the oldest rows past them.
    pub fn resize(&mut self, most_rows: usize, most_bytes: usize) {
        self.most_rows = most_rows;
        self.most_bytes = most_bytes;
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.rows.len() > self.most_rows || self.bytes > self.most_bytes {
            let Some(oldest) = self.rows.pop_front() else {
                break;
            };
            self.bytes -= cost(&oldest);
        }
    }

    pub fn newest_first(&self) -> impl Iterator<Item = &ClosedConnection> {
        self.rows.iter().rev()
    }

    pub fn oldest_first(&self) -> impl Iterator<Item = &ClosedConnection> {
        self.rows.iter()
    }

    /// Keeps the rows for which `test` holds.
    pub fn retain(&mut self, test: impl Fn(&ClosedConnection) -> bool) {
        self.rows.retain(test);
        self.rows.shrink_to_fit();
        self.bytes = self.rows.iter().map(cost).sum();
    }
}

fn cost(ended: &ClosedConnection) -> usize {
    let name = match &ended.row.target().host {
        Host::Name(name) if name.len() > INLINE_NAME => name.len(),
        _ => 0,
    };
    let error = ended.error.as_ref().map_or(0, |error| error.len());
    size_of::<ClosedConnection>() + size_of::<ConnectionRow>() + ROW_OVERHEAD + name + error
}
