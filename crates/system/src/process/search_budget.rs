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

    /// From when on half of the credit is there.
    pub fn half_from(&self) -> Instant {
        let half = self.most_credit * self.share / 2;
        self.whole.checked_sub(half).unwrap_or(self.whole)
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

    #[test]
    fn half_of_the_credit_is_there_before_it_is_spent_and_half_its_time_after() {
        let start = Instant::now();
        let credit = Duration::from_millis(100);
        let mut budget = SearchBudget::new(10, credit, start);
        budget.spend(start, credit / 2);
        assert_eq!(budget.half_from(), start);
        budget.spend(start, credit / 2);
        assert_eq!(budget.half_from(), start + credit / 2 * 10);
    }
}
