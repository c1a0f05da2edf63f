//! What to do with a request: answer it, wait, or ask the origin.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll};

use crate::cache::Cache;
use crate::entry::Entry;
use crate::fill::FillPermit;
use crate::in_flight::InFlight;
use crate::key::Key;
use crate::rules::range::{ByteRange, RangeSpec};
use crate::rules::request::Request;
use crate::rules::time::Timestamp;
use crate::rules::verdict::{CacheReason, OnError, Reuse};
use crate::rules::{reuse, vary};
use crate::store::disk::load::Load;
use crate::store::index::Shard;
use crate::waiter::Waiter;

/// A request to look up.
pub struct LookupRequest<'a> {
    pub key: Key,
    pub request: Request<'a>,
    pub now: Timestamp,
    pub attempt: LookupAttempt,
    /// The only range that it asks for.
    pub part: Option<RangeSpec>,
    /// Whether parts of responses may be stored and used.
    pub parts: bool,
}

/// How often the request was looked up before, and why it is again.
#[derive(Debug, Default)]
pub enum LookupAttempt {
    #[default]
    First,
    /// It has waited so many times.
    Again(u8),
    /// It waited and is the leader now.
    Leads(FillPermit),
    /// What is on disk was loaded, or could not be.
    Loaded(Box<LookupAttempt>),
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
    /// Answer with the entry. With a permit, ask the origin in the background too.
    Refresh {
        entry: Entry,
        reuse: Reuse,
        permit: Option<FillPermit>,
    },
    /// Ask the origin whether the entry still holds.
    Validate {
        entry: Entry,
        why: CacheReason,
        on_error: OnError,
        permit: FillPermit,
    },
    /// Ask the origin. `why` says why what is stored does not serve.
    Lead {
        permit: FillPermit,
        why: Option<CacheReason>,
    },
    /// Another request for it is under way.
    Wait(Waiter),
    /// Its entries are read from disk.
    Load(Loading),
    /// Ask the origin, for this request alone.
    Bypass(CacheReason),
}

/// Waits until a key's entries have been read from disk.
#[derive(Debug)]
pub struct Loading {
    load: Arc<Load>,
    attempt: Option<LookupAttempt>,
}

impl Loading {
    pub(crate) fn new(load: Arc<Load>, attempt: LookupAttempt) -> Loading {
        Loading {
            load,
            attempt: Some(attempt),
        }
    }

    /// Gives the attempt to look up with.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<LookupAttempt> {
        match self.load.poll(cx) {
            Poll::Ready(()) => Poll::Ready(self.give_up()),
            Poll::Pending => Poll::Pending,
        }
    }

    /// The attempt to look up with where the disk takes too long: what is on it is left out.
    pub fn give_up(&mut self) -> LookupAttempt {
        LookupAttempt::Loaded(Box::new(self.attempt.take().unwrap_or_default()))
    }
}

impl Cache {
    /// Finds out what to do with a request that [`check_request`](crate::rules::reuse::check_request) lets the store be
    /// asked for. A hit takes one lock, for a moment.
    pub fn lookup(self: &Arc<Self>, ask: LookupRequest<'_>) -> Lookup {
        let (attempt, loaded) = match ask.attempt {
            LookupAttempt::Loaded(attempt) => (*attempt, true),
            attempt => (attempt, false),
        };
        let ask = LookupRequest { attempt, ..ask };
        let leads = matches!(ask.attempt, LookupAttempt::Leads(_));
        if !leads && self.uncacheable.contains(ask.key, ask.now) {
            return Lookup::Bypass(CacheReason::Uncacheable);
        }
        let (entry, invalidated) = match self.find(&ask, loaded) {
            Found::Entry { entry, invalidated } => (entry, invalidated),
            Found::Nothing => {
                return match ask.part.filter(|_| ask.parts) {
                    Some(part) => self.part(ask, part, None),
                    None => self.lead_or_wait(ask, None, None),
                };
            }
            Found::OnDisk(load) => return Lookup::Load(Loading::new(load, ask.attempt)),
        };
        let found = match invalidated {
            true => reuse::invalidated(),
            false => reuse::reuse(&ask.request, entry.head(), ask.now),
        };
        match found {
            Reuse::Fresh { .. } | Reuse::StaleAccepted { .. } => {
                if let LookupAttempt::Leads(permit) = ask.attempt {
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
    fn find(&self, ask: &LookupRequest<'_>, loaded: bool) -> Found {
        let mut shard = self.shard(ask.key);
        if !loaded && let Some(load) = self.load(&mut shard, ask.key) {
            return Found::OnDisk(load);
        }
        shard.unpack(ask.key, self.policy(), self.budget());
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
    fn select(&self, shard: &Shard, ask: &LookupRequest<'_>) -> Option<u32> {
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

    fn refresh(self: &Arc<Self>, ask: LookupRequest<'_>, entry: Entry, reuse: Reuse) -> Lookup {
        let mut shard = self.shard(ask.key);
        shard.counts.hits -= 1;
        shard.counts.refreshed += 1;
        let under_way = shard.in_flight_requests.contains_key(&ask.key);
        let permit = match ask.attempt {
            LookupAttempt::Leads(permit) => Some(permit),
            // A client that wants nothing but what is stored causes no request.
            _ if under_way || ask.request.directives.only_if_cached => None,
            _ => Some(self.take_off(&mut shard, ask.key)),
        };
        drop(shard);
        let permit = permit.map(|mut permit| {
            permit.validates = Some(entry.clone());
            permit.refreshes = true;
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
        ask: LookupRequest<'_>,
        stale: Option<(Entry, CacheReason, OnError)>,
        why: Option<CacheReason>,
    ) -> Lookup {
        let mut shard = self.shard(ask.key);
        // `why` says why the entry that was found does not serve.
        shard.counts.hits -= u64::from(why.is_some());
        if ask.request.directives.only_if_cached && !matches!(ask.attempt, LookupAttempt::Leads(_))
        {
            return Lookup::Bypass(why.unwrap_or(CacheReason::NotStored));
        }
        let waited = match ask.attempt {
            LookupAttempt::Leads(_) | LookupAttempt::First | LookupAttempt::Loaded(_) => 0,
            LookupAttempt::Again(times) => times,
        };
        let LookupRequest { attempt, .. } = ask;
        let ask = LookupRequest {
            attempt: LookupAttempt::First,
            ..ask
        };
        let permit = if let LookupAttempt::Leads(permit) = attempt {
            permit
        } else if waited > 0 && stale.is_some() {
            // The response for which it waited has to be validated at each use.
            shard.counts.bypassed += 1;
            return Lookup::Bypass(why.unwrap_or(CacheReason::Expired));
        } else if let Some(in_flight) = shard.in_flight_requests.get_mut(&ask.key) {
            if waited >= MOST_WAITS {
                shard.counts.bypassed += 1;
                return Lookup::Bypass(why.unwrap_or(CacheReason::VaryMismatch));
            }
            let waiter = Waiter::new(self, ask.key, in_flight);
            shard.counts.waited += 1;
            return Lookup::Wait(waiter);
        } else {
            self.take_off(&mut shard, ask.key)
        };
        let mut permit = permit;
        if stale.is_none() && why.is_none() {
            permit.partial_hit = self.partial_hit(&shard, &ask);
        }
        lead(shard, permit, stale, why)
    }

    fn take_off(self: &Arc<Self>, shard: &mut Shard, key: Key) -> FillPermit {
        let serial = self.serials.fetch_add(1, Ordering::Relaxed);
        shard.in_flight_requests.insert(key, InFlight::new(serial));
        FillPermit::new(self, key, serial)
    }
}

fn lead(
    mut shard: MutexGuard<'_, Shard>,
    mut permit: FillPermit,
    stale: Option<(Entry, CacheReason, OnError)>,
    why: Option<CacheReason>,
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
