//! The range of a wipe.

use std::ops::Range;

use crate::minutes::MINUTE;

/// What a wipe deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WipeRange {
    /// The whole history and all usage.
    All,
    /// Connections that closed at `from` or later and before `to`, and usage of every minute that overlaps this range. Unix
    /// milliseconds.
    Between { from: u64, to: u64 },
}

impl WipeRange {
    /// Whether it covers a connection that closed at this time (Unix milliseconds).
    pub(crate) fn covers(self, closed_at: u64) -> bool {
        match self {
            Self::All => true,
            Self::Between { from, to } => (from..to).contains(&closed_at),
        }
    }

    /// The minutes (Unix time / 60 s) that it overlaps.
    pub(crate) fn minutes(self) -> Range<u64> {
        match self {
            Self::All => 0..u64::MAX,
            Self::Between { from, to } if from < to => from / MINUTE..to.div_ceil(MINUTE),
            Self::Between { .. } => 0..0,
        }
    }
}
