//! The connection log against a simple model: after any sequence of events, sums agree, bounds hold and no row is lost.

mod support;

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use privet_connection_log::clock::Clock;
use privet_connection_log::{
    CloseReason, ConnectionLog, GroupBy, LiveConnection, Retention, RowState, Settings, Verdict,
};
use proptest::prelude::*;
use support::{all, app, opening};

/// An event on a connection log.
#[derive(Debug, Clone)]
enum Event {
    Opens { host: u8, routed: bool },
    Moves { row: usize, up: u32, down: u32 },
    Closes { row: usize },
    Refused { host: u8, blocked: bool },
    Passes { ms: u16 },
    Ticks,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..6_u8, any::<bool>()).prop_map(|(host, routed)| Event::Opens { host, routed }),
        4 => (0..40_usize, any::<u32>(), any::<u32>()).prop_map(|(row, up, down)| Event::Moves { row, up, down }),
        2 => (0..40_usize).prop_map(|row| Event::Closes { row }),
        2 => (0..6_u8, any::<bool>()).prop_map(|(host, blocked)| Event::Refused { host, blocked }),
        3 => any::<u16>().prop_map(|ms| Event::Passes { ms }),
        2 => Just(Event::Ticks),
    ]
}

/// The expected state.
#[derive(Default)]
struct Model {
    /// By host: bytes up, down, connections, blocked.
    hosts: HashMap<String, [u64; 4]>,
    closed: usize,
    blocked: usize,
    failed: u64,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn sums_agree_and_no_row_is_lost(events in prop::collection::vec(event(), 1..120)) {
        let (clock, cell) = Clock::by_hand(1_700_000_000_000);
        let connection_log = ConnectionLog::with_clock(Settings::default(), clock.clone());
        let mut model = Model::default();
        let mut live: Vec<(String, LiveConnection)> = Vec::new();
        for event in events {
            match event {
                Event::Opens { host, routed } => {
                    let host = format!("{host}.test");
                    let mut opening = opening(&host, 80);
                    if routed {
                        opening.route = "tor".into();
                    }
                    model.hosts.entry(host.clone()).or_default()[2] += 1;
                    live.push((host, connection_log.open(opening)));
                }
                Event::Moves { row, up, down } => {
                    if let Some((host, live)) = live.get(row) {
                        live.up(up.into());
                        live.down(down.into());
                        let sums = model.hosts.entry(host.clone()).or_default();
                        sums[0] += u64::from(up);
                        sums[1] += u64::from(down);
                    }
                }
                Event::Closes { row } => {
                    if row < live.len() {
                        live.swap_remove(row).1.close(CloseReason::Finished, None);
                        model.closed += 1;
                    }
                }
                Event::Refused { host, blocked } => {
                    let host = format!("{host}.test");
                    let sums = model.hosts.entry(host.clone()).or_default();
                    sums[2] += 1;
                    if blocked {
                        sums[3] += 1;
                        model.blocked += 1;
                        connection_log.record_refused(opening(&host, 80), CloseReason::Blocked, None);
                    } else {
                        model.closed += 1;
                        model.failed += 1;
                        connection_log.record_refused(opening(&host, 80), CloseReason::Failed, Some("refused".to_owned()));
                    }
                }
                Event::Passes { ms } => {
                    cell.fetch_add(ms.into(), Ordering::Relaxed);
                }
                Event::Ticks => connection_log.tick(clock.moment(clock.now())),
            }
        }
        // Within the shortest sample interval the last bytes would wait for the next sample.
        cell.fetch_add(1000, Ordering::Relaxed);
        connection_log.tick(clock.moment(clock.now()));
        prop_assert_eq!(all(&connection_log, RowState::Active).total, live.len());
        prop_assert_eq!(all(&connection_log, RowState::Closed).total, model.closed);
        prop_assert_eq!(all(&connection_log, RowState::Blocked).total, model.blocked);
        let totals = connection_log.totals();
        let sum = |at: usize| model.hosts.values().map(|sums| sums[at]).sum::<u64>();
        prop_assert_eq!(totals.direct.up + totals.routed.up, sum(0));
        prop_assert_eq!(totals.direct.down + totals.routed.down, sum(1));
        prop_assert_eq!(totals.connections, sum(2));
        prop_assert_eq!(totals.blocked, sum(3));
        prop_assert_eq!(totals.failed, model.failed);
        prop_assert_eq!(totals.active, live.len() as u64);
        // All minutes together equal the model by domain, and have the same sum by every other kind.
        for (_, by) in GroupBy::ALL {
            let rows = connection_log.usage(by, 0, u64::MAX / 2, 0).expect("in memory");
            let of = |read: fn(&privet_connection_log::UsageRow) -> u64| rows.iter().map(read).sum::<u64>();
            prop_assert_eq!([of(|r| r.up), of(|r| r.down), of(|r| r.connections), of(|r| r.blocked)],
                [sum(0), sum(1), sum(2), sum(3)]);
            if by == GroupBy::Domain {
                for row in rows {
                    prop_assert_eq!(model.hosts.get(&row.key),
                        Some(&[row.up, row.down, row.connections, row.blocked]));
                }
            }
        }
        prop_assert_eq!(connection_log.dropped_rows(), 0);
    }
}

fn connection_log(settings: Settings) -> (ConnectionLog, impl Fn(u64)) {
    let (clock, cell) = Clock::by_hand(1_700_000_000_000);
    let connection_log = ConnectionLog::with_clock(settings, clock.clone());
    let ticking = connection_log.clone();
    let pass = move |ms: u64| {
        cell.fetch_add(ms, Ordering::Relaxed);
        ticking.tick(clock.moment(clock.now()));
    };
    (connection_log, pass)
}

fn is_cancelled(live: &LiveConnection) -> bool {
    live.poll_cancelled(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn speeds_are_the_bytes_between_two_ticks() {
    let (connection_log, pass) = connection_log(Settings::default());
    let live = connection_log.open(opening("a.test", 80));
    pass(1000);
    live.down(5_000);
    live.up(100);
    pass(500);
    let page = all(&connection_log, RowState::Active);
    assert_eq!((page.down_speed, page.up_speed), (10_000, 200));
    assert_eq!(page.rows[0].down_speed, 10_000);
    pass(500);
    assert_eq!(all(&connection_log, RowState::Active).down_speed, 0);
}

#[test]
fn only_rows_without_a_byte_for_the_limit_end_as_idle() {
    let (clock, cell) = Clock::by_hand(0);
    let connection_log = ConnectionLog::with_clock(Settings::default(), clock.clone());
    let idle = connection_log.open(opening("idle.test", 80));
    let busy = connection_log.open(opening("busy.test", 80));
    let limit = Duration::from_secs(80);
    let mut swept = 0;
    for second in (0..=79_u64).step_by(10) {
        cell.store(second * 1000, Ordering::Relaxed);
        busy.down(1);
        swept += connection_log.close_idle(clock.moment(second * 1000), limit);
    }
    assert_eq!(swept, 0);
    assert_eq!(connection_log.close_idle(clock.moment(80_000), limit), 1);
    assert!(is_cancelled(&idle) && !is_cancelled(&busy));
    assert_eq!(
        connection_log.close_idle(clock.moment(81_000), limit),
        0,
        "asked once"
    );
    drop(idle);
    let row = &all(&connection_log, RowState::Closed).rows[0];
    assert_eq!(
        (row.host.as_str(), row.end.as_deref()),
        ("idle.test", Some("idle"))
    );
}

#[test]
fn the_first_close_reason_is_kept() {
    let (connection_log, _pass) = connection_log(Settings::default());
    let live = connection_log.open(opening("a.test", 80));
    assert!(connection_log.cancel(live.row().id, CloseReason::Closed));
    assert_eq!(connection_log.cancel_all(CloseReason::Shutdown), 1);
    live.close(CloseReason::Broken, Some("cut".to_owned()));
    let row = &all(&connection_log, RowState::Closed).rows[0];
    assert_eq!(
        (row.end.as_deref(), row.error.as_deref()),
        (Some("closed"), Some("cut"))
    );
    assert!(
        !connection_log.cancel(row.id, CloseReason::Closed),
        "it is closed"
    );
}

#[test]
fn only_matching_rows_are_asked_to_close() {
    let (connection_log, _pass) = connection_log(Settings::default());
    let rows = ["a.test", "b.test", "a.example"].map(|host| connection_log.open(opening(host, 80)));
    assert_eq!(
        connection_log.cancel_matching(&support::query("host:a.*"), CloseReason::Closed),
        2
    );
    assert_eq!(rows.each_ref().map(is_cancelled), [true, false, true]);
    let asked = connection_log.cancel_where(|row| row.target().port == 80, CloseReason::Reload);
    assert_eq!(asked, 3);
    assert_eq!(rows[1].row().cancelled(), Some(CloseReason::Reload));
}

#[test]
fn a_program_found_late_is_shown_and_the_first_one_is_kept() {
    let (connection_log, _pass) = connection_log(Settings::default());
    let live = connection_log.open(opening("a.test", 80));
    live.row().set_app(app("curl"));
    live.row().set_app(app("wget"));
    assert_eq!(
        all(&connection_log, RowState::Active).rows[0]
            .app
            .as_deref(),
        Some("curl")
    );
}

#[test]
fn an_open_connection_that_becomes_blocked_is_in_the_blocked_history() {
    let (connection_log, _pass) = connection_log(Settings::default());
    connection_log
        .open(opening("a.test", 80))
        .close(CloseReason::Blocked, None);
    assert_eq!(
        all(&connection_log, RowState::Blocked).rows[0].verdict,
        "blocked"
    );
    assert_eq!(connection_log.totals().blocked, 1);
}

#[test]
fn the_history_keeps_the_newest_within_both_bounds() {
    let settings = |rows, bytes| Settings {
        history_rows: rows,
        history_bytes: bytes,
        ..Settings::default()
    };
    for (settings, most) in [(settings(3, usize::MAX), 3), (settings(100, 2_000), 7)] {
        let (connection_log, _pass) = connection_log(settings);
        for at in 0..20 {
            drop(connection_log.open(opening(&format!("{at}.test"), 80)));
        }
        let page = all(&connection_log, RowState::Closed);
        assert!(page.total <= most && page.total > 0, "{}", page.total);
        assert!(page.rows.iter().any(|row| row.host == "19.test"));
        assert!(page.rows.iter().all(|row| row.host != "0.test"));
    }
}

#[test]
fn nothing_is_kept_without_retention() {
    let (connection_log, pass) = connection_log(Settings {
        retention: Retention::None,
        ..Settings::default()
    });
    let live = connection_log.open(opening("a.test", 80));
    live.up(10);
    pass(1000);
    drop(live);
    connection_log.record_refused(opening("b.test", 80), CloseReason::Blocked, None);
    pass(60_000);
    assert_eq!(all(&connection_log, RowState::Closed).total, 0);
    assert_eq!(all(&connection_log, RowState::Blocked).total, 0);
    assert!(
        connection_log
            .usage(GroupBy::Domain, 0, u64::MAX / 2, 0)
            .expect("in memory")
            .is_empty()
    );
    assert_eq!(
        connection_log
            .past_connections(0)
            .expect("in memory")
            .count(),
        0
    );
    let totals = connection_log.totals();
    assert_eq!(
        (totals.connections, totals.blocked, totals.direct.up),
        (2, 1, 10)
    );
}

#[test]
fn rows_that_settings_no_longer_allow_are_deleted_at_once() {
    let (connection_log, _pass) = connection_log(Settings::default());
    drop(connection_log.open(opening("a.test", 80)));
    assert_eq!(all(&connection_log, RowState::Closed).total, 1);
    connection_log.reconfigure(Settings {
        retention: Retention::None,
        ..Settings::default()
    });
    drop(connection_log.open(opening("b.test", 80)));
    assert_eq!(all(&connection_log, RowState::Closed).total, 0);
}

#[test]
fn bytes_are_counted_in_the_minute_they_were_transferred() {
    let (connection_log, pass) = connection_log(Settings::default());
    let live = connection_log.open(opening("a.test", 80));
    for up in [1, 10, 100] {
        live.up(up);
        pass(60_000);
    }
    let usage = connection_log
        .usage(GroupBy::App, 0, u64::MAX / 2, 60_000)
        .expect("in memory");
    let ups: Vec<u64> = usage.iter().map(|row| row.up).collect();
    assert_eq!(ups, [1, 10, 100]);
    assert!(
        usage
            .windows(2)
            .all(|two| two[1].start - two[0].start == 60_000)
    );
    let connections: u64 = usage.iter().map(|row| row.connections).sum();
    assert_eq!(connections, 1, "a connection of three minutes is one");
}

#[test]
fn names_past_the_bound_of_a_minute_are_summed_as_other() {
    let (connection_log, pass) = connection_log(Settings::default());
    for at in 0..2_500 {
        connection_log.record_refused(
            opening(&format!("{at}.test"), 80),
            CloseReason::Blocked,
            None,
        );
    }
    pass(1000);
    let usage = connection_log
        .usage(GroupBy::Domain, 0, u64::MAX / 2, 0)
        .expect("in memory");
    assert!(usage.len() <= 201);
    let blocked: u64 = usage.iter().map(|row| row.blocked).sum();
    assert_eq!(blocked, 2_500);
}

#[test]
fn past_connections_are_read_oldest_first() {
    let (connection_log, pass) = connection_log(Settings::default());
    drop(connection_log.open(opening("a.test", 80)));
    pass(1000);
    connection_log.record_refused(opening("b.test", 81), CloseReason::Blocked, None);
    pass(1000);
    let records: Vec<(String, Verdict)> = connection_log
        .past_connections(0)
        .expect("in memory")
        .map(|record| (record.target.to_string(), record.verdict))
        .collect();
    let wanted = [
        ("a.test:80", Verdict::Direct),
        ("b.test:81", Verdict::Blocked),
    ];
    assert_eq!(
        records,
        wanted.map(|(target, verdict)| (target.to_owned(), verdict))
    );
    assert_eq!(
        connection_log
            .past_connections(1_700_000_000_500)
            .expect("in memory")
            .count(),
        1
    );
}
