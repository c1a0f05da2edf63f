//! Notifies waiting tasks when another snapshot becomes current.

use privet_policy::thread_index;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// More than the threads of most machines; threads that share a shard are notified as well.
const SHARDS: usize = 16;

/// One list of waiters for each thread, so that threads do not contend for its lock.
#[derive(Default)]
pub(crate) struct PolicyChanges([Notify; SHARDS]);

impl PolicyChanges {
    /// Completes at the first [`PolicyChanges::notify`] after this call.
    pub(crate) fn next(&self) -> Notified<'_> {
        let [first, ..] = &self.0;
        self.0
            .get(thread_index::current() % SHARDS)
            .unwrap_or(first)
            .notified()
    }

    /// Call after the snapshot was swapped.
    pub(crate) fn notify(&self) {
        for waiters in &self.0 {
            waiters.notify_waiters();
        }
    }
}
