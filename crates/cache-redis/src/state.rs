//! The state that requests and the background task share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use privet_cache::shared::{Purges, SharedCounters, SharedStats};
use tokio::sync::Notify;

use crate::link::{Link, LinkError};
use crate::queue::Queue;
use crate::settings::RedisSettings;

pub(crate) struct Inner {
    pub(crate) settings: RedisSettings,
    /// Includes purges of the store that this one replaced.
    pub(crate) purges: Arc<Purges>,
    pub(crate) counters: SharedCounters,
    pub(crate) queue: Queue,
    /// Notified when an entry or a purge waits.
    pub(crate) wake: Notify,
    /// The connection; `None` while the server is unreachable or paused.
    link: ArcSwapOption<Link>,
    problem: Mutex<Option<Problem>>,
    is_started: AtomicBool,
}

/// Why the server is not used.
#[derive(Debug, Clone)]
struct Problem {
    why: String,
    /// When the next attempt begins; `None` while one runs.
    retry_at: Option<SystemTime>,
}

impl Problem {
    fn new(why: String) -> Self {
        Self {
            why,
            retry_at: None,
        }
    }
}

impl Inner {
    pub(crate) fn new(settings: RedisSettings, purges: Arc<Purges>) -> Self {
        Self {
            settings,
            purges,
            counters: SharedCounters::default(),
            queue: Queue::default(),
            wake: Notify::new(),
            link: ArcSwapOption::empty(),
            problem: Mutex::new(Some(Problem::new("it is not connected yet".to_owned()))),
            is_started: AtomicBool::new(false),
        }
    }

    /// Whether this is the first call.
    pub(crate) fn starts(&self) -> bool {
        !self.is_started.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        self.link.load_full()
    }

    /// Makes this the connection that requests use.
    pub(crate) fn connected(&self, link: Arc<Link>) {
        let address = &self.settings.address;
        *self.lock_problem() = None;
        self.link.store(Some(link));
        tracing::info!("the shared store at {address} is used");
    }

    /// Stops using the connection. Its waiting requests get a miss.
    pub(crate) fn failed(&self, link: &Link, why: &LinkError) {
        // Several requests may report one failure.
        let mut problem = self.lock_problem();
        if link.failed.is_cancelled() {
            return;
        }
        link.failed.cancel();
        self.link.store(None);
        SharedCounters::count(&self.counters.failures);
        let address = &self.settings.address;
        tracing::warn!("the shared store at {address} is left alone for a while: {why}");
        *problem = Some(Problem::new(why.to_string()));
    }

    /// Records that connecting failed.
    pub(crate) fn unreachable(&self, why: &LinkError) {
        SharedCounters::count(&self.counters.failures);
        let why = why.to_string();
        let mut problem = self.lock_problem();
        if problem.as_ref().is_none_or(|problem| problem.why != why) {
            let address = &self.settings.address;
            tracing::warn!("the shared store at {address} is not used: {why}");
            *problem = Some(Problem::new(why));
        }
    }

    /// Sets the time of the next attempt; `None`: it begins now.
    pub(crate) fn pauses(&self, pause: Option<Duration>) {
        if let Some(problem) = &mut *self.lock_problem() {
            problem.retry_at = pause.and_then(|pause| SystemTime::now().checked_add(pause));
        }
    }

    fn lock_problem(&self) -> MutexGuard<'_, Option<Problem>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> SharedStats {
        let problem = self.lock_problem().clone();
        let stats = SharedStats {
            address: self.settings.address.clone(),
            connected: self.link.load().is_some(),
            retry_at: problem.as_ref().and_then(|problem| problem.retry_at),
            problem: problem.map(|problem| problem.why),
            pending_purges: self.purges.pending_count(),
            ..SharedStats::default()
        };
        stats.counted(&self.counters)
    }
}
