//! Retention and wiping: what has to be gone is gone from memory and files.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use privet_connection_log::{
    CloseReason, ConnectionLog, GroupBy, Retention, RowState, Settings, WipeRange,
};

use crate::database::{
    DAY, close, ended_rows, files, folder, folder_contains, on_disk, record_three, recorded, usage,
    wait_until,
};
use crate::support::{all, opening};

#[test]
fn rows_older_than_the_retention_are_deleted_at_the_next_start() {
    let (_folder, file) = folder();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let ago = u64::try_from((now - 3 * DAY).as_millis()).expect("small");
    let (clock, _cell) = privet_connection_log::clock::Clock::by_hand(ago);
    let old = ConnectionLog::with_clock(on_disk(&file), clock);
    record_three(&old);
    assert!(old.flush());
    drop(old);
    let kept = ConnectionLog::start(on_disk(&file));
    assert_eq!(ended_rows(&kept).len(), 3);
    drop(kept);
    let short = ConnectionLog::start(Settings {
        retention: Retention::Disk(2 * DAY),
        ..on_disk(&file)
    });
    assert_eq!(ended_rows(&short), []);
    assert_eq!(usage(&short, GroupBy::Domain), []);
}

#[test]
fn a_wipe_leaves_nothing_in_memory_or_in_the_files() {
    let (folder, file) = folder();
    let connection_log = recorded(&file);
    assert!(folder_contains(folder.path(), "www.example.com"));
    record_three(&connection_log);
    assert!(connection_log.wipe(WipeRange::All));
    assert_eq!(ended_rows(&connection_log), []);
    assert_eq!(usage(&connection_log, GroupBy::Domain), []);
    assert!(!folder_contains(folder.path(), "example"));
}

#[test]
fn a_change_to_memory_deletes_the_files_and_continues_in_memory() {
    let (folder, file) = folder();
    let connection_log = recorded(&file);
    connection_log.reconfigure(Settings {
        retention: Retention::Memory,
        ..on_disk(&file)
    });
    assert!(!folder_contains(folder.path(), "example"));
    record_three(&connection_log);
    assert!(connection_log.flush());
    assert!(!folder_contains(folder.path(), "example"));
    assert_eq!(ended_rows(&connection_log).len(), 6);
}

/// A database with history, one of the former name, and copies that were set aside long ago and just now.
fn write_history(folder: &Path, file: &Path) {
    let connection_log = recorded(file);
    close(connection_log, file);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    let now = now.as_millis();
    for name in [
        "ledger.db".to_owned(),
        "ledger.db-wal".to_owned(),
        "ledger.db.corrupt-7".to_owned(),
        "connections.db.corrupt-8".to_owned(),
        "connections.db.corrupt-8-wal".to_owned(),
        format!("connections.db.corrupt-{now}"),
    ] {
        std::fs::write(folder.join(name), "www.example.com").expect("written");
    }
}

#[test]
fn a_retention_without_disk_removes_every_file_live_and_at_the_next_start() {
    for retention in [Retention::None, Retention::Memory] {
        for at_start in [true, false] {
            let (folder, file) = folder();
            write_history(folder.path(), &file);
            std::fs::write(folder.path().join("other.db"), "kept").expect("written");
            let lowered = Settings {
                retention,
                ..on_disk(&file)
            };
            let connection_log = if at_start {
                ConnectionLog::start(lowered)
            } else {
                let connection_log = ConnectionLog::start(on_disk(&file));
                connection_log.reconfigure(lowered);
                connection_log
            };
            assert_eq!(files(folder.path()), ["other.db"], "{retention:?}");
            assert_eq!(connection_log.problems(), [] as [String; 0]);
        }
    }
}

#[test]
fn a_shorter_retention_removes_older_rows_and_copies_set_aside_before() {
    let (folder, file) = folder();
    write_history(folder.path(), &file);
    let connection_log = ConnectionLog::start(on_disk(&file));
    let names = files(folder.path());
    let aside = names.iter().filter(|name| name.contains(".corrupt-"));
    assert_eq!(
        aside.count(),
        2,
        "one of the former name, one of now: {names:?}"
    );
    assert_eq!(ended_rows(&connection_log).len(), 3);
    let soon = SystemTime::now() + Duration::from_millis(2);
    wait_until(|| SystemTime::now() > soon);
    connection_log.reconfigure(Settings {
        retention: Retention::Disk(Duration::from_millis(1)),
        ..on_disk(&file)
    });
    assert!(connection_log.flush());
    assert_eq!(ended_rows(&connection_log), []);
    drop(connection_log);
    // An error text: usage of the current minute stays, with its host names.
    assert!(!folder_contains(folder.path(), "reset by peer"));
    let names = files(folder.path());
    let aside = names
        .iter()
        .filter(|name| name.contains("connections.db.corrupt-"));
    assert_eq!(aside.count(), 0, "{names:?}");
}

#[test]
fn a_wipe_by_range_deletes_only_connections_that_closed_in_it() {
    const MINUTE: u64 = 60_000;
    let (folder, file) = folder();
    let start = 1_000 * MINUTE * 60 * 24 * 30;
    let (clock, cell) = privet_connection_log::clock::Clock::by_hand(start);
    let settings = Settings {
        retention: Retention::Disk(Duration::from_secs(u64::from(u32::MAX) * 1_000)),
        ..on_disk(&file)
    };
    let connection_log = ConnectionLog::with_clock(settings, clock);
    for (minute, host) in [(0, "before.test"), (10, "within.test"), (20, "after.test")] {
        cell.store(minute * MINUTE, std::sync::atomic::Ordering::Relaxed);
        let live = connection_log.open(opening(host, 443));
        live.up(7);
        live.close(CloseReason::Finished, None);
        assert!(connection_log.flush());
    }
    assert!(folder_contains(folder.path(), "within.test"));
    let range = WipeRange::Between {
        from: start + 5 * MINUTE,
        to: start + 15 * MINUTE,
    };
    assert!(connection_log.wipe(range));
    let hosts: Vec<String> = all(&connection_log, RowState::Closed)
        .rows
        .into_iter()
        .map(|row| row.host)
        .collect();
    assert_eq!(hosts, ["after.test", "before.test"]);
    let mut domains: Vec<String> = usage(&connection_log, GroupBy::Domain)
        .into_iter()
        .map(|(domain, ..)| domain)
        .collect();
    domains.sort();
    assert_eq!(domains, ["after.test", "before.test"]);
    assert!(!folder_contains(folder.path(), "within.test"));
    assert!(folder_contains(folder.path(), "before.test"));
}
