//! `listen.limits.connections`: counts open connections, and signals when none is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The number of open connections.
#[derive(Default)]
pub(crate) struct ConnectionLimit {
    taken: AtomicUsize,
    emptied: Notify,
}

/// One open connection; released on drop.
pub(crate) struct ConnectionSlot(Arc<ConnectionLimit>);

impl ConnectionLimit {
    /// The number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Whether no connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.open() == 0
    }

    /// Completes once no connection is open.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Registered before the count is read, so that a slot released in between still wakes this task.
            emptied.as_mut().enable();
            if self.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

impl ConnectionSlot {
    /// `None` while `most` connections are open.
    pub(crate) fn take(limit: &Arc<ConnectionLimit>, most: usize) -> Option<Self> {
        let slot = Self(limit.clone());
        (limit.taken.fetch_add(1, Ordering::AcqRel) < most).then_some(slot)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        if self.0.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.emptied.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn past_the_limit_no_slot_is_given_and_a_released_slot_is_reused() {
        let limit = Arc::new(ConnectionLimit::default());
        let first = ConnectionSlot::take(&limit, 1);
        assert!(first.is_some());
        assert!(ConnectionSlot::take(&limit, 1).is_none());
        drop(first);
        assert!(ConnectionSlot::take(&limit, 1).is_some());
    }

    #[tokio::test]
    async fn empty_waits_for_the_last_slot() {
        let limit = Arc::new(ConnectionLimit::default());
        limit.empty().await;
        let slot = ConnectionSlot::take(&limit, 9).unwrap();
        let waiting = tokio::spawn({
            let limit = limit.clone();
            async move { limit.empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(slot);
        waiting.await.unwrap();
    }
}
