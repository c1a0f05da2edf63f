//! `listen.limits.connections`: counts open connections, and signals when none is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::accept::client_connections::ClientSlot;

/// File descriptors of one connection: the client's and the destination's.
const DESCRIPTORS_EACH: usize = 2;
/// Descriptors that are left for everything else: pipes, look-ups, lists, the control API.
const RESERVED: usize = 16;
/// The limit is not lowered below this.
const FEWEST: usize = 4;

/// The number of open connections.
pub(crate) struct ConnectionLimit {
    taken: AtomicUsize,
    emptied: Notify,
    /// Connections for which there are file descriptors.
    by_descriptors: AtomicUsize,
}

/// One open connection; released on drop.
pub(crate) struct ConnectionSlot {
    limit: Arc<ConnectionLimit>,
    /// Its share of its client's connections, where these are limited.
    client: Option<Box<ClientSlot>>,
}

impl Default for ConnectionLimit {
    fn default() -> Self {
        Self {
            taken: AtomicUsize::new(0),
            emptied: Notify::new(),
            by_descriptors: AtomicUsize::new(usize::MAX),
        }
    }
}

impl ConnectionLimit {
    /// The number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// Whether no connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.open() == 0
    }

    /// Lowers the limit to what `most` file descriptors allow, of which `open` are in use for other things.
    pub(crate) fn fit_descriptors(&self, open: usize, most: usize) {
        let left = most.saturating_sub(open + RESERVED);
        let fit = (left / DESCRIPTORS_EACH).max(FEWEST);
        self.by_descriptors.store(fit, Ordering::Relaxed);
    }

    /// The connections that may be open, of `configured` ones.
    pub(crate) fn most(&self, configured: usize) -> usize {
        configured.min(self.by_descriptors.load(Ordering::Relaxed))
    }

    /// Whether file descriptors allow no more than `most` connections.
    pub(crate) fn is_of_descriptors(&self, most: usize) -> bool {
        self.by_descriptors.load(Ordering::Relaxed) <= most
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
        let slot = Self {
            limit: limit.clone(),
            client: None,
        };
        (limit.taken.fetch_add(1, Ordering::AcqRel) < most).then_some(slot)
    }

    /// Counts it for its client too.
    pub(crate) fn count_for(&mut self, client: ClientSlot) {
        self.client = Some(Box::new(client));
    }

    pub(crate) fn is_counted_for_client(&self) -> bool {
        self.client.is_some()
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        if self.limit.taken.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.limit.emptied.notify_waiters();
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

    #[test]
    fn the_limit_follows_the_file_descriptors() {
        let limit = ConnectionLimit::default();
        assert_eq!(limit.most(20_000), 20_000);
        limit.fit_descriptors(34, 1024);
        assert_eq!(limit.most(20_000), 487);
        assert_eq!(limit.most(100), 100);
        assert!(limit.is_of_descriptors(487) && !limit.is_of_descriptors(100));
        limit.fit_descriptors(60, 64);
        assert_eq!(limit.most(20_000), FEWEST);
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
