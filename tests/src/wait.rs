//! Waits for the state of another process that sends no event.

use std::time::{Duration, Instant};

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

/// Waits while nothing is done: for tests of what programs do meanwhile.
#[expect(clippy::disallowed_methods, reason = "idling is what is watched")]
pub fn idle(time: Duration) {
    std::thread::sleep(time);
}
