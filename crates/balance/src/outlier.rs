//! Outlier ejection of one member by the results of its requests (Envoy's outlier detection): it is not used for a
//! time that doubles with each ejection. Then it is on probation: the first failure ejects it again.

use std::time::{Duration, Instant};

use crate::dice::jittered;
use crate::failure::Failure;

/// The most times that the time doubles.
const MAX_DOUBLINGS: u32 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutlierSettings {
    /// Failures in a row, of any kind, until a member is ejected; 0 counts as 1.
    pub failures: u32,
    /// Connections in a row that could not be opened until a member is ejected; 0 counts as 1.
    pub connect_failures: u32,
    /// The first ejection; the next one doubles it. Up to a quarter is added at random.
    pub first: Duration,
    /// The longest ejection, before the random part. One earlier ejection is forgiven for each such period in use.
    pub longest: Duration,
    /// The share of the members that may be ejected at once, in percent, rounded down: of 3 members 50 % are 1.
    pub max_percent: u8,
}

impl Default for OutlierSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            connect_failures: 2,
            first: Duration::from_secs(5),
            longest: Duration::from_secs(300),
            max_percent: 50,
        }
    }
}

impl OutlierSettings {
    /// How many of so many members may be ejected at once.
    pub fn max_ejected(&self, members: usize) -> usize {
        members * usize::from(self.max_percent.min(100)) / 100
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    InUse {
        since: Instant,
    },
    /// In use again after an ejection, no success yet.
    Probation {
        since: Instant,
    },
    Ejected {
        until: Instant,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Outlier {
    state: State,
    /// In a row.
    failures: u32,
    /// In a row.
    connect_failures: u32,
    /// Ejections that are not forgiven yet.
    ejections: u32,
}

impl Outlier {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            state: State::InUse { since: now },
            failures: 0,
            connect_failures: 0,
            ejections: 0,
        }
    }

    pub(crate) fn ejected_until(&self) -> Option<Instant> {
        match self.state {
            State::Ejected { until } => Some(until),
            State::InUse { .. } | State::Probation { .. } => None,
        }
    }

    pub(crate) fn is_ejected(&self) -> bool {
        self.ejected_until().is_some()
    }

    /// Failures in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether a success would change anything.
    pub(crate) fn awaits_success(&self) -> bool {
        self.failures > 0 || matches!(self.state, State::Probation { .. })
    }

    pub(crate) fn succeeded(&mut self) {
        if self.is_ejected() {
            return;
        }
        self.failures = 0;
        self.connect_failures = 0;
        if let State::Probation { since } = self.state {
            self.state = State::InUse { since };
        }
    }

    /// Returns whether the member should be ejected. While it is ejected, results are of requests that started
    /// earlier, and do not count.
    pub(crate) fn failed(&mut self, failure: Failure, settings: &OutlierSettings) -> bool {
        if self.is_ejected() {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        self.connect_failures = match failure {
            Failure::Connect => self.connect_failures.saturating_add(1),
            Failure::Reset | Failure::Timeout | Failure::ServerError => 0,
        };
        matches!(self.state, State::Probation { .. })
            || self.failures >= settings.failures.max(1)
            || self.connect_failures >= settings.connect_failures.max(1)
    }

    pub(crate) fn eject(&mut self, now: Instant, settings: &OutlierSettings, dice: u64) {
        self.forgive(now, settings);
        let doublings = self.ejections.min(MAX_DOUBLINGS);
        let time = settings
            .first
            .saturating_mul(1 << doublings)
            .min(settings.longest);
        self.ejections = self.ejections.saturating_add(1);
        self.state = State::Ejected {
            until: now + jittered(time, dice),
        };
    }

    fn forgive(&mut self, now: Instant, settings: &OutlierSettings) {
        if let State::InUse { since } = self.state {
            let in_use = now.saturating_duration_since(since).as_millis();
            let periods = in_use / settings.longest.as_millis().max(1);
            self.ejections = self
                .ejections
                .saturating_sub(u32::try_from(periods).unwrap_or(u32::MAX));
        }
    }

    /// Ends the ejection.
    pub(crate) fn restore(&mut self, now: Instant) {
        if self.is_ejected() {
            self.state = State::Probation { since: now };
            self.failures = 0;
            self.connect_failures = 0;
        }
    }
}
