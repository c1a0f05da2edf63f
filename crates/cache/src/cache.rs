//! A cache of HTTP responses: its state, its limits, and what fills it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use crate::body::MemoryBody;
use crate::budget::{Budget, PoolUser, Pools, Resource};
use crate::entry::Entry;
use crate::in_flight::Outcome;
use crate::incoming::Incoming;
use crate::key::{Key, KeySecret};
use crate::recent_changes::RecentChanges;
use crate::rules::policy::Policy;
use crate::rules::time::Timestamp;
use crate::rules::validation::HeadUpdate;
use crate::search_rules::SearchRules;
use crate::shared::PurgeReach;
use crate::shared::current::SharedTier;
use crate::stats::Stats;
use crate::store::disk::store::{Disk, DiskSettings};
use crate::store::disk::write_job::WriteJob;
use crate::store::index::{MOST_VARIANTS, Removed, Shard};
use crate::store::slot::Slot;
use crate::uncacheable::Uncacheable;

/// Parts of the index, each with a lock of its own.
const SHARDS: usize = 64;
/// The largest object in memory is this part of all memory.
const LARGEST_PART: u64 = 4;

/// The settings of a cache.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    pub policy: Policy,
    /// Bytes of memory, all included, where it shares them with no other cache.
    pub memory: u64,
    /// Where entries are kept beyond that, and beyond the process.
    pub disk: Option<DiskSettings>,
}

/// One store of responses under one policy. Threads share it.
pub struct Cache {
    pub(crate) shards: Box<[Mutex<Shard>]>,
    pub(crate) policy: Policy,
    secret: KeySecret,
    budget: Arc<Budget>,
    /// The part of the index that the next entry leaves from.
    evicts: AtomicUsize,
    pub(crate) serials: AtomicU64,
    pub(crate) uncacheable: Uncacheable,
    pub(crate) recent_changes: RecentChanges,
    pub(crate) search: SearchRules,
    pub(crate) shared_tier: SharedTier,
    disk: Option<Arc<Disk>>,
}

impl Drop for Cache {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            disk.close();
        }
        // Others may have the memory. Bodies give theirs back once nobody reads them any more.
        for shard in &self.shards {
            self.budget.release(lock(shard).counted());
        }
    }
}

impl std::fmt::Debug for Cache {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Cache")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// `secret` has to be unpredictable, and the same for as long as the entries live. Reads the index of the entries
    /// on disk, which may block.
    pub fn new(settings: CacheSettings, secret: KeySecret) -> Arc<Cache> {
        let disk = settings.disk.as_ref().map_or(0, |disk| disk.limit);
        let pools = Pools::new(settings.memory, disk);
        Cache::sharing(&pools, settings, secret)
    }

    /// A cache that shares memory and disk with others; the pools say how much that is.
    pub fn sharing(pools: &Pools, settings: CacheSettings, secret: KeySecret) -> Arc<Cache> {
        let (cache, known) = Cache::build(pools, settings, secret);
        cache.start_disk(known);
        cache
    }

    /// A cache whose disk has no threads yet, and the objects on it.
    pub(crate) fn build(
        pools: &Pools,
        settings: CacheSettings,
        secret: KeySecret,
    ) -> (Arc<Cache>, HashSet<u64>) {
        let open = |settings| Disk::open(settings, &pools.disk);
        let (disk, contents) = settings.disk.map(open).unzip();
        let cache = Arc::new(Cache {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            policy: settings.policy,
            secret,
            budget: Arc::new(Budget::new(&pools.memory)),
            evicts: AtomicUsize::new(0),
            serials: AtomicU64::new(0),
            uncacheable: Uncacheable::default(),
            recent_changes: RecentChanges::default(),
            search: SearchRules::default(),
            shared_tier: SharedTier::default(),
            disk,
        });
        let user: Weak<dyn PoolUser> = Arc::<Cache>::downgrade(&cache);
        pools.add(&user);
        let known = cache.restore(contents.unwrap_or_default());
        (cache, known)
    }

    pub(crate) fn disk(&self) -> Option<&Arc<Disk>> {
        self.disk.as_ref()
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    pub fn secret(&self) -> &KeySecret {
        &self.secret
    }

    /// Changes the most bytes in memory, of all caches that share it; what is too much leaves at once.
    pub fn set_memory(&self, bytes: u64) {
        self.budget.pool().set_limit(bytes);
    }

    /// The largest body that is stored, in bytes.
    pub fn largest_object(&self) -> u64 {
        self.policy
            .max_object
            .min(self.budget.limit() / LARGEST_PART)
    }

    pub(crate) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(crate) fn shard(&self, key: Key) -> MutexGuard<'_, Shard> {
        let number = (key.0 >> 64) as usize % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "there are SHARDS of them")]
        lock(&self.shards[number])
    }

    pub(crate) fn end_flight(&self, key: Key, serial: u64, outcome: Outcome) {
        let mut shard = self.shard(key);
        let ended = match shard.in_flight_requests.get(&key) {
            Some(in_flight) if in_flight.serial == serial => shard.in_flight_requests.remove(&key),
            _ => None,
        };
        drop(shard);
        if let Some(in_flight) = ended {
            in_flight.end(outcome);
        }
    }

    /// The leader is gone: a waiting request becomes the leader.
    pub(crate) fn hand_over(&self, key: Key, serial: u64) {
        let mut shard = self.shard(key);
        if let Some(in_flight) = shard.in_flight_requests.get_mut(&key)
            && in_flight.serial == serial
            && !in_flight.hand_over()
        {
            shard.in_flight_requests.remove(&key);
        }
    }

    /// The leader failed.
    pub(crate) fn fail_flight(&self, key: Key, serial: u64) {
        let mut shard = self.shard(key);
        let Some(in_flight) = shard.in_flight_requests.get_mut(&key) else {
            return;
        };
        if in_flight.serial != serial {
            return;
        }
        let again = in_flight.may_try_again();
        drop(shard);
        if again {
            self.hand_over(key, serial);
        } else {
            self.end_flight(key, serial, Outcome::Failed);
        }
    }

    pub(crate) fn remember_uncacheable(&self, key: Key, now: Timestamp) {
        self.uncacheable.remember(key, now);
    }

    /// A response to a request that was bypassed could have been stored: the next request leads again.
    pub fn forget_uncacheable(&self, key: Key) {
        self.uncacheable.forget(key);
    }

    /// Adds an entry whose body is being received. It takes the place of the same variant.
    pub(crate) fn begin(&self, key: Key, entry: &Entry) {
        let mut shard = self.shard_with_place(key, entry);
        shard.insert(key, entry.clone(), &self.budget);
        drop(shard);
        self.make_room(0);
    }

    /// Adds an entry whose body is complete. It takes the place of the same variant.
    pub(crate) fn add(&self, key: Key, entry: &Entry) {
        let mut shard = self.shard_with_place(key, entry);
        shard.insert_packed(key, entry, &self.budget);
        shard.counts.stored += 1;
        drop(shard);
        self.keep_on_disk(key, entry);
        self.make_room(0);
    }

    /// The part of the index for a new entry, without the one whose place it takes.
    fn shard_with_place(&self, key: Key, entry: &Entry) -> MutexGuard<'_, Shard> {
        self.uncacheable.forget(key);
        let mut shard = self.shard(key);
        while let Some(id) = shard.find_variant(key, &entry.head().vary_key) {
            self.release(shard.remove(id));
        }
        let oldest = shard
            .variants(key)
            .skip(MOST_VARIANTS - 1)
            .last()
            .map(|(id, _)| id);
        if let Some(id) = oldest {
            self.release(shard.remove(id));
        }
        shard
    }

    /// The body of an entry is complete. Gives the entry, unless it has left meanwhile.
    pub(crate) fn complete(
        &self,
        key: Key,
        incoming: &Incoming,
        body: &MemoryBody,
        took: Duration,
    ) -> Option<Entry> {
        let mut shard = self.shard(key);
        let id = shard.find_incoming(key, incoming)?;
        let growing = shard.slot(id)?.entry()?;
        let entry = growing.completed(body.clone(), took);
        shard.set_entry(id, entry.clone(), &self.budget);
        shard.counts.stored += 1;
        drop(shard);
        self.keep_on_disk(key, &entry);
        self.make_room(0);
        Some(entry)
    }

    /// The body of an entry broke off, or is not kept any more.
    pub(crate) fn drop_incoming(&self, key: Key, incoming: &Incoming) {
        let mut shard = self.shard(key);
        shard.counts.aborted += 1;
        if let Some(id) = shard.find_incoming(key, incoming) {
            self.release(shard.remove(id));
        }
    }

    /// Puts an entry with a newer head in the place of the one that was validated.
    pub(crate) fn update(&self, key: Key, old: &Entry, new: Entry) {
        let mut shard = self.shard(key);
        let Some(id) = shard.find(key, old) else {
            return;
        };
        shard.set_entry(id, new.clone(), &self.budget);
        let mut record = None;
        if let Some(slot) = shard.slot_mut(id) {
            slot.validate();
            record.clone_from(&slot.record);
        }
        drop(shard);
        match record {
            Some(record) => self.write(WriteJob::Update { record, entry: new }),
            None => self.keep_on_disk(key, &new),
        }
        self.make_room(0);
    }

    /// A response to HEAD has told something about an entry (RFC 9111, 4.3.5).
    pub fn update_by_head(&self, key: Key, old: &Entry, update: HeadUpdate, reach: PurgeReach) {
        match update {
            HeadUpdate::Keep => {}
            HeadUpdate::Update(head) => self.update(key, old, old.with_head(head)),
            HeadUpdate::MarkStale => {
                self.purge_shared_url(old.url(), reach);
                self.outdate(key, old);
            }
        }
    }

    /// The origin has something else now than this entry.
    pub(crate) fn outdate(&self, key: Key, old: &Entry) {
        let mut shard = self.shard(key);
        if let Some(id) = shard.find(key, old) {
            self.mark(&mut shard, id, Slot::invalidate);
        }
    }

    /// Takes out entries until `more` bytes fit.
    pub(crate) fn make_room(&self, more: u64) {
        self.budget.pool().make_room(more);
    }

    /// The part of the index that the next entry leaves from.
    pub(crate) fn next_evicting(&self) -> usize {
        self.evicts.fetch_add(1, Ordering::Relaxed) % SHARDS
    }

    /// An entry has left the index.
    pub(crate) fn release(&self, removed: Removed) {
        self.budget
            .release(removed.resident.counted() + removed.place);
        if let Some(record) = removed.record {
            self.budget.release(record.memory_bytes());
            if let Some(disk) = &self.disk {
                disk.removed(&record);
                disk.push(WriteJob::Remove { id: record.id });
            }
        }
    }

    pub fn stats(&self) -> Stats {
        let mut stats = Stats {
            memory: self.budget.used(),
            memory_limit: self.budget.limit(),
            disk: self.disk.as_ref().map(|disk| disk.stats()),
            ..Stats::default()
        };
        for shard in &self.shards {
            let shard = lock(shard);
            stats.counts.add(&shard.counts);
            stats.entries += shard.len() as u64;
        }
        stats
    }
}

impl PoolUser for Cache {
    fn used(&self, resource: Resource) -> u64 {
        match resource {
            Resource::Memory => self.budget.used(),
            Resource::Disk => self.disk.as_ref().map_or(0, |disk| disk.used()),
        }
    }

    fn evict(&self, resource: Resource) -> bool {
        match resource {
            Resource::Memory => self.evict_from_memory(),
            Resource::Disk => self.evict_from_disk(),
        }
    }
}

impl Cache {
    fn evict_from_memory(&self) -> bool {
        for _ in 0..SHARDS {
            let Some(shard) = self.shards.get(self.next_evicting()) else {
                return false;
            };
            let mut shard = lock(shard);
            let evicted = shard.evict();
            shard.counts.evicted += u64::from(evicted.is_some());
            drop(shard);
            if let Some(evicted) = evicted {
                self.release(evicted);
                return true;
            }
        }
        false
    }
}

pub(crate) fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
