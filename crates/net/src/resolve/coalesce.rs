//! Coalesces concurrent lookups of one name: one asks the resolver, the others wait for its result.

use std::collections::HashMap;
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::answer::{ResolveError, ResolveResult};
use super::cache::Cache;

/// A lock is held for one map access; several shards keep threads from waiting for each other.
const SHARDS: usize = 16;
const NAMES_PER_SHARD: usize = 512;

type Waiter = watch::Receiver<Option<ResolveResult>>;

pub(super) struct Coalescer {
    shards: [Mutex<Shard>; SHARDS],
    hasher: RandomState,
}

struct Shard {
    known: Cache,
    pending: HashMap<Arc<str>, Waiter>,
}

enum Lookup<'a> {
    Cached(ResolveResult),
    Wait(Waiter),
    Lead(Leader<'a>),
}

/// The one that asks the resolver. If it is dropped before it has a result, a waiter takes over.
struct Leader<'a> {
    shard: &'a Mutex<Shard>,
    host: Arc<str>,
    answer_tx: watch::Sender<Option<ResolveResult>>,
}

impl Default for Coalescer {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard {
                    known: Cache::new(NAMES_PER_SHARD),
                    pending: HashMap::new(),
                })
            }),
            hasher: RandomState::new(),
        }
    }
}

impl Coalescer {
    /// The cached result, or the one that `query` returns with its TTL. `acquire` waits for the right to ask: not while
    /// somebody else asks for the same name.
    pub(super) async fn get<S, A, F>(
        &self,
        host: &str,
        acquire: impl Fn() -> A,
        query: impl FnOnce(S, Arc<str>) -> F,
    ) -> ResolveResult
    where
        A: Future<Output = Option<S>>,
        F: Future<Output = (ResolveResult, Duration)>,
    {
        loop {
            if let Some(answer) = self.follow(host).await {
                return answer;
            }
            // Nothing is announced before it can be asked: nobody waits in another's queue.
            let Some(slot) = acquire().await else {
                return Err(ResolveError::NoAnswer(host.into()));
            };
            if let Lookup::Lead(lead) = self.lookup(host) {
                let (answer, ttl) = query(slot, lead.host.clone()).await;
                lead.finish(&answer, ttl);
                return answer;
            }
        }
    }

    /// The result that is cached or being asked for; `None`: there is none.
    async fn follow(&self, host: &str) -> Option<ResolveResult> {
        loop {
            let mut waiter = match self.known(&mut lock(self.shard(host)), host)? {
                Lookup::Cached(answer) => return Some(answer),
                Lookup::Wait(waiter) => waiter,
                Lookup::Lead(_) => return None,
            };
            // An error means that the leader was dropped: try again.
            if let Ok(answer) = waiter.wait_for(Option::is_some).await
                && let Some(answer) = answer.as_ref()
            {
                return Some(answer.clone());
            }
        }
    }

    fn shard(&self, host: &str) -> &Mutex<Shard> {
        let index = self.hasher.hash_one(host) as usize % SHARDS;
        let [first, ..] = &self.shards;
        self.shards.get(index).unwrap_or(first)
    }

    /// What is cached or pending.
    fn known<'a>(&self, shard: &mut Shard, host: &str) -> Option<Lookup<'a>> {
        if let Some(answer) = shard.known.get(host, Instant::now()) {
            return Some(Lookup::Cached(answer));
        }
        let waiter = shard.pending.get(host)?;
        Some(Lookup::Wait(waiter.clone()))
    }

    fn lookup(&self, host: &str) -> Lookup<'_> {
        let shard = self.shard(host);
        let mut open = lock(shard);
        if let Some(known) = self.known(&mut open, host) {
            return known;
        }
        let host: Arc<str> = host.into();
        let (answer_tx, waiter) = watch::channel(None);
        open.pending.insert(host.clone(), waiter);
        Lookup::Lead(Leader {
            shard,
            host,
            answer_tx,
        })
    }
}

impl Leader<'_> {
    fn finish(self, answer: &ResolveResult, ttl: Duration) {
        let now = Instant::now();
        lock(self.shard)
            .known
            .put(self.host.clone(), answer.clone(), ttl, now);
        self.answer_tx.send_replace(Some(answer.clone()));
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        lock(self.shard).pending.remove(&self.host);
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::sync::Notify;

    fn found() -> ResolveResult {
        Ok(Arc::from([std::net::IpAddr::from([192, 0, 2, 1])]))
    }

    /// There is always a slot.
    async fn free() -> Option<()> {
        Some(())
    }

    #[tokio::test]
    async fn who_waits_for_a_slot_does_not_hold_up_others_with_the_same_name() {
        let coalescer = Coalescer::default();
        let never = || std::future::pending::<Option<()>>();
        let mut queued = Box::pin(coalescer.get("a.test", never, |(), _| async {
            (found(), Duration::from_secs(9))
        }));
        assert!(futures_util::poll!(&mut queued).is_pending());
        let answer = coalescer.get("a.test", free, |(), _| async {
            (found(), Duration::from_secs(9))
        });
        assert_eq!(answer.await, found());
        let none = || async { None::<()> };
        let full = coalescer.get("b.test", none, |(), _| async {
            (found(), Duration::from_secs(9))
        });
        assert_eq!(full.await, Err(ResolveError::NoAnswer("b.test".into())));
    }

    #[tokio::test]
    async fn concurrent_lookups_ask_the_resolver_once() {
        let (coalescer, asked) = (Coalescer::default(), AtomicU32::new(0));
        let open = Notify::new();
        let (coalescer, asked, open) = (&coalescer, &asked, &open);
        let everyone = (0..50).map(|_| {
            coalescer.get("a.test", free, move |(), _| async move {
                asked.fetch_add(1, Ordering::Relaxed);
                open.notified().await;
                (found(), Duration::from_secs(9))
            })
        });
        let all = futures_util::future::join_all(everyone);
        let (answers, ()) = tokio::join!(all, async { open.notify_one() });
        assert!(answers.iter().all(|answer| *answer == found()));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn when_the_leader_gives_up_a_waiter_takes_over() {
        let coalescer = Coalescer::default();
        let never = coalescer.get("a.test", free, |(), _| std::future::pending());
        let mut never = Box::pin(never);
        assert!(futures_util::poll!(&mut never).is_pending());
        let second = coalescer.get("a.test", free, |(), _| async {
            (found(), Duration::from_secs(9))
        });
        let mut second = Box::pin(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(never);
        assert_eq!(second.await, found());
    }
}
