//! Counts the matches of a list. Each thread has its own slot, so that threads do not contend.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use compact_str::{CompactString, ToCompactString};

use crate::{Host, thread_index};

/// More than most machines have threads; threads that share a slot still count correctly.
const SLOTS: usize = 16;
/// Hosts that one slot counts apart between two readings; further ones are in the sum only.
pub const MAX_HOSTS: usize = 256;

/// The counter of one list. A new version of the list continues with it.
#[derive(Default)]
pub struct ListHitCounter([Slot; SLOTS]);

/// Aligned so that two slots share no cache line.
#[derive(Default)]
#[repr(align(128))]
struct Slot {
    hits: AtomicU64,
    would_block: AtomicU64,
    /// Used on probation only, by this slot's threads and by readers.
    hosts: Mutex<HashMap<CompactString, u64>>,
}

impl ListHitCounter {
    /// Connections that the list blocked, alone or with others.
    pub fn hits(&self) -> u64 {
        self.sum(|slot| &slot.hits)
    }

    /// Connections that the list would have blocked while on probation.
    pub fn would_block(&self) -> u64 {
        self.sum(|slot| &slot.would_block)
    }

    /// The hosts counted by [`ListHitCounter::would_block`] since the last call, each with its number of connections.
    pub fn take_hosts(&self) -> Vec<(CompactString, u64)> {
        let mut all = Vec::new();
        for slot in &self.0 {
            if let Ok(mut hosts) = slot.hosts.lock() {
                all.extend(hosts.drain());
            }
        }
        all
    }

    pub(crate) fn count_block(&self) {
        if let Some(slot) = self.slot() {
            slot.hits.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_would_block(&self, host: &Host) {
        let Some(slot) = self.slot() else { return };
        slot.would_block.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut hosts) = slot.hosts.lock() {
            let name = host.to_compact_string();
            if hosts.len() < MAX_HOSTS || hosts.contains_key(&name) {
                *hosts.entry(name).or_default() += 1;
            }
        }
    }

    fn slot(&self) -> Option<&Slot> {
        self.0.get(thread_index::current() % SLOTS)
    }

    fn sum(&self, of: impl Fn(&Slot) -> &AtomicU64) -> u64 {
        let each = self.0.iter().map(|slot| of(slot).load(Ordering::Relaxed));
        each.sum()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_thread_counts_and_hosts_have_a_bound() {
        let hit_counter = Arc::new(ListHitCounter::default());
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let hit_counter = hit_counter.clone();
                std::thread::spawn(move || {
                    for n in 0..MAX_HOSTS + 50 {
                        hit_counter.count_block();
                        hit_counter.count_would_block(&Host::parse(&format!("h{n}.test")).unwrap());
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let all = 4 * (MAX_HOSTS as u64 + 50);
        assert_eq!((hit_counter.hits(), hit_counter.would_block()), (all, all));
        assert!(hit_counter.take_hosts().len() <= SLOTS * MAX_HOSTS);
        assert!(hit_counter.take_hosts().is_empty());
    }
}
