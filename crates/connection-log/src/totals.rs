//! Totals since the start, summed from the shards when asked for.

use crate::connection::Verdict;

/// Bytes in both directions.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ByteCounts {
    pub up: u64,
    pub down: u64,
}

/// Everything since the program started.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// All connections, blocked and failed ones included.
    pub connections: u64,
    /// Open connections.
    pub active: u64,
    pub blocked: u64,
    pub failed: u64,
    pub direct: ByteCounts,
    pub routed: ByteCounts,
    pub cached: ByteCounts,
}

impl ByteCounts {
    pub(crate) fn add(&mut self, other: Self) {
        self.up += other.up;
        self.down += other.down;
    }
}

impl Totals {
    pub(crate) fn of(&mut self, verdict: Verdict) -> &mut ByteCounts {
        match verdict {
            Verdict::Direct => &mut self.direct,
            Verdict::Cached => &mut self.cached,
            // Blocked and failed connections transfer no bytes.
            Verdict::Routed | Verdict::Blocked | Verdict::Failed => &mut self.routed,
        }
    }

    pub(crate) fn count(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Blocked => self.blocked += 1,
            Verdict::Failed => self.failed += 1,
            Verdict::Direct | Verdict::Routed | Verdict::Cached => {}
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.connections += other.connections;
        self.active += other.active;
        self.blocked += other.blocked;
        self.failed += other.failed;
        self.direct.add(other.direct);
        self.routed.add(other.routed);
        self.cached.add(other.cached);
    }
}
