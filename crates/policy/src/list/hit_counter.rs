//! What a list's matches are counted in: a place for each thread, so that no two of them meet on the road.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use compact_str::{CompactString, ToCompactString};

use crate::{Host, thread_index};

/// More than there are threads on most machines; threads that share one still count rightly.
const SHARDS: usize = 16;
/// Hosts that one thread tells apart between two readings; what goes beyond is in the sum alone.
pub const MOST_HOSTS: usize = 256;

/// The figures of one list, whichever text it has: a list that is read anew goes on counting here.
#[derive(Default)]
pub struct ListHitCounter([Shard; SHARDS]);

/// Apart from its neighbours by more than a cache line.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    hits: AtomicU64,
    would: AtomicU64,
    /// Touched on probation only, and by this shard's threads and whoever reads.
    hosts: Mutex<HashMap<CompactString, u64>>,
}

impl ListHitCounter {
    /// Connections that the list blocked, alone or with others.
    pub fn hits(&self) -> u64 {
        self.sum(|shard| &shard.hits)
    }

    /// Connections that it would have blocked while it only counted.
    pub fn would_block(&self) -> u64 {
        self.sum(|shard| &shard.would)
    }

    /// The hosts behind [`ListHitCounter::would_block`] since the last call, each with its connections.
    pub fn take_hosts(&self) -> Vec<(CompactString, u64)> {
        let mut all = Vec::new();
        for shard in &self.0 {
            if let Ok(mut hosts) = shard.hosts.lock() {
                all.extend(hosts.drain());
            }
        }
        all
    }

    pub(crate) fn hit(&self) {
        if let Some(shard) = self.mine() {
            shard.hits.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn would(&self, host: &Host) {
        let Some(shard) = self.mine() else { return };
        shard.would.fetch_add(1, Ordering::Relaxed);
        if let Ok(mut hosts) = shard.hosts.lock() {
            let name = host.to_compact_string();
            if hosts.len() < MOST_HOSTS || hosts.contains_key(&name) {
                *hosts.entry(name).or_default() += 1;
            }
        }
    }

    fn mine(&self) -> Option<&Shard> {
        self.0.get(thread_index::current() % SHARDS)
    }

    fn sum(&self, of: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        let each = self.0.iter().map(|shard| of(shard).load(Ordering::Relaxed));
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
                    for n in 0..MOST_HOSTS + 50 {
                        hit_counter.hit();
                        hit_counter.would(&Host::parse(&format!("h{n}.test")).unwrap());
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        let all = 4 * (MOST_HOSTS as u64 + 50);
        assert_eq!((hit_counter.hits(), hit_counter.would_block()), (all, all));
        assert!(hit_counter.take_hosts().len() <= SHARDS * MOST_HOSTS);
        assert!(hit_counter.take_hosts().is_empty());
    }
}
