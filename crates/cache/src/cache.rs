//! A cache of HTTP responses: look-ups, the requests that fill it, and its limits.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::body::MemoryBody;
use crate::budget::Budget;
use crate::entry::Entry;
use crate::fill::FillPermit;
use crate::flight::{Outcome, Waiter};
use crate::incoming::Incoming;
use crate::key::{Key, KeySecret};
use crate::rules::policy::Policy;
use crate::rules::range::{ByteRange, RangeSpec};
use crate::rules::request::Request;
use crate::rules::time::Timestamp;
use crate::rules::validation::HeadUpdate;
use crate::rules::verdict::{OnError, Reuse, Why};
use crate::rules::{reuse, vary};
use crate::search::SearchRules;
use crate::stats::Stats;
use crate::store::disk::{Disk, DiskSettings, Load, Loading, WriteJob};
use crate::store::index::{MOST_VARIANTS, Removed, Shard, Slot};
use crate::uncacheable::Uncacheable;

/// Parts of the index, each with a lock of its own.
const SHARDS: usize = 64;
/// The largest object in memory is this part of all memory.
const LARGEST_PART: u64 = 4;

/// A request that the cache is asked for.
pub struct Ask<'a> {
    pub key: Key,
    pub request: Request<'a>,
    pub now: Timestamp,
    pub turn: Turn,
    /// The only range that it asks for.
    pub part: Option<RangeSpec>,
    /// Whether parts of responses may be stored and used.
    pub parts: bool,
}

/// Which look-up of a request this is.
#[derive(Debug, Default)]
pub enum Turn {
    #[default]
    First,
    /// It has waited so many times.
    Again(u8),
    /// It waited and leads now.
    Leads(FillPermit),
    /// What is on disk was loaded, or could not be.
    Loaded(Box<Turn>),
}

/// How often a request may wait for others.
pub(crate) const MOST_WAITS: u8 = 3;

/// What to do with a request.
#[derive(Debug)]
pub enum Lookup {
    /// Answer with the entry: [`Reuse::Fresh`] or [`Reuse::StaleAccepted`].
    Hit { entry: Entry, reuse: Reuse },
    /// Answer with this range of stored parts.
    Part { entry: Entry, range: ByteRange },
    /// Answer with the entry. Who has the permit asks the origin in the background.
    Refresh {
        entry: Entry,
        reuse: Reuse,
        permit: Option<FillPermit>,
    },
    /// Ask the origin whether the entry still holds.
    Validate {
        entry: Entry,
        why: Why,
        on_error: OnError,
        permit: FillPermit,
    },
    /// Ask the origin. `why` says why what is stored does not serve.
    Lead {
        permit: FillPermit,
        why: Option<Why>,
    },
    /// Another request for it is under way.
    Wait(Waiter),
    /// Its entries are read from disk.
    Load(Loading),
    /// Ask the origin, for this request alone.
    Bypass(Why),
}

/// What a cache is made of.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    pub policy: Policy,
    /// Bytes of memory, all included.
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
    uncacheable: Uncacheable,
    pub(crate) search: SearchRules,
    disk: Option<Arc<Disk>>,
}

impl Drop for Cache {
    fn drop(&mut self) {
        if let Some(disk) = &self.disk {
            disk.close();
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
        let (cache, known) = Cache::build(settings, secret);
        cache.start_disk(known);
        cache
    }

    /// A cache whose disk has no threads yet, and the objects on it.
    pub(crate) fn build(settings: CacheSettings, secret: KeySecret) -> (Arc<Cache>, HashSet<u64>) {
        let (disk, contents) = settings.disk.map(Disk::open).unzip();
        let cache = Arc::new(Cache {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            policy: settings.policy,
            secret,
            budget: Arc::new(Budget::new(settings.memory)),
            evicts: AtomicUsize::new(0),
            serials: AtomicU64::new(0),
            uncacheable: Uncacheable::default(),
            search: SearchRules::default(),
            disk,
        });
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

    /// Changes the most bytes in memory; what is too much leaves at once.
    pub fn set_memory(&self, bytes: u64) {
        self.budget.set_limit(bytes);
        self.make_room(0);
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

    /// Finds out what to do with a request that [`check_request`](crate::rules::reuse::check_request) lets the store be
    /// asked for. A hit takes one lock, for a moment.
    pub fn lookup(self: &Arc<Self>, ask: Ask<'_>) -> Lookup {
        let (turn, loaded) = match ask.turn {
            Turn::Loaded(turn) => (*turn, true),
            turn => (turn, false),
        };
        let ask = Ask { turn, ..ask };
        let leads = matches!(ask.turn, Turn::Leads(_));
        if !leads && self.uncacheable.contains(ask.key, ask.now) {
            return Lookup::Bypass(Why::Uncacheable);
        }
        let (entry, invalidated) = match self.find(&ask, loaded) {
            Found::Entry { entry, invalidated } => (entry, invalidated),
            Found::Nothing => {
                return match ask.part.filter(|_| ask.parts) {
                    Some(part) => self.part(ask, part, None),
                    None => self.lead_or_wait(ask, None, None),
                };
            }
            Found::OnDisk(load) => return Lookup::Load(Loading::new(load, ask.turn)),
        };
        let found = if invalidated {
            reuse::validate(&ask.request, entry.head(), ask.now, Why::Invalidated)
        } else {
            reuse::reuse(&ask.request, entry.head(), ask.now)
        };
        match found {
            Reuse::Fresh { .. } | Reuse::StaleAccepted { .. } => {
                if let Turn::Leads(permit) = ask.turn {
                    permit.release();
                }
                Lookup::Hit {
                    entry,
                    reuse: found,
                }
            }
            Reuse::StaleWhileRevalidate { .. } => self.refresh(ask, entry, found),
            Reuse::Validate { why, on_error } => {
                self.lead_or_wait(ask, Some((entry, why, on_error)), Some(why))
            }
            Reuse::MustNot { why } => self.lead_or_wait(ask, None, Some(why)),
        }
    }

    /// The newest variant for a request.
    fn find(&self, ask: &Ask<'_>, loaded: bool) -> Found {
        let mut shard = self.shard(ask.key);
        if !loaded && let Some(load) = self.load(&mut shard, ask.key) {
            return Found::OnDisk(load);
        }
        shard.unpack(ask.key, &self.policy, &self.budget);
        let Some(id) = self.select(&shard, ask) else {
            return Found::Nothing;
        };
        shard.used(id);
        // Taken back where it turns out not to be one, so that a hit takes one lock.
        shard.counts.hits += 1;
        let slot = shard.slot(id);
        match slot.and_then(|slot| Some((slot.entry()?.clone(), slot.invalidated))) {
            Some((entry, invalidated)) => Found::Entry { entry, invalidated },
            None => Found::Nothing,
        }
    }

    /// Of the variants that a request belongs to, the one with the latest `Date` (RFC 9111, 4.1).
    fn select(&self, shard: &Shard, ask: &Ask<'_>) -> Option<u32> {
        let mut newest: Option<(u32, &Entry)> = None;
        for (id, slot) in shard.variants(ask.key) {
            let Some(entry) = slot.entry() else { continue };
            let is_its = entry.is_whole()
                && vary::matches(&ask.request, entry.head())
                && self.has_same_search(entry, &ask.request.target);
            if !is_its {
                continue;
            }
            // Dates are parsed only where there is something to compare.
            let date = |entry: &Entry| (entry.head().date(), entry.head().received);
            if newest.is_none_or(|(_, newest)| date(entry) > date(newest)) {
                newest = Some((id, entry));
            }
        }
        newest.map(|(id, _)| id)
    }

    fn refresh(self: &Arc<Self>, ask: Ask<'_>, entry: Entry, reuse: Reuse) -> Lookup {
        let mut shard = self.shard(ask.key);
        shard.counts.hits -= 1;
        shard.counts.refreshed += 1;
        let under_way = shard.flights.contains_key(&ask.key);
        let permit = match ask.turn {
            Turn::Leads(permit) => Some(permit),
            _ if under_way => None,
            _ => Some(self.take_off(&mut shard, ask.key)),
        };
        drop(shard);
        let permit = permit.map(|mut permit| {
            permit.validates = Some(entry.clone());
            permit
        });
        Lookup::Refresh {
            entry,
            reuse,
            permit,
        }
    }

    fn lead_or_wait(
        self: &Arc<Self>,
        ask: Ask<'_>,
        stale: Option<(Entry, Why, OnError)>,
        why: Option<Why>,
    ) -> Lookup {
        let mut shard = self.shard(ask.key);
        // `why` says why the entry that was found does not serve.
        shard.counts.hits -= u64::from(why.is_some());
        if ask.request.directives.only_if_cached && !matches!(ask.turn, Turn::Leads(_)) {
            return Lookup::Bypass(why.unwrap_or(Why::NotStored));
        }
        let waited = match ask.turn {
            Turn::Leads(_) | Turn::First | Turn::Loaded(_) => 0,
            Turn::Again(times) => times,
        };
        let Ask { turn, .. } = ask;
        let ask = Ask {
            turn: Turn::First,
            ..ask
        };
        let permit = if let Turn::Leads(permit) = turn {
            permit
        } else if waited > 0 && stale.is_some() {
            // The response for which it waited has to be validated at each use.
            shard.counts.bypassed += 1;
            return Lookup::Bypass(why.unwrap_or(Why::Expired));
        } else if let Some(flight) = shard.flights.get_mut(&ask.key) {
            if waited >= MOST_WAITS {
                shard.counts.bypassed += 1;
                return Lookup::Bypass(why.unwrap_or(Why::VaryMismatch));
            }
            let waiter = flight.wait(self, ask.key);
            shard.counts.waited += 1;
            return Lookup::Wait(waiter);
        } else {
            self.take_off(&mut shard, ask.key)
        };
        let mut permit = permit;
        if stale.is_none() && why.is_none() {
            permit.completing = self.completing(&shard, &ask);
        }
        lead(shard, permit, stale, why)
    }

    fn take_off(self: &Arc<Self>, shard: &mut Shard, key: Key) -> FillPermit {
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        shard
            .flights
            .insert(key, crate::flight::Flight::new(serial));
        FillPermit::new(self, key, serial)
    }

    pub(crate) fn end_flight(&self, key: Key, serial: u64, outcome: Outcome) {
        let mut shard = self.shard(key);
        let ended = match shard.flights.get(&key) {
            Some(flight) if flight.serial == serial => shard.flights.remove(&key),
            _ => None,
        };
        drop(shard);
        if let Some(flight) = ended {
            flight.end(outcome);
        }
    }

    /// The leader is gone: one of those who wait leads.
    pub(crate) fn hand_over(&self, key: Key, serial: u64) {
        let mut shard = self.shard(key);
        if let Some(flight) = shard.flights.get_mut(&key)
            && flight.serial == serial
            && !flight.hand_over()
        {
            shard.flights.remove(&key);
        }
    }

    /// The leader failed.
    pub(crate) fn fail_flight(&self, key: Key, serial: u64) {
        let mut shard = self.shard(key);
        let Some(flight) = shard.flights.get_mut(&key) else {
            return;
        };
        if flight.serial != serial {
            return;
        }
        let again = flight.may_try_again();
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
        shard.insert(key, entry.clone(), &self.budget);
        drop(shard);
        self.make_room(0);
    }

    /// The body of an entry is complete.
    pub(crate) fn complete(
        &self,
        key: Key,
        incoming: &Incoming,
        body: &MemoryBody,
        took: Duration,
    ) {
        let mut shard = self.shard(key);
        let Some(id) = shard.find_incoming(key, incoming) else {
            return;
        };
        let growing = shard.slot(id).and_then(|slot| slot.entry().cloned());
        let Some(entry) = growing.map(|entry| entry.completed(body.clone(), took)) else {
            return;
        };
        shard.set_entry(id, entry.clone(), &self.budget);
        shard.counts.stored += 1;
        drop(shard);
        self.keep_on_disk(key, &entry);
        self.make_room(0);
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
            Some(record) => self.write(WriteJob::Update {
                key,
                record,
                entry: new,
            }),
            None => self.keep_on_disk(key, &new),
        }
        self.make_room(0);
    }

    /// A response to HEAD has told something about an entry (RFC 9111, 4.3.5).
    pub fn update_by_head(&self, key: Key, old: &Entry, update: HeadUpdate) {
        match update {
            HeadUpdate::Keep => {}
            HeadUpdate::Update(head) => self.update(key, old, old.with_head(head)),
            HeadUpdate::MarkStale => {
                let mut shard = self.shard(key);
                if let Some(id) = shard.find(key, old) {
                    self.mark(&mut shard, id, Slot::invalidate);
                }
            }
        }
    }

    /// Takes out entries until `more` bytes fit.
    pub(crate) fn make_room(&self, more: u64) {
        let mut idle = 0;
        while !self.budget.has_room(more) && idle < SHARDS {
            let Some(shard) = self.shards.get(self.next_evicting()) else {
                return;
            };
            let mut shard = lock(shard);
            let evicted = shard.evict();
            shard.counts.evicted += u64::from(evicted.is_some());
            drop(shard);
            idle = if evicted.is_some() { 0 } else { idle + 1 };
            self.release(evicted.unwrap_or_default());
        }
    }

    /// The part of the index that the next entry leaves from.
    pub(crate) fn next_evicting(&self) -> usize {
        self.evicts.fetch_add(1, Ordering::Relaxed) % SHARDS
    }

    /// An entry has left the index.
    pub(crate) fn release(&self, removed: Removed) {
        self.budget.release(removed.resident.counted());
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

fn lead(
    mut shard: MutexGuard<'_, Shard>,
    mut permit: FillPermit,
    stale: Option<(Entry, Why, OnError)>,
    why: Option<Why>,
) -> Lookup {
    let Some((entry, why, on_error)) = stale else {
        shard.counts.missed += 1;
        return Lookup::Lead { permit, why };
    };
    shard.counts.validated += 1;
    permit.validates = Some(entry.clone());
    Lookup::Validate {
        entry,
        why,
        on_error,
        permit,
    }
}

/// What there is for a request.
enum Found {
    Entry { entry: Entry, invalidated: bool },
    OnDisk(Arc<Load>),
    Nothing,
}

pub(crate) fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
