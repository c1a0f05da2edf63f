//! Entries of shared caches on a server that speaks the protocol of Redis, between several machines.
//!
//! All requests share one connection. Connecting, writing and purging happen in a background task ([`task`]), so that no
//! request waits for them. After a failure the store pauses: requests then go to the origin at once.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod bounded;
mod commands;
mod link;
mod queue;
mod settings;
mod state;
mod task;

#[cfg(all(test, unix))]
mod leaving_tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_cache::DiskKey;
use privet_cache::shared::{
    Getting, GettingTags, Purges, Scope, Scopes, SharedCounters, SharedKey, SharedPut, SharedStats,
    SharedStore,
};
use tokio_util::sync::{CancellationToken, DropGuard};

pub use crate::settings::RedisSettings;
use crate::state::Inner;

/// A store on a Redis server. Dropping it closes the connection.
pub struct RedisStore {
    inner: Arc<Inner>,
    stop: CancellationToken,
    _guard: DropGuard,
}

impl RedisStore {
    /// A store that is not connected yet. What was purged while `previous` was in its place is purged here too.
    pub fn new(settings: RedisSettings, previous: Option<&Self>) -> Arc<Self> {
        let stop = CancellationToken::new();
        let purges = previous.map(|store| store.inner.purges.clone());
        Arc::new(Self {
            inner: Arc::new(Inner::new(settings, purges.unwrap_or_default())),
            _guard: stop.clone().drop_guard(),
            stop,
        })
    }

    /// The id of its settings.
    pub fn id(&self) -> u64 {
        self.inner.settings.id
    }

    /// Connects on this runtime, and again after failures. Further calls do nothing.
    pub fn start(&self, runtime: &tokio::runtime::Handle) {
        if self.inner.starts() {
            runtime.spawn(task::run(self.inner.clone(), self.stop.clone()));
        }
    }
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RedisStore")
            .field("address", &self.inner.settings.address)
            .finish_non_exhaustive()
    }
}

impl SharedStore for RedisStore {
    fn get(&self, key: SharedKey, scopes: &Scopes, deadline: Instant) -> Option<Getting> {
        let link = self
            .inner
            .link()
            .filter(|_| self.purges().are_settled(scopes));
        let Some(link) = link else {
            SharedCounters::count(&self.counters().skipped);
            return None;
        };
        let (inner, scopes) = (self.inner.clone(), *scopes);
        Some(Box::pin(async move {
            commands::get(&inner, &link, (key, scopes), deadline.into()).await
        }))
    }

    fn get_tags(&self, tags: &[Scope], deadline: Instant) -> Option<GettingTags> {
        let link = self.inner.link()?;
        let (inner, tags) = (self.inner.clone(), tags.to_vec());
        Some(Box::pin(async move {
            commands::get_tags(&inner, &link, tags, deadline.into()).await
        }))
    }

    fn put(&self, put: SharedPut) {
        let is_taken = self.inner.link().is_some() && self.inner.queue.push(put);
        match is_taken {
            true => self.inner.wake.notify_one(),
            false => SharedCounters::count(&self.counters().dropped),
        }
    }

    fn purges(&self) -> &Purges {
        &self.inner.purges
    }

    fn deliver_purges(&self) {
        self.inner.wake.notify_one();
    }

    fn timeout(&self) -> Duration {
        self.inner.settings.timeout
    }

    fn secret(&self) -> Option<&DiskKey> {
        self.inner.settings.secret.as_ref()
    }

    fn counters(&self) -> &SharedCounters {
        &self.inner.counters
    }

    fn stats(&self) -> SharedStats {
        self.inner.stats()
    }
}
