//! A request that waits for the response to another one.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::cache::Cache;
use crate::fill::FillPermit;
use crate::in_flight::{InFlight, Outcome, WaiterSlot};
use crate::key::Key;

/// The wait of one request for the response to another. Dropping it ends the wait.
#[must_use = "it waits only while it is polled"]
pub struct Waiter {
    cache: Arc<Cache>,
    key: Key,
    serial: u64,
    slot: Arc<WaiterSlot>,
}

/// Why a wait is over.
#[derive(Debug)]
pub enum Wake {
    /// Look the key up again: it is stored, or it turned out that it cannot be.
    LookAgain,
    /// The leader is gone or failed: look up again with [`LookupAttempt::Leads`](crate::LookupAttempt).
    Lead(FillPermit),
    /// Two leaders failed.
    Failed,
}

impl Waiter {
    pub(crate) fn new(cache: &Arc<Cache>, key: Key, in_flight: &mut InFlight) -> Waiter {
        Waiter {
            cache: cache.clone(),
            key,
            serial: in_flight.serial,
            slot: in_flight.add_waiter(),
        }
    }

    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Wake> {
        let mut state = self.slot.lock();
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
        let mut state = self.slot.lock();
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
