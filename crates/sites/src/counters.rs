//! What a site counts: requests and responses by status. Each thread writes words of its own; the reader adds them up.

use std::sync::atomic::{AtomicU64, Ordering};

/// Sets of words; more threads than these share some.
const SLOTS: usize = 16;

/// Counters of one site.
#[derive(Debug, Default)]
pub struct SiteCounters {
    slots: [Slot; SLOTS],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot {
    requests: AtomicU64,
    /// Refused before they were sent to a backend.
    refused: AtomicU64,
    retries: AtomicU64,
    /// Of backends: 1xx to 5xx.
    responses: [AtomicU64; 5],
}

/// The sum over all threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SiteFigures {
    pub requests: u64,
    pub refused: u64,
    pub retries: u64,
    /// By the first digit of the status: 1xx to 5xx.
    pub responses: [u64; 5],
}

impl SiteCounters {
    pub fn requested(&self) {
        add(&self.slot().requests);
    }

    pub fn refused(&self) {
        add(&self.slot().refused);
    }

    pub fn retried(&self) {
        add(&self.slot().retries);
    }

    pub fn responded(&self, status: u16) {
        // A client takes an unknown class as 5xx (RFC 9110 section 15).
        let class = usize::from(status / 100).min(5).wrapping_sub(1);
        if let Some(word) = self.slot().responses.get(class) {
            add(word);
        }
    }

    pub fn figures(&self) -> SiteFigures {
        let mut sum = SiteFigures::default();
        for slot in &self.slots {
            sum.requests += slot.requests.load(Ordering::Relaxed);
            sum.refused += slot.refused.load(Ordering::Relaxed);
            sum.retries += slot.retries.load(Ordering::Relaxed);
            for (sum, word) in sum.responses.iter_mut().zip(&slot.responses) {
                *sum += word.load(Ordering::Relaxed);
            }
        }
        sum
    }

    fn slot(&self) -> &Slot {
        let [first, ..] = &self.slots;
        let number = privet_policy::thread_index::current();
        self.slots.get(number % SLOTS).unwrap_or(first)
    }
}

fn add(word: &AtomicU64) {
    word.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_all_threads_are_added_up() {
        let counters = SiteCounters::default();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    counters.requested();
                    counters.responded(204);
                    counters.responded(999);
                    counters.responded(42);
                });
            }
        });
        let figures = counters.figures();
        assert_eq!(
            (figures.requests, figures.responses),
            (20, [0, 20, 0, 0, 20])
        );
    }
}
