//! How many requests may be sent a second time, so that retries never multiply the load on members that are failing
//! already.

use std::time::{Duration, Instant};

const SLOTS: usize = 10;
const SLOT: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrySettings {
    /// Retries for 100 requests.
    pub percent: u32,
    /// Retries a second that are always allowed, so that a quiet site has some.
    pub floor_per_second: u32,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            percent: 20,
            floor_per_second: 3,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    requests: u64,
    retries: u64,
}

/// A token bucket whose tokens expire, as Finagle's: a retry is granted only if, counting it, the last ten seconds
/// have no more retries than `percent` of their requests plus ten times `floor_per_second`. The last ten seconds are
/// the current one and the nine before it, by the whole seconds of a clock that starts with the budget.
///
/// It is a plain value. With one for each thread, divide the floor by the number of threads.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    settings: RetrySettings,
    epoch: Instant,
    /// The second of the clock that is counted now.
    second: u64,
    slots: [Counts; SLOTS],
    total: Counts,
}

impl RetryBudget {
    /// The time that the budget looks back.
    pub const WINDOW: Duration = Duration::from_secs(SLOTS as u64 * SLOT.as_secs());

    pub fn new(settings: RetrySettings, now: Instant) -> Self {
        Self {
            settings,
            epoch: now,
            second: 0,
            slots: [Counts::default(); SLOTS],
            total: Counts::default(),
        }
    }

    /// A request came in. A retry is not reported here.
    pub fn requested(&mut self, now: Instant) {
        self.advance(now);
        self.total.requests += 1;
        if let Some(slot) = self.slot(self.second) {
            slot.requests += 1;
        }
    }

    /// Whether a request may be sent once more; if so, the retry is counted.
    pub fn try_retry(&mut self, now: Instant) -> bool {
        self.advance(now);
        let floor = u64::from(self.settings.floor_per_second) * SLOTS as u64;
        let earned = u64::from(self.settings.percent) * self.total.requests;
        if 100 * (self.total.retries + 1) > earned + 100 * floor {
            return false;
        }
        self.total.retries += 1;
        if let Some(slot) = self.slot(self.second) {
            slot.retries += 1;
        }
        true
    }

    fn slot(&mut self, second: u64) -> Option<&mut Counts> {
        self.slots.get_mut((second % SLOTS as u64) as usize)
    }

    /// Forgets the seconds that are too old. A clock that goes back counts as standing still.
    fn advance(&mut self, now: Instant) {
        let second = now.saturating_duration_since(self.epoch).as_secs() / SLOT.as_secs();
        if second <= self.second {
            return;
        }
        let passed = (second - self.second).min(SLOTS as u64);
        for ahead in 1..=passed {
            let expired = self.slot(self.second + ahead).map(std::mem::take);
            let expired = expired.unwrap_or_default();
            self.total.requests -= expired.requests;
            self.total.retries -= expired.retries;
        }
        self.second = second;
    }
}
