//! Requests that are under way to an origin: for each key one leads, the others wait for its response.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use crate::rules::range::RangeSpec;

/// How many leaders may fail before all waiting requests fail.
const MOST_FAILURES: u8 = 2;

/// One request to the origin with those that wait for it. The index holds it under its key.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// Tells this request from later ones for the same key.
    pub(crate) serial: u64,
    waiting: VecDeque<Arc<WaiterSlot>>,
    failures: u8,
}

/// What a waiting request does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    LookAgain,
    Lead,
    Failed,
}

/// Passes the outcome to one waiting request.
#[derive(Debug, Default)]
pub(crate) struct WaiterSlot {
    state: Mutex<WaiterState>,
}

#[derive(Debug, Default)]
pub(crate) struct WaiterState {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) waker: Option<Waker>,
    pub(crate) left: bool,
}

impl WaiterSlot {
    pub(crate) fn lock(&self) -> MutexGuard<'_, WaiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes the outcome on. False where the request no longer waits.
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

impl InFlight {
    pub(crate) fn new(serial: u64) -> InFlight {
        InFlight {
            serial,
            waiting: VecDeque::new(),
            failures: 0,
        }
    }

    /// Adds a waiting request.
    pub(crate) fn add_waiter(&mut self) -> Arc<WaiterSlot> {
        let slot = Arc::new(WaiterSlot::default());
        self.waiting.push_back(slot.clone());
        slot
    }

    /// Makes a waiting request the leader. False where there is none.
    pub(crate) fn hand_over(&mut self) -> bool {
        while let Some(slot) = self.waiting.pop_front() {
            if slot.tell(Outcome::Lead) {
                return true;
            }
        }
        false
    }

    /// Counts a failure. False where no further leader may try.
    pub(crate) fn may_try_again(&mut self) -> bool {
        self.failures += 1;
        self.failures < MOST_FAILURES
    }

    /// Wakes all waiting requests.
    pub(crate) fn end(self, outcome: Outcome) {
        for slot in self.waiting {
            slot.tell(outcome);
        }
    }
}

/// A part that is asked for at the origin.
#[derive(Debug)]
pub(crate) struct PartInFlight {
    pub(crate) wanted: RangeSpec,
    pub(crate) in_flight: InFlight,
}
