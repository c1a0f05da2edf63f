//! Polls the state of another process that sends no event.

use std::time::Instant;

use crate::privet::pause;
use crate::timeout::TIMEOUT;

/// Polls until `ready` returns true.
///
/// # Panics
/// It does not within [`TIMEOUT`].
#[track_caller]
pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < TIMEOUT, "{what} never comes");
        pause();
    }
}
