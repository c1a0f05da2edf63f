//! Requests for one key that are under way to its origin: one leads, the others wait for what it gets.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::rules::range::RangeSpec;

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
pub(crate) struct Seat {
    state: Mutex<SeatState>,
}

#[derive(Debug, Default)]
pub(crate) struct SeatState {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) waker: Option<Waker>,
    pub(crate) left: bool,
}

impl Seat {
    pub(crate) fn lock(&self) -> MutexGuard<'_, SeatState> {
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

    /// A place for one more who waits.
    pub(crate) fn seat(&mut self) -> Arc<Seat> {
        let seat = Arc::new(Seat::default());
        self.waiting.push_back(seat.clone());
        seat
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

/// A part that is asked for at the origin.
#[derive(Debug)]
pub(crate) struct PartFlight {
    pub(crate) wanted: RangeSpec,
    pub(crate) flight: Flight,
}
