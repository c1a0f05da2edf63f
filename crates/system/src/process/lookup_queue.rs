//! The queue of look-ups for the finder's thread. A data-plane thread wakes it only if it sleeps without a timeout: between
//! two batches look-ups are collected.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::process_lookup::Connection;
use super::program_lookup::ProgramLookup;

/// Maximum of queued look-ups; more are answered with "unknown".
pub(super) const MAX_WAITING: usize = 4096;
/// A batch that takes longer than this hangs, on a process whose files cannot be read just now: nobody waits for what is behind it.
const HANGS_AFTER: Duration = Duration::from_millis(500);
/// The thread works on no batch.
const IDLE: u64 = u64::MAX;

pub(super) struct LookupQueue {
    state: Mutex<State>,
    news: Condvar,
    dropped: AtomicUsize,
    started: Instant,
    /// From when on look-ups are answered without a pause: microseconds since `started`.
    prompt_from: AtomicU64,
    /// Since when the thread works on its batch: microseconds since `started`, or `IDLE`.
    working_since: AtomicU64,
}

/// A look-up and its connection.
pub(super) struct QueuedLookup {
    pub connection: Connection,
    pub lookup: ProgramLookup,
}

#[derive(Default)]
struct State {
    waiting: Vec<QueuedLookup>,
    thread: ThreadState,
    /// A look-up became urgent.
    hurry: bool,
    /// All handles were dropped.
    ended: bool,
}

#[derive(Default, PartialEq, Eq)]
enum ThreadState {
    #[default]
    Working,
    /// The thread waits without a timeout.
    Asleep,
}

/// When the thread may continue.
pub(super) struct Schedule {
    /// The next batch.
    pub batch: Instant,
    /// The next search through all processes, where look-ups wait for one.
    pub search: Option<Instant>,
}

impl LookupQueue {
    pub fn new() -> Self {
        Self {
            state: Mutex::default(),
            news: Condvar::new(),
            dropped: AtomicUsize::new(0),
            started: Instant::now(),
            prompt_from: AtomicU64::new(0),
            working_since: AtomicU64::new(IDLE),
        }
    }

    pub fn set_prompt_from(&self, from: Instant) {
        self.prompt_from.store(self.micros(from), Ordering::Relaxed);
    }

    pub fn is_prompt(&self) -> bool {
        let now = self.micros(Instant::now());
        let since = self.working_since.load(Ordering::Relaxed);
        let works = Duration::from_micros(now.saturating_sub(since));
        now >= self.prompt_from.load(Ordering::Relaxed) && works < HANGS_AFTER
    }

    /// Microseconds from `started` to `at`.
    fn micros(&self, at: Instant) -> u64 {
        let micros = at.saturating_duration_since(self.started).as_micros();
        u64::try_from(micros).unwrap_or(u64::MAX)
    }

    pub fn push(&self, connection: Connection, lookup: ProgramLookup) {
        let mut state = self.lock();
        if state.waiting.len() >= MAX_WAITING {
            drop(state);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return lookup.answer(None);
        }
        state.waiting.push(QueuedLookup { connection, lookup });
        self.wake_if_asleep(state);
    }

    /// A look-up that was pushed became urgent.
    pub fn hurry(&self) {
        self.lock().hurry = true;
        self.news.notify_one();
    }

    pub fn end(&self) {
        self.lock().ended = true;
        self.news.notify_one();
    }

    /// Look-ups that were rejected because the queue was full.
    pub fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits for the next batch, which is empty where only a search is due; `None`: all handles were dropped.
    pub fn next(&self, schedule: &Schedule) -> Option<Vec<QueuedLookup>> {
        self.working_since.store(IDLE, Ordering::Relaxed);
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let now = Instant::now();
            let searches = schedule.search.is_some_and(|search| search <= now);
            let batch = schedule.batch <= now && !state.waiting.is_empty();
            if std::mem::take(&mut state.hurry) || searches || batch {
                self.working_since
                    .store(self.micros(now), Ordering::Relaxed);
                return Some(std::mem::take(&mut state.waiting));
            }
            state = self.wait(state, schedule, now);
        }
    }

    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        schedule: &Schedule,
        now: Instant,
    ) -> MutexGuard<'a, State> {
        let rests = Some(schedule.batch).filter(|batch| *batch > now);
        let until = rests.into_iter().chain(schedule.search).min();
        // While it waits for a batch it need not be woken; if only a search is due, a new look-up wakes it.
        if rests.is_none() {
            state.thread = ThreadState::Asleep;
        }
        let mut state = match until {
            Some(until) => {
                let waited = self.news.wait_timeout(state, until - now);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = self.news.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        state.thread = ThreadState::Working;
        state
    }

    fn wake_if_asleep(&self, mut state: MutexGuard<'_, State>) {
        if state.thread == ThreadState::Asleep {
            state.thread = ThreadState::Working;
            drop(state);
            self.news.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
