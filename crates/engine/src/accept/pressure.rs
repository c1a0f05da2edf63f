//! Whether connections or file descriptors ran out lately, and what threads ask of one another then.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// It is over after this time without a further event.
const OVER_AFTER: Duration = Duration::from_secs(30);
/// Where no thread had anything to give, the others are not asked again for this long.
const FUTILE: Duration = Duration::from_millis(100);
/// How long the other threads may take to make room.
const OTHERS: Duration = Duration::from_millis(1);
const OTHERS_ATTEMPTS: usize = 10;

/// Whether something ran out lately.
pub(crate) struct Pressure {
    began: Instant,
    /// Milliseconds from `began` to the last event.
    last: AtomicU64,
    reported: AtomicBool,
    /// Milliseconds from `began`: until then the other threads are known to have nothing to give.
    futile_until: AtomicU64,
    pub(super) asked_for_clients: Notify,
    pub(super) asked_for_idle: Notify,
    /// How often another thread had something to give.
    pub(super) given: AtomicU64,
}

impl Default for Pressure {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
            reported: AtomicBool::new(false),
            futile_until: AtomicU64::new(0),
            asked_for_clients: Notify::new(),
            asked_for_idle: Notify::new(),
            given: AtomicU64::new(0),
        }
    }
}

impl Pressure {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// `true`: it is the first event after a while without one.
    pub(super) fn note(&self) -> bool {
        self.last.store(self.now(), Ordering::Relaxed);
        !self.reported.swap(true, Ordering::Relaxed)
    }

    /// `true`, once: nothing ran out for a while.
    pub(super) fn ends(&self) -> bool {
        let quiet = self.now().saturating_sub(self.last.load(Ordering::Relaxed));
        self.reported.load(Ordering::Relaxed)
            && u128::from(quiet) >= OVER_AFTER.as_millis()
            && self.reported.swap(false, Ordering::Relaxed)
    }

    /// Has the other threads close a client each, until `done` finds room or none of them has one to close.
    pub(super) async fn ask_others<T>(&self, mut done: impl FnMut() -> Option<T>) -> Option<T> {
        if self.now() < self.futile_until.load(Ordering::Relaxed) {
            return None;
        }
        let given = self.given.load(Ordering::Relaxed);
        for _ in 0..OTHERS_ATTEMPTS {
            self.asked_for_clients.notify_waiters();
            tokio::time::sleep(OTHERS).await;
            if let Some(found) = done() {
                return Some(found);
            }
        }
        if self.given.load(Ordering::Relaxed) == given {
            let until = self.now() + FUTILE.as_millis() as u64;
            self.futile_until.store(until, Ordering::Relaxed);
        }
        None
    }

    /// Has the other threads close idle connections; `false`: none of them had any.
    pub(super) async fn others_close_idle(&self) -> bool {
        let given = self.given.load(Ordering::Relaxed);
        self.asked_for_idle.notify_waiters();
        tokio::time::sleep(OTHERS).await;
        self.given.load(Ordering::Relaxed) != given
    }
}
