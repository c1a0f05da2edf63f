//! Requests for one key that are under way to its origin: one leads, the others wait for what it gets.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::cache::Cache;
use crate::fill::FillPermit;
use crate::key::Key;

/// How many leaders may fail before all who wait are told.
const MOST_FAILURES: u8 = 2;

/// One request to the origin, and who waits for it. It lies in the index under its key.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Tells this request from later ones for the same key.
    pub(crate) serial: u64,
    waiting: VecDeque<Arc<Seat>>,
    failures: u8,
}

/// What becomes of those who wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    LookAgain,
    Lead,
    Failed,
}

/// Where one of them is told.
#[derive(Debug, Default)]
struct Seat {
    state: Mutex<SeatState>,
}

#[derive(Debug, Default)]
struct SeatState {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
    left: bool,
}

impl Seat {
    fn lock(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says the outcome. False where nobody waits here any more.
    fn tell(&self, outcome: Outcome) -> bool {
        let mut state = self.lock();
        if state.left {
            return false;
        }
        state.outcome = Some(outcome);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        true
    }
}

impl Flight {
    pub(crate) fn new(serial: u64) -> Flight {
        Flight {
            serial,
            waiting: VecDeque::new(),
            failures: 0,
        }
    }

    pub(crate) fn wait(&mut self, cache: &Arc<Cache>, key: Key) -> Waiter {
        let seat = Arc::new(Seat::default());
        self.waiting.push_back(seat.clone());
        Waiter {
            cache: cache.clone(),
            key,
            serial: self.serial,
            seat,
        }
    }

    /// Makes one of those who wait the leader. False where there is none.
    pub(crate) fn hand_over(&mut self) -> bool {
        while let Some(seat) = self.waiting.pop_front() {
            if seat.tell(Outcome::Lead) {
                return true;
            }
        }
        false
    }

    /// Counts a failure. False where nobody may try again.
    pub(crate) fn may_try_again(&mut self) -> bool {
        self.failures += 1;
        self.failures < MOST_FAILURES
    }

    /// Tells all who wait.
    pub(crate) fn end(self, outcome: Outcome) {
        for seat in self.waiting {
            seat.tell(outcome);
        }
    }
}

/// A place among those who wait for another request's response. Dropping it leaves.
#[must_use = "it waits only while it is polled"]
pub struct Waiter {
    cache: Arc<Cache>,
    key: Key,
    serial: u64,
    seat: Arc<Seat>,
}

/// Why a wait is over.
#[derive(Debug)]
pub enum Wake {
    /// Look the key up again: it is stored, or it turned out that it cannot be.
    LookAgain,
    /// The leader is gone or failed: look up again with [`Turn::Leads`](crate::Turn).
    Lead(FillPermit),
    /// The leader failed, and so did the one who took over.
    Failed,
}

impl Waiter {
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        let mut state = self.seat.lock();
        let Some(outcome) = state.outcome.take() else {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        };
        state.left = true;
        drop(state);
        Poll::Ready(match outcome {
            Outcome::LookAgain => Wake::LookAgain,
            Outcome::Failed => Wake::Failed,
            Outcome::Lead => Wake::Lead(FillPermit::new(&self.cache, self.key, self.serial)),
        })
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.seat.lock();
        state.left = true;
        let led = state.outcome.take() == Some(Outcome::Lead);
        drop(state);
        if led {
            self.cache.hand_over(self.key, self.serial);
        }
    }
}

impl fmt::Debug for Waiter {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Waiter")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
