//! Handles a reload between deciding and dialing: nothing is sent by a policy that is no longer current.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, ready};

use privet_connection_log::{CloseReason, LiveConnection};
use privet_gateway::RouteDecision;

use crate::gateway::engine_gateway::EngineGateway;
use crate::snapshot::Snapshot;
use crate::supervise::configuration::revoke::is_revoked;

impl EngineGateway {
    /// Runs a step that opens something for as long as `snapshot` is the current one; `None`: a reload came first. The
    /// snapshot is compared before every poll, and a reload drops a step that waits (the system itself repeats a SYN
    /// that nobody answered).
    pub(super) async fn while_current<T>(
        &self,
        snapshot: &Snapshot,
        step: impl Future<Output = T>,
    ) -> Option<T> {
        let mut step = pin!(step);
        let mut reloaded = pin!(self.shared.policy_changes.next());
        poll_fn(|cx| {
            loop {
                if self.shared.snapshot.load().generation != snapshot.generation {
                    return Poll::Ready(None);
                }
                if let Poll::Ready(done) = step.as_mut().poll(cx) {
                    return Poll::Ready(Some(done));
                }
                ready!(reloaded.as_mut().poll(cx));
                reloaded.set(self.shared.policy_changes.next());
            }
        })
        .await
    }

    /// Closes a connection that the current policy forbids: a reload that came before it was recorded did not see it.
    pub(super) fn close_if_forbidden(&self, live: &LiveConnection, decision: &RouteDecision) {
        let snapshot = self.shared.snapshot.load();
        if snapshot.generation != decision.policy_generation && is_revoked(live.row(), &snapshot) {
            live.row().cancel(CloseReason::Reload);
        }
    }
}
