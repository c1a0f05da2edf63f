//! The store that machines share, which is asked before an origin.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use privet_cache::shared::{
    Generations, Got, Read, SharedAsk, SharedCounters, SharedEntry, SharedFill, SharedKey,
    SharedStore,
};
use privet_cache::{FillPermit, Lookup, Timestamp};

use super::status::CacheUse;
use crate::exchange::Downstream;
use crate::exchange::downstream::unless_gone;
use crate::request::RequestFlow;
use crate::request::flow::NextStep;
use crate::service::{Fetch, Service};

/// What became of asking the store. A request asks it once.
#[derive(Default)]
pub(super) struct AskedShared {
    asked: bool,
    /// What the response needs to be written there.
    fill: Option<Box<SharedFill>>,
    /// It had the response.
    stored: bool,
}

impl AskedShared {
    /// What an answer says of itself.
    pub(super) fn used(&self, used: CacheUse) -> CacheUse {
        match used {
            CacheUse::Hit { ttl } if self.stored => CacheUse::SharedHit { ttl },
            used => used,
        }
    }
}

/// What the store has for a request.
pub(super) enum AskResult {
    /// The origin is to be asked.
    Nothing(FillPermit),
    /// It is stored here now.
    Stored,
    /// The client has left.
    Gone,
}

/// The client has left.
struct ClientGone;

/// What became of one question.
enum Step {
    Found(Box<SharedEntry>),
    /// It is to be found out whether one of its tags was purged.
    Tagged(Box<SharedEntry>),
    Variant(SharedKey),
    Nothing,
}

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Asks the store that machines share, where there is one, then the origin, for what is not stored or is to be validated.
    /// `None`: it is stored now, and is to be looked up again.
    pub(super) async fn lead_or_share(
        &mut self,
        fetch: &mut S::Fetch,
        lookup: Lookup,
        asked: &mut AskedShared,
    ) -> Option<NextStep> {
        let (permit, why, held) = match lookup {
            Lookup::Lead { permit, why } => (permit, why, None),
            Lookup::Validate {
                entry,
                why,
                on_error,
                permit,
            } => (permit, Some(why), Some((entry, on_error))),
            _ => return Some(NextStep::Close),
        };
        match self.ask_shared_store(fetch, permit, asked).await {
            AskResult::Nothing(permit) => Some(self.lead(fetch, permit, why, held).await),
            AskResult::Stored => None,
            AskResult::Gone => Some(NextStep::Close),
        }
    }

    /// Asks the store that machines share, where there is one.
    pub(super) async fn ask_shared_store(
        &mut self,
        fetch: &S::Fetch,
        permit: FillPermit,
        asked: &mut AskedShared,
    ) -> AskResult {
        if std::mem::replace(&mut asked.asked, true) {
            return AskResult::Nothing(with_fill(permit, asked.fill.take()));
        }
        // What may not outlive the process is no other machine's matter either.
        let outlives = fetch.cache().is_some_and(|scope| scope.keep_on_disk);
        match permit.cache().shared_store() {
            Some(store) if outlives && !permit.is_part() => {
                Box::pin(self.ask_store(fetch, permit, store, asked)).await
            }
            _ => AskResult::Nothing(permit),
        }
    }

    async fn ask_store(
        &mut self,
        fetch: &S::Fetch,
        permit: FillPermit,
        store: Arc<dyn SharedStore>,
        asked: &mut AskedShared,
    ) -> AskResult {
        let scope = fetch.cache();
        let ask = scope.and_then(|scope| {
            self.with_request(fetch, scope, |request| SharedAsk::new(scope.space, request))?
        });
        let Some(ask) = ask else {
            return AskResult::Nothing(permit);
        };
        let deadline = Instant::now() + store.timeout();
        let (mut key, mut generations) = (ask.key, None);
        // The second question is for the request's variant.
        for _ in 0..2 {
            let Some(getting) = store.get(key, &ask.scopes, deadline) else {
                break;
            };
            let (_, watch) = self.client.head_and_watch();
            let got = match unless_gone(watch, getting).await {
                Ok(Some(got)) => got,
                Ok(None) => break,
                Err(_) => return AskResult::Gone,
            };
            let first = *generations.get_or_insert(got.generations);
            let found = match self.read_shared(fetch, &*store, (&ask, &key), &got) {
                Step::Variant(variant) => {
                    key = variant;
                    continue;
                }
                Step::Nothing => break,
                Step::Found(found) => found,
                Step::Tagged(found) => match self.keeps_tags(&found, &*store, deadline).await {
                    Ok(true) => found,
                    Ok(false) => break,
                    Err(ClientGone) => return AskResult::Gone,
                },
            };
            return match self.install(fetch, permit, *found, &*store) {
                None => {
                    asked.stored = true;
                    asked.fill = fill(store, ask, Some(first));
                    AskResult::Stored
                }
                Some(permit) => {
                    AskResult::Nothing(with_fill(permit, fill(store, ask, Some(first))))
                }
            };
        }
        AskResult::Nothing(with_fill(permit, fill(store, ask, generations)))
    }

    /// Asks whether a tag of an entry was purged since it was written.
    async fn keeps_tags(
        &mut self,
        found: &SharedEntry,
        store: &dyn SharedStore,
        deadline: Instant,
    ) -> Result<bool, ClientGone> {
        let counters = store.counters();
        let Some(getting) = store.get_tags(found.tags(), deadline) else {
            SharedCounters::count(&counters.skipped);
            return Ok(false);
        };
        let (_, watch) = self.client.head_and_watch();
        let got = unless_gone(watch, getting).await;
        let kept = got
            .map_err(|_| ClientGone)?
            .map(|got| found.keeps_tags(&got));
        SharedCounters::count(match kept {
            Some(true) => &counters.hits,
            Some(false) => &counters.refused,
            None => &counters.misses,
        });
        Ok(kept == Some(true))
    }

    fn read_shared(
        &self,
        fetch: &S::Fetch,
        store: &dyn SharedStore,
        (ask, key): (&SharedAsk, &SharedKey),
        got: &Got,
    ) -> Step {
        let counters = store.counters();
        let now = Timestamp::from(SystemTime::now());
        let read = fetch.cache().and_then(|scope| {
            let policy = scope.cache.policy();
            self.with_request(fetch, scope, |request| {
                ask.read(key, got, store.secret(), request, (policy, now))
            })
        });
        match read {
            Some(Read::Entry(entry)) if entry.head().ttl(now) > 0 => {
                SharedCounters::count(&counters.hits);
                Step::Found(entry)
            }
            Some(Read::Tagged(entry)) if entry.head().ttl(now) > 0 => Step::Tagged(entry),
            Some(Read::Variant(key)) => Step::Variant(key),
            Some(Read::Refused) => {
                SharedCounters::count(&counters.refused);
                Step::Nothing
            }
            Some(Read::Entry(_) | Read::Tagged(_) | Read::Nothing) | None => {
                SharedCounters::count(&counters.misses);
                Step::Nothing
            }
        }
    }

    /// Stores what another machine has stored under the key by which this request and others look it up. Gives the permit
    /// back where that cannot be.
    fn install(
        &self,
        fetch: &S::Fetch,
        permit: FillPermit,
        found: SharedEntry,
        store: &dyn SharedStore,
    ) -> Option<FillPermit> {
        let Some(scope) = fetch.cache() else {
            return Some(permit);
        };
        let named = self.with_request(fetch, scope, |request| {
            let (cache, head) = (scope.cache, found.head());
            let key = match cache.policy().site_fields {
                true => cache.key_of_response(scope.space, &[], request, head),
                false => permit.key(),
            };
            (key, request.target.url())
        });
        let Some((key, url)) = named else {
            return Some(permit);
        };
        permit
            .stored_as(key)
            .install(found, &url, scope.keep_on_disk, store)
    }
}

/// `None`: the store did not say which purges it knows, so that nothing is written there.
fn fill(
    store: Arc<dyn SharedStore>,
    ask: SharedAsk,
    generations: Option<Generations>,
) -> Option<Box<SharedFill>> {
    generations.map(|generations| {
        Box::new(SharedFill {
            store,
            ask,
            generations,
        })
    })
}

fn with_fill(permit: FillPermit, fill: Option<Box<SharedFill>>) -> FillPermit {
    match fill {
        Some(fill) => permit.shared_by(fill),
        None => permit,
    }
}
