//! Requests for a part of a representation: what stored parts answer, what is fetched, which requests wait for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::body::MemoryBody;
use crate::cache::Cache;
use crate::entry::{Body, Entry};
use crate::fill::FillPermit;
use crate::in_flight::{InFlight, Outcome, PartInFlight};
use crate::incoming::Incoming;
use crate::key::Key;
use crate::lookup::{Lookup, LookupAttempt, LookupRequest, MOST_WAITS};
use crate::new_entry::NewEntry;
use crate::partial_hit::PartialHit;
use crate::parts::{Parts, Source};
use crate::rules::range::{ByteRange, ContentRange, RangeSpec};
use crate::rules::range_set::same_representation;
use crate::rules::stored::StoredHead;
use crate::rules::verdict::{CacheReason, Reuse};
use crate::rules::{answer, reuse, validation, vary};
use crate::store::index::Shard;
use crate::store::slot::{Slot, SlotId};
use crate::waiter::Waiter;

/// The most parts of one key that are fetched at the same time.
const MOST_FETCHES: usize = 32;
/// A whole that came together from parts is one body from then on, up to this length. Longer ones stay in parts until they
/// are on disk.
const JOINED: u64 = 1 << 20;
/// The shortest part that gets a file of its own.
const PART_FILE: u64 = 1 << 20;

/// What is stored of a part.
enum StoredPart {
    /// All of it: the answer.
    All(Lookup),
    /// Something, to which the rest can be fetched.
    Some(PartialHit),
    None,
}

impl Cache {
    /// A request for a part, which no stored whole answers. `why` says why one that is stored does not serve.
    pub(crate) fn part(
        self: &Arc<Self>,
        ask: LookupRequest<'_>,
        wanted: RangeSpec,
        why: Option<CacheReason>,
    ) -> Lookup {
        let LookupRequest { key, request, .. } = ask;
        let waited = match ask.attempt {
            LookupAttempt::Again(times) => times,
            // The lead for the whole is for another request.
            LookupAttempt::Leads(permit) => {
                drop(permit);
                0
            }
            LookupAttempt::First | LookupAttempt::Loaded(_) => 0,
        };
        let ask = LookupRequest {
            attempt: LookupAttempt::First,
            ..ask
        };
        let mut shard = self.shard(key);
        let (fetched, partial_hit) = match self.stored_part(&mut shard, &ask, wanted) {
            StoredPart::All(lookup) => return lookup,
            StoredPart::Some(partial_hit) => {
                (RangeSpec::Bounded(partial_hit.missing), Some(partial_hit))
            }
            StoredPart::None => (wanted, None),
        };
        let why = partial_hit
            .as_ref()
            .map_or(why, |_| Some(CacheReason::RangeNotStored));
        if request.directives.only_if_cached {
            return Lookup::Bypass(CacheReason::RangeNotStored);
        }
        if let Some(lookup) = self.wait_or_pass(&mut shard, key, fetched, waited) {
            return lookup;
        }
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        let in_flight = InFlight::new(serial);
        let in_flight_parts = shard.in_flight_parts.entry(key).or_default();
        in_flight_parts.push(PartInFlight {
            wanted: fetched,
            in_flight,
        });
        shard.counts.missed += 1;
        drop(shard);
        let permit = FillPermit::new_part(self, key, serial, partial_hit);
        Lookup::Lead { permit, why }
    }

    /// What is stored of a part.
    fn stored_part(
        &self,
        shard: &mut Shard,
        ask: &LookupRequest<'_>,
        wanted: RangeSpec,
    ) -> StoredPart {
        let Some((id, entry, parts)) = self.usable_parts(shard, ask) else {
            return StoredPart::None;
        };
        let Some(range) = wanted.within(parts.complete()) else {
            return StoredPart::None;
        };
        match parts.missing(range) {
            None => {
                shard.used(id);
                shard.counts.hits += 1;
                StoredPart::All(Lookup::Part { entry, range })
            }
            Some(missing) if can_complete(&entry, &parts) => StoredPart::Some(PartialHit {
                entry,
                missing,
                wanted: Some(range),
            }),
            Some(_) => StoredPart::None,
        }
    }

    /// Whether a request for a part waits for another one, or passes the cache by since too many are under way.
    fn wait_or_pass(
        self: &Arc<Self>,
        shard: &mut Shard,
        key: Key,
        fetched: RangeSpec,
        waited: u8,
    ) -> Option<Lookup> {
        let others = shard.in_flight_parts.get(&key).map(Vec::as_slice);
        let others = others.unwrap_or_default();
        let is_awaited = shard.in_flight_requests.contains_key(&key)
            || others.iter().any(|other| other.wanted.overlaps(fetched));
        if (is_awaited && waited >= MOST_WAITS) || others.len() >= MOST_FETCHES {
            shard.counts.bypassed += 1;
            return Some(Lookup::Bypass(CacheReason::RangeNotStored));
        }
        if !is_awaited {
            return None;
        }
        let waiter = self.wait_for_part(shard, key, fetched)?;
        shard.counts.waited += 1;
        Some(Lookup::Wait(waiter))
    }

    fn wait_for_part(
        self: &Arc<Self>,
        shard: &mut Shard,
        key: Key,
        wanted: RangeSpec,
    ) -> Option<Waiter> {
        if let Some(in_flight) = shard.in_flight_requests.get_mut(&key) {
            return Some(Waiter::new(self, key, in_flight));
        }
        let in_flight_parts = shard.in_flight_parts.get_mut(&key)?;
        let mut overlapping = in_flight_parts.iter_mut();
        let found = overlapping.find(|other| other.wanted.overlaps(wanted))?;
        Some(Waiter::new(self, key, &mut found.in_flight))
    }

    /// The stored parts that a request for the whole can complete.
    pub(crate) fn partial_hit(&self, shard: &Shard, ask: &LookupRequest<'_>) -> Option<PartialHit> {
        let is_plain = ask.request.is_get() && ask.part.is_none() && !ask.request.is_conditional();
        if !ask.parts || !is_plain {
            return None;
        }
        let (_, entry, parts) = self.usable_parts(shard, ask)?;
        let all = ByteRange::new(0, parts.complete()?.checked_sub(1)?)?;
        let missing = parts.missing(all)?;
        (missing != all && can_complete(&entry, &parts)).then_some(PartialHit {
            entry,
            missing,
            wanted: None,
        })
    }

    /// Parts that belong to the request and are fresh for it.
    fn usable_parts(
        &self,
        shard: &Shard,
        ask: &LookupRequest<'_>,
    ) -> Option<(SlotId, Entry, Parts)> {
        let request = &ask.request;
        let is_usable = |entry: &Entry| {
            let head = entry.head();
            let fresh = matches!(
                reuse::reuse(request, head, ask.now),
                Reuse::Fresh { .. } | Reuse::StaleAccepted { .. }
            );
            fresh
                && vary::matches(request, head)
                && answer::if_range_allows(request, head)
                && self.has_same_search(entry, &request.target)
        };
        let mut variants = shard.variants(ask.key);
        variants.find_map(|(id, slot)| {
            let entry = slot.entry().filter(|_| !slot.invalidated)?;
            let parts = entry.parts()?.clone();
            is_usable(entry).then(|| (id, entry.clone(), parts))
        })
    }

    /// A part was asked for: those who wait for it look again.
    pub(crate) fn end_part_flight(&self, key: Key, serial: u64) {
        let mut shard = self.shard(key);
        let Some(in_flight_parts) = shard.in_flight_parts.get_mut(&key) else {
            return;
        };
        let at = in_flight_parts
            .iter()
            .position(|part| part.in_flight.serial == serial);
        let ended = at.map(|at| in_flight_parts.swap_remove(at));
        if in_flight_parts.is_empty() {
            shard.in_flight_parts.remove(&key);
        }
        drop(shard);
        if let Some(ended) = ended {
            ended.in_flight.end(Outcome::LookAgain);
        }
    }

    /// Adds a part that is being received: to the parts of the same representation, else in their place. Gives the entry
    /// to read it from, which is not in the store where a whole has arrived there meanwhile.
    pub(crate) fn begin_part(
        &self,
        key: Key,
        head: StoredHead,
        part: ContentRange,
        new: &NewEntry<'_>,
        incoming: &Incoming,
        held: Option<&Entry>,
    ) -> Entry {
        let shard = self.shard(key);
        let known = shard.find_variant(key, &head.vary_key);
        let stored = known.and_then(|id| shard.slot(id)?.entry().cloned());
        drop(shard);
        let is_same = |stored: &&Entry| {
            let complete = stored.parts().map(Parts::complete);
            complete
                .is_some_and(|complete| same_representation(stored.head(), complete, &head, part))
        };
        let mut is_kept = true;
        if let Some(stored) = held.or(stored.as_ref().filter(is_same))
            && let Some(parts) = stored.parts()
        {
            if parts.begin(part.range, part.complete, incoming) {
                let entry = stored.with_head(head);
                self.put_parts(key, parts, &entry);
                return entry;
            }
            // There are too many: this one is only passed on.
            is_kept = false;
        }
        let is_whole = stored.is_some_and(|stored| stored.parts().is_none() && stored.is_whole());
        let parts = Parts::new(part.complete);
        parts.begin(part.range, part.complete, incoming);
        let entry = Entry::new(key, head, new, Body::Parts(parts));
        if is_kept && !is_whole {
            self.begin(key, &entry);
        }
        entry
    }

    /// Puts an entry with a newer head in the place of the one with the same parts, which may have left the store.
    fn put_parts(&self, key: Key, parts: &Parts, entry: &Entry) {
        let mut shard = self.shard(key);
        let Some(id) = find_parts(&shard, key, parts) else {
            drop(shard);
            self.begin(key, entry);
            return;
        };
        shard.set_entry(id, entry.clone(), self.budget());
        self.mark(&mut shard, id, Slot::validate);
    }

    /// A part is complete.
    pub(crate) fn complete_part(
        &self,
        key: Key,
        parts: &Parts,
        incoming: &Incoming,
        body: &MemoryBody,
    ) {
        let range = parts.finish(incoming, Source::Memory(body.clone()));
        let entry = self.part_arrived(key, parts);
        if let (Some(range), Some(entry)) = (range, entry)
            && range.len() >= PART_FILE
            && !parts.is_complete()
        {
            self.keep_part_on_disk(key, &entry, range);
        }
    }

    /// A part is stored. Gives its entry, where that is still in the cache.
    pub(crate) fn part_arrived(&self, key: Key, parts: &Parts) -> Option<Entry> {
        self.shard(key).counts.stored += 1;
        let entry = self.weigh_parts(key, parts)?;
        match entry.parts() {
            Some(parts) if parts.is_complete() => self.keep_parts_on_disk(key, &entry),
            Some(_) => {}
            None => self.keep_on_disk(key, &entry),
        }
        self.make_room(0);
        Some(entry)
    }

    /// The parts of an entry take more or less memory. Short ones that are the whole become one body.
    pub(crate) fn weigh_parts(&self, key: Key, parts: &Parts) -> Option<Entry> {
        let mut shard = self.shard(key);
        let id = find_parts(&shard, key, parts)?;
        let entry = shard.slot(id).and_then(|slot| slot.entry().cloned())?;
        let is_short = parts.complete().is_some_and(|complete| complete <= JOINED);
        let joined = (is_short && parts.is_complete()).then(|| parts.joined(self.budget()));
        let entry = match joined.flatten() {
            Some(body) => entry.joined(body),
            // Its weight is another one now.
            None => entry,
        };
        shard.set_entry(id, entry.clone(), self.budget());
        Some(entry)
    }

    /// A part broke off, or is not kept any more.
    pub(crate) fn drop_part(&self, key: Key, parts: &Parts, incoming: &Incoming) {
        parts.remove(incoming);
        let mut shard = self.shard(key);
        shard.counts.aborted += 1;
        if parts.is_empty()
            && let Some(id) = find_parts(&shard, key, parts)
        {
            self.release(shard.remove(id));
        }
    }
}

/// The slot with these parts.
pub(crate) fn find_parts(shard: &Shard, key: Key, parts: &Parts) -> Option<SlotId> {
    let has = |entry: &Entry| entry.parts().is_some_and(|found| found.is_same(parts));
    let mut variants = shard.variants(key);
    variants
        .find(|(_, slot)| slot.entry().is_some_and(has))
        .map(|(id, _)| id)
}

/// Whether other parts of the same representation can be told from those of another, and there is room for them.
fn can_complete(entry: &Entry, parts: &Parts) -> bool {
    let is_known = parts.complete().is_some() && validation::has_strong_validator(entry.head());
    is_known && parts.has_room(MOST_FETCHES)
}
