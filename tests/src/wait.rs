//! Polls the state of another process that sends no event.

use std::time::Instant;

use crate::PATIENCE;
use crate::privet::pause;

/// Polls until `ready` returns true.
///
/// # Panics
/// It does not within [`PATIENCE`].
#[track_caller]
pub fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < PATIENCE, "{what} never comes");
        pause();
    }
}
