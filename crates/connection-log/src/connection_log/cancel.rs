//! Asks live connections to close.

use super::ConnectionLog;
use crate::connection::CloseReason;
use crate::query::Query;
use crate::row::ConnectionRow;
use crate::view::RowRef;

impl ConnectionLog {
    /// Asks one connection to close. `false` where it is not open.
    pub fn cancel(&self, id: u64, why: CloseReason) -> bool {
        let row = self.0.shards.iter().find_map(|shard| shard.find(id));
        row.map(|row| row.cancel(why)).is_some()
    }

    /// Asks the connections to close for which `test` holds. Returns how many.
    pub fn cancel_where(&self, test: impl Fn(&ConnectionRow) -> bool, why: CloseReason) -> usize {
        let mut rows = self.live_rows();
        rows.retain(|row| test(row));
        for row in &rows {
            row.cancel(why);
        }
        rows.len()
    }

    /// Asks the connections to close that match a query. Returns how many.
    pub fn cancel_matching(&self, query: &Query, why: CloseReason) -> usize {
        let now = self.unix_now();
        self.cancel_where(
            |row| {
                query.matches(&RowRef {
                    row,
                    ended: None,
                    now,
                })
            },
            why,
        )
    }

    /// Asks every connection to close. Returns how many.
    pub fn cancel_all(&self, why: CloseReason) -> usize {
        self.cancel_where(|_| true, why)
    }
}
