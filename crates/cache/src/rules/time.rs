//! Points in time as whole seconds, which is all that header fields can say.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z. Callers read the clock; nothing in the rules does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Earlier than any time that a field can name.
    pub const DISTANT_PAST: Timestamp = Timestamp(i64::MIN);

    /// Whole seconds from `earlier` to `self`; negative where `self` is the earlier one.
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time `seconds` later (or earlier where they are negative).
    pub fn plus(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Timestamp(seconds(after)),
            Err(before) => Timestamp(-seconds(before.duration())),
        }
    }
}
