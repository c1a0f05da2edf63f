//! How often a rule decided, and when last. Each thread counts in its own slot; reading sums the slots.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use privet_config::unix_time::unix_ms;

use crate::thread_index;

/// Slots of one counter. More threads than slots share them, which costs speed only.
const SLOTS: usize = 16;

/// What one rule decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleHits {
    /// Connections, and requests over kept-alive connections, that it decided.
    pub hits: u64,
    /// The last one, in milliseconds since 1970; 0: none.
    pub last_ms: u64,
    /// Start of counting, in milliseconds since 1970; 0: not started.
    pub since_ms: u64,
}

/// The counter of one rule. A slot is allocated when its thread first counts, since most rules match seldom.
#[derive(Debug, Default)]
pub struct RuleHitCounter {
    /// What was counted before this program started.
    before: RuleHits,
    begun_ms: AtomicU64,
    slots: [OnceLock<Box<Slot>>; SLOTS],
}

/// Aligned so that two threads share no cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot {
    hits: AtomicU64,
    last_ms: AtomicU64,
}

impl RuleHitCounter {
    /// Continues from the figures of an earlier run.
    pub fn from_count(before: RuleHits) -> Self {
        Self {
            before,
            begun_ms: AtomicU64::new(before.since_ms),
            ..Self::default()
        }
    }

    /// Starts counting at `now_ms` (milliseconds since 1970), unless it was started before.
    pub fn begin(&self, now_ms: u64) {
        let _ = self
            .begun_ms
            .compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Counts one more decision.
    pub fn count(&self, at: SystemTime) {
        let at_ms = unix_ms(at);
        if let Some(slot) = self.slots.get(thread_index::current() % SLOTS) {
            let slot = slot.get_or_init(Box::default);
            slot.hits.fetch_add(1, Ordering::Relaxed);
            slot.last_ms.fetch_max(at_ms, Ordering::Relaxed);
        }
    }

    /// The sum of all threads.
    pub fn read(&self) -> RuleHits {
        let slots = self.slots.iter().filter_map(OnceLock::get);
        let before = RuleHits {
            since_ms: self.begun_ms.load(Ordering::Relaxed),
            ..self.before
        };
        slots.fold(before, |sum, slot| RuleHits {
            hits: sum.hits + slot.hits.load(Ordering::Relaxed),
            last_ms: sum.last_ms.max(slot.last_ms.load(Ordering::Relaxed)),
            ..sum
        })
    }
}

/// The counters of current and former rules, by the rule's id.
#[derive(Debug, Clone, Default)]
pub struct RuleHitCounters(HashMap<String, Arc<RuleHitCounter>>);

impl RuleHitCounters {
    /// The rule's counter, or a new one that is not stored here.
    pub(crate) fn get_or_new(&self, id: &str) -> Arc<RuleHitCounter> {
        self.0.get(id).cloned().unwrap_or_default()
    }

    /// Stores a counter under its rule's id, unless there is one.
    pub fn insert_if_absent(&mut self, id: &str, counter: &Arc<RuleHitCounter>) {
        if !self.0.contains_key(id) {
            self.0.insert(id.to_owned(), counter.clone());
        }
    }

    pub fn get(&self, id: &str) -> Option<&Arc<RuleHitCounter>> {
        self.0.get(id)
    }

    pub fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn many_threads_lose_no_count() {
        let hit_counter = Arc::new(RuleHitCounter::from_count(RuleHits {
            hits: 5,
            last_ms: 7,
            since_ms: 3,
        }));
        hit_counter.begin(4);
        let threads: Vec<_> = (1..=2 * SLOTS as u64)
            .map(|second| {
                let hit_counter = hit_counter.clone();
                std::thread::spawn(move || {
                    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
                    (0..1000).for_each(|_| hit_counter.count(at));
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        let want = RuleHits {
            hits: 5 + 2 * SLOTS as u64 * 1000,
            last_ms: 2 * SLOTS as u64 * 1000,
            since_ms: 3,
        };
        assert_eq!(hit_counter.read(), want);
    }
}
