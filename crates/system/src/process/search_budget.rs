//! The time that searches for programs may take. Pure: the clock is an argument.

use std::time::{Duration, Instant};

/// A time budget: credit accrues over time and is spent by searches.
pub(super) struct SearchBudget {
    /// Credit accrues at 1/`share` of elapsed time.
    share: u32,
    /// Maximum of credit.
    most_credit: Duration,
    /// When the credit is at its maximum again.
    whole: Instant,
}

impl SearchBudget {
    pub fn new(share: u32, most_credit: Duration, now: Instant) -> Self {
        Self {
            share,
            most_credit,
            whole: now,
        }
    }

    /// How long to rest at `now` before the next search.
    pub fn rest(&self, now: Instant) -> Duration {
        let debt = self.whole.saturating_duration_since(now);
        debt.saturating_sub(self.most_credit * self.share)
    }

    pub fn spend(&mut self, now: Instant, took: Duration) {
        self.whole = self.whole.max(now) + took * self.share;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_searches_run_at_once_and_many_are_limited_to_their_share() {
        let start = Instant::now();
        let credit = Duration::from_millis(100);
        let mut budget = SearchBudget::new(10, credit, start);
        budget.spend(start, credit / 2);
        assert_eq!(budget.rest(start), Duration::ZERO);
        budget.spend(start, credit);
        assert_eq!(budget.rest(start), credit / 2 * 10);
        let later = start + credit * 30;
        assert_eq!(budget.rest(later), Duration::ZERO);
        budget.spend(later, credit);
        assert_eq!(budget.rest(later), Duration::ZERO);
    }
}
