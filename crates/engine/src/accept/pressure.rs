//! Whether connections or file descriptors ran out lately, and what threads ask of one another then.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// It is over after this time without a further event.
const OVER_AFTER: Duration = Duration::from_secs(30);
/// Where no thread had anything to give, the others are not asked again for this long.
const FUTILE: Duration = Duration::from_millis(100);
/// How often it is checked whether the other threads have answered.
const ANSWER_TICK: Duration = Duration::from_millis(1);
/// How often at most: on a busy machine a thread may not run for a while.
const ANSWER_TICKS: usize = 100;
/// How many clients the other threads close at most for one new client.
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
    /// Threads that answer when they are asked.
    answering: AtomicUsize,
    answers: AtomicU64,
    /// Answers of threads that had something to give.
    given: AtomicU64,
}

/// A thread that answers when it is asked.
pub(super) struct Answering<'a>(&'a Pressure);

impl Answering<'_> {
    pub(super) fn answer(&self, gave: bool) {
        if gave {
            self.0.given.fetch_add(1, Ordering::Relaxed);
        }
        // Released after what was given.
        self.0.answers.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.0.answering.fetch_sub(1, Ordering::Relaxed);
    }
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
            answering: AtomicUsize::new(0),
            answers: AtomicU64::new(0),
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
        for _ in 0..OTHERS_ATTEMPTS {
            let gave = self.ask(&self.asked_for_clients).await;
            if let Some(found) = done() {
                return Some(found);
            }
            if !gave {
                let until = self.now() + FUTILE.as_millis() as u64;
                self.futile_until.store(until, Ordering::Relaxed);
                break;
            }
        }
        None
    }

    /// Has the other threads close idle connections; `false`: none of them had any.
    pub(super) async fn others_close_idle(&self) -> bool {
        self.ask(&self.asked_for_idle).await
    }

    /// This thread answers from now on.
    pub(super) fn answering(&self) -> Answering<'_> {
        self.answering.fetch_add(1, Ordering::Relaxed);
        Answering(self)
    }

    /// Asks all threads, and waits until one gave something or all have answered; `false`: nothing was given.
    async fn ask(&self, question: &Notify) -> bool {
        let given = self.given.load(Ordering::Relaxed);
        let answers = self.answers.load(Ordering::Acquire);
        let asked = self.answering.load(Ordering::Relaxed) as u64;
        question.notify_waiters();
        for _ in 0..ANSWER_TICKS {
            tokio::time::sleep(ANSWER_TICK).await;
            let answered = self.answers.load(Ordering::Acquire).wrapping_sub(answers);
            if self.given.load(Ordering::Relaxed) != given {
                return true;
            }
            if answered >= asked {
                break;
            }
        }
        false
    }
}
