//! Waking what waits when another policy comes into force.

use privet_policy::thread_index;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// More than there are threads on most machines; threads that share one still wait rightly.
const SHARDS: usize = 16;

/// One list of waiters a thread, so that threads do not meet at its lock.
#[derive(Default)]
pub(crate) struct Reloads([Notify; SHARDS]);

impl Reloads {
    /// Ready once [`Reloads::tell`] is called after this was.
    pub(crate) fn next(&self) -> Notified<'_> {
        let [first, ..] = &self.0;
        self.0
            .get(thread_index::current() % SHARDS)
            .unwrap_or(first)
            .notified()
    }

    /// To be called once the snapshot is swapped.
    pub(crate) fn tell(&self) {
        for waiters in &self.0 {
            waiters.notify_waiters();
        }
    }
}
