//! The connection log's clock: monotonic for durations, Unix milliseconds for recorded times.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use privet_config::unix_time::unix_ms;

/// The wall clock is adopted when it differs by more than this: the machine slept, or somebody set it.
const FOLLOW_MS: u64 = 2_000;

/// A clock that tests can move by hand.
#[derive(Debug, Clone)]
pub struct Clock {
    base: Instant,
    /// Unix milliseconds at the base.
    wall: Arc<AtomicU64>,
    by_hand: Option<Arc<AtomicU64>>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            base: Instant::now(),
            wall: Arc::new(AtomicU64::new(unix_ms(SystemTime::now()))),
            by_hand: None,
        }
    }
}

impl Clock {
    /// A clock that reads the returned cell (milliseconds), for tests. `wall` is the Unix time of its 0, in milliseconds.
    pub fn by_hand(wall: u64) -> (Self, Arc<AtomicU64>) {
        let cell = Arc::new(AtomicU64::new(0));
        let clock = Self {
            base: Instant::now(),
            wall: Arc::new(AtomicU64::new(wall)),
            by_hand: Some(cell.clone()),
        };
        (clock, cell)
    }

    /// Milliseconds since the clock was made.
    pub fn now(&self) -> u64 {
        match &self.by_hand {
            Some(cell) => cell.load(Ordering::Relaxed),
            None => self.of(Instant::now()),
        }
    }

    /// Milliseconds from the clock's start to `moment`; 0 for an earlier moment.
    pub fn of(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.base);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    pub fn moment(&self, ms: u64) -> Instant {
        self.base + Duration::from_millis(ms)
    }

    /// Unix milliseconds of a time on this clock.
    pub fn unix(&self, ms: u64) -> u64 {
        self.wall.load(Ordering::Relaxed).saturating_add(ms)
    }

    /// Adopts the wall clock where the two differ: the monotonic clock does not count sleep.
    pub fn follow(&self, wall: SystemTime) {
        if self.by_hand.is_some() {
            return;
        }
        let (wall, ours) = (unix_ms(wall), self.now());
        if wall.abs_diff(self.unix(ours)) > FOLLOW_MS {
            self.wall
                .store(wall.saturating_sub(ours), Ordering::Relaxed);
        }
    }
}
