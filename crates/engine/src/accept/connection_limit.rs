//! `listen.limits.connections`: how many connections stand, and the moment when none does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Places {
    taken: AtomicUsize,
    emptied: Notify,
}

/// One connection's place; given back when dropped.
pub(crate) struct Place(Arc<Places>);

impl Places {
    /// Completes once no connection stands.
    pub(crate) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            tokio::pin!(emptied);
            // Registered before the look: a place given back in between still wakes us.
            emptied.as_mut().enable();
            if self.taken.load(Ordering::Acquire) == 0 {
                return;
            }
            emptied.await;
        }
    }
}

impl Place {
    /// `None` when `most` connections stand already.
    pub(crate) fn take(places: &Arc<Places>, most: usize) -> Option<Self> {
        let place = Self(places.clone());
        (places.taken.fetch_add(1, Ordering::AcqRel) < most).then_some(place)
    }
}

impl Drop for Place {
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
    fn past_the_limit_nobody_gets_a_place_and_a_place_given_back_can_be_taken() {
        let places = Arc::new(Places::default());
        let first = Place::take(&places, 1);
        assert!(first.is_some());
        assert!(Place::take(&places, 1).is_none());
        drop(first);
        assert!(Place::take(&places, 1).is_some());
    }

    #[tokio::test]
    async fn empty_waits_for_the_last_place() {
        let places = Arc::new(Places::default());
        places.empty().await;
        let place = Place::take(&places, 9).unwrap();
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.empty().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(place);
        waiting.await.unwrap();
    }
}
