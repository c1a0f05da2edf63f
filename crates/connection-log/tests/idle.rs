//! Connections that transfer nothing for too long are asked to close.

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use privet_connection_log::clock::Clock;
use privet_connection_log::{CloseReason, ConnectionLog, Settings};
use support::opening;

#[test]
fn a_connection_whose_bytes_another_row_counts_is_not_ended_as_idle() {
    let (clock, cell) = Clock::by_hand(0);
    let log = ConnectionLog::with_clock(Settings::default(), clock.clone());
    let control = log.open(opening("ftp.test", 21));
    let data = log.open(opening("ftp.test", 40_000));
    data.exempt_from_idle();
    cell.store(10_000, Ordering::Relaxed);
    let now = clock.moment(10_000);
    assert_eq!(log.close_idle(now, Duration::from_secs(5)), 1);
    assert_eq!(control.row().cancelled(), Some(CloseReason::Idle));
    assert_eq!(data.row().cancelled(), None);
}
