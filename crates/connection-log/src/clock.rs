//! Time as the books count it: a monotonic clock for what lasts, the wall clock for what is written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Past this difference the wall clock is followed: the machine slept, or somebody set it.
const FOLLOW_MS: u64 = 2_000;

/// A clock; a test moves its own by hand.
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
    /// A clock that stands at the cell's milliseconds, for tests. Its 0 is `wall` (Unix milliseconds).
    pub fn by_hand(wall: u64) -> (Self, Arc<AtomicU64>) {
        let cell = Arc::new(AtomicU64::new(0));
        let clock = Self {
            base: Instant::now(),
            wall: Arc::new(AtomicU64::new(wall)),
            by_hand: Some(cell.clone()),
        };
        (clock, cell)
    }

    /// Milliseconds since the connection log began.
    pub fn now(&self) -> u64 {
        match &self.by_hand {
            Some(cell) => cell.load(Ordering::Relaxed),
            None => self.of(Instant::now()),
        }
    }

    /// The same of a moment; one before the beginning is 0.
    pub fn of(&self, moment: Instant) -> u64 {
        let since = moment.saturating_duration_since(self.base);
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// The moment that stands for milliseconds since the beginning.
    pub fn moment(&self, ms: u64) -> Instant {
        self.base + Duration::from_millis(ms)
    }

    /// Unix milliseconds of a time since the beginning.
    pub fn unix(&self, ms: u64) -> u64 {
        self.wall.load(Ordering::Relaxed).saturating_add(ms)
    }

    /// Follows the wall clock where it left ours: the monotonic clock does not count sleep.
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

/// Unix milliseconds; 0 before 1970.
pub fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
