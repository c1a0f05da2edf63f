//! A request that is on its way to a member.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Failure, Pool};

/// Counts as in flight until it is dropped. Report what happened as soon as it is known: a success with its latency
/// when the answer's head is there, a failure when it is seen; the lease itself lives until the body's end. Without a
/// report the request says nothing about the member, as one that the client cancelled.
#[derive(Debug)]
#[must_use = "the request counts as over when its lease is dropped"]
pub struct Lease {
    owner: Arc<Owner>,
    member: usize,
}

/// One for each selector, so that threads do not all count references of the same pool.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) pool: Arc<Pool>,
}

impl Lease {
    pub(crate) fn new(owner: &Arc<Owner>, member: usize) -> Self {
        if let Some(load) = owner.pool.load(member) {
            load.start();
        }
        Self {
            owner: owner.clone(),
            member,
        }
    }

    /// The member's place in the pool.
    pub fn member(&self) -> usize {
        self.member
    }

    /// The member did what was asked. `latency`: until the first byte of the answer, or until the connection was
    /// open; `None`: nothing to measure.
    pub fn succeeded(&self, latency: Option<Duration>, now: Instant) {
        self.owner.pool.succeeded(self.member, latency, now);
    }

    /// The request failed through the member's fault. `dice`: a random number.
    pub fn failed(&self, failure: Failure, now: Instant, dice: u64) {
        self.owner.pool.failed(self.member, failure, now, dice);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(load) = self.owner.pool.load(self.member) {
            load.end();
        }
    }
}
