//! Waiting for what another process shows without an event.

use std::time::Instant;

use crate::PATIENCE;
use crate::privet::pause;

/// Looks again and again until it is `ready`.
///
/// # Panics
/// It never is.
#[track_caller]
pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < PATIENCE, "{what} never comes");
        pause();
    }
}
