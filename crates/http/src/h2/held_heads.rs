//! Bounds the heads of the requests that run on one connection. A compressed head may be a thousand times smaller on the
//! wire than in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of heads of all streams of a connection.
const MOST: usize = 1024 * 1024;

/// The bytes of heads that a connection holds.
#[derive(Clone, Default)]
pub struct HeldHeads(Arc<AtomicUsize>);

/// One head; it counts until this is dropped.
pub struct HeldHead {
    held: HeldHeads,
    len: usize,
}

impl HeldHeads {
    /// `None`: the connection holds as much as it may.
    pub fn hold(&self, len: usize) -> Option<HeldHead> {
        let before = self.0.fetch_add(len, Ordering::Relaxed);
        let head = HeldHead {
            held: self.clone(),
            len,
        };
        (before + len <= MOST).then_some(head)
    }
}

impl Drop for HeldHead {
    fn drop(&mut self) {
        self.held.0.fetch_sub(self.len, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_held_up_to_the_bound_and_make_room_when_they_end() {
        let heads = HeldHeads::default();
        let half = heads.hold(MOST / 2);
        assert!(half.is_some());
        assert!(heads.hold(MOST / 2 + 1).is_none());
        assert!(heads.hold(MOST / 2).is_some());
        drop(half);
        assert!(heads.hold(MOST).is_some());
    }
}
