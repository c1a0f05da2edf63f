//! What requests and the task share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwapOption;
use privet_cache::shared::{Purges, SharedCounters, SharedStats};
use tokio::sync::Notify;

use crate::link::{Link, LinkError};
use crate::queue::Queue;
use crate::settings::RedisSettings;

pub(crate) struct Inner {
    pub(crate) settings: RedisSettings,
    /// Also of the stores before this one, whose settings were others.
    pub(crate) purges: Arc<Purges>,
    pub(crate) counters: SharedCounters,
    pub(crate) queue: Queue,
    /// There is something to write or to tell.
    pub(crate) wake: Notify,
    /// The connection; none while the server is away or left alone.
    link: ArcSwapOption<Link>,
    problem: Mutex<Option<String>>,
    is_started: AtomicBool,
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
            problem: Mutex::new(Some("it is not connected yet".to_owned())),
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

    /// Requests ask this connection from now on.
    pub(crate) fn connected(&self, link: Arc<Link>) {
        let address = &self.settings.address;
        *self.lock_problem() = None;
        self.link.store(Some(link));
        tracing::info!("the shared store at {address} is used");
    }

    /// The connection is not used any more; all who wait for it are told.
    pub(crate) fn failed(&self, link: &Link, why: &LinkError) {
        // One failure is told by all who see it.
        let mut problem = self.lock_problem();
        if link.failed.is_cancelled() {
            return;
        }
        link.failed.cancel();
        self.link.store(None);
        SharedCounters::count(&self.counters.failures);
        let address = &self.settings.address;
        tracing::warn!("the shared store at {address} is left alone for a while: {why}");
        *problem = Some(why.to_string());
    }

    /// No connection could be made.
    pub(crate) fn unreachable(&self, why: &LinkError) {
        SharedCounters::count(&self.counters.failures);
        let why = why.to_string();
        let mut problem = self.lock_problem();
        if problem.as_ref() != Some(&why) {
            let address = &self.settings.address;
            tracing::warn!("the shared store at {address} is not used: {why}");
            *problem = Some(why);
        }
    }

    fn lock_problem(&self) -> MutexGuard<'_, Option<String>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn stats(&self) -> SharedStats {
        let stats = SharedStats {
            address: self.settings.address.clone(),
            connected: self.link.load().is_some(),
            problem: self.lock_problem().clone(),
            pending_purges: self.purges.pending_count(),
            ..SharedStats::default()
        };
        stats.counted(&self.counters)
    }
}
