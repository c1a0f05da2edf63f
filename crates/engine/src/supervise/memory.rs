//! When memory that a burst of connections used goes back to the system.

use std::time::{Duration, Instant};

/// The allocator's locks are held while memory is given back: not more often than this.
const INTERVAL: Duration = Duration::from_secs(20);
/// Fewer connections leave little behind.
const BURST: usize = 128;

/// Pure; the clock is an argument.
pub(crate) struct MemorySchedule {
    released: Instant,
    /// The most open connections since then.
    peak: usize,
    /// Something happened since then.
    was_used: bool,
}

impl MemorySchedule {
    /// Starting a program uses memory too.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            released: now,
            peak: 0,
            was_used: true,
        }
    }

    /// Something happened that uses memory: a connection, a command, a change of the configuration.
    pub(crate) fn used(&mut self) {
        self.was_used = true;
    }

    /// Whether memory is to be given back now: the engine `rests` after something happened, or at most half of a burst of
    /// connections is `open`.
    pub(crate) fn is_due(&mut self, now: Instant, open: usize, rests: bool) -> bool {
        self.peak = self.peak.max(open);
        let is_over = match open {
            0 => rests && self.was_used,
            _ => self.peak >= BURST && open <= self.peak / 2,
        };
        if !is_over || now.duration_since(self.released) < INTERVAL {
            return false;
        }
        self.released = now;
        self.peak = open;
        self.was_used = open > 0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_after_the_last_connection_and_after_the_end_of_a_burst() {
        let start = Instant::now();
        let at = |n: u32| start + INTERVAL * n;
        let mut schedule = MemorySchedule::new(start);
        assert!(!schedule.is_due(start, 0, true));
        assert!(!schedule.is_due(at(1), 0, false), "it does not rest yet");
        assert!(schedule.is_due(at(1), 0, true));
        assert!(!schedule.is_due(at(2), 0, true), "nothing happened since");
        schedule.used();
        assert!(!schedule.is_due(at(3), 1, false), "a connection is open");
        assert!(!schedule.is_due(at(4), BURST, false));
        assert!(!schedule.is_due(at(5), BURST / 2 + 1, false));
        assert!(schedule.is_due(at(6), BURST / 2, false));
        assert!(
            !schedule.is_due(at(7), BURST / 2, false),
            "the burst is over"
        );
        assert!(schedule.is_due(at(8), 0, true));
        schedule.used();
        assert!(!schedule.is_due(at(8) + INTERVAL / 2, 0, true), "too soon");
        assert!(schedule.is_due(at(9), 0, true));
    }
}
