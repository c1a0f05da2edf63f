//! The database: restarts, broken files, wiping, retention, file modes.

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use privet_connection_log::{
    CloseReason, ConnectionLog, GroupBy, Retention, RowState, RowView, Settings, WipeRange,
};
use privet_policy::WhyKind;
use support::{all, app, opening};

const DAY: Duration = Duration::from_secs(86_400);

fn on_disk(file: &Path) -> Settings {
    Settings {
        retention: Retention::Disk(30 * DAY),
        file: Some(file.to_owned()),
        ..Settings::default()
    }
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("connections.db");
    (folder, file)
}

/// Records one connection with every value set, one blocked, one failed.
fn live_through(connection_log: &ConnectionLog) {
    let mut full = opening("www.example.com", 443);
    full.app = Some(app("firefox"));
    full.user = Some("alice".into());
    full.route = "office → tor".into();
    let live = connection_log.open(full);
    live.up(1_000);
    live.down(2_000);
    live.request();
    live.set_remote("[2001:db8::1]:443".parse().expect("an address"));
    let ms = |ms| Some(Duration::from_millis(ms));
    live.set_phases(ms(1), ms(20), None);
    live.first_byte(Duration::from_micros(333));
    live.close(CloseReason::Broken, Some("reset by peer".to_owned()));
    let mut ads = opening("ads.example.net", 80);
    ads.why.kind = WhyKind::Deny;
    connection_log.record_refused(ads, CloseReason::Blocked, None);
    connection_log.record_refused(
        opening("10.0.0.1", 22),
        CloseReason::Failed,
        Some("refused".to_owned()),
    );
}

fn shown(connection_log: &ConnectionLog) -> Vec<RowView> {
    let mut rows = all(connection_log, RowState::Closed).rows;
    rows.extend(all(connection_log, RowState::Blocked).rows);
    // Ids differ between runs.
    for row in &mut rows {
        row.id = 0;
    }
    rows.sort_by(|a, b| a.host.cmp(&b.host));
    rows
}

fn usage(connection_log: &ConnectionLog, by: GroupBy) -> Vec<(String, u64, u64)> {
    let rows = connection_log
        .usage(by, 0, u64::MAX / 2, 0)
        .expect("readable");
    let mut found: Vec<(String, u64, u64)> = rows
        .into_iter()
        .map(|row| (row.key, row.down, row.connections))
        .collect();
    found.sort();
    found
}

#[test]
fn rows_and_totals_survive_a_restart() {
    let (_folder, file) = folder();
    let first = ConnectionLog::start(on_disk(&file));
    live_through(&first);
    let before = shown(&first);
    let domains = usage(&first, GroupBy::Domain);
    assert!(first.flush());
    drop(first);
    let second = ConnectionLog::start(on_disk(&file));
    assert_eq!(second.problems(), [""; 0]);
    assert_eq!(before.len(), 3);
    assert_eq!(shown(&second), before);
    assert_eq!(domains.len(), 3);
    assert_eq!(usage(&second, GroupBy::Domain), domains);
    live_through(&second);
    let twice = usage(&second, GroupBy::Domain);
    assert_eq!(twice[2], ("www.example.com".to_owned(), 4_000, 2));
    assert_eq!(second.past_connections(0).expect("readable").count(), 6);
    let ids: std::collections::HashSet<u64> = all(&second, RowState::Closed)
        .rows
        .iter()
        .map(|row| row.id)
        .collect();
    assert_eq!(ids.len(), 4, "numbers of both runs differ");
    assert!(ids.iter().all(|id| *id <= 1 << 53));
}

#[test]
fn a_file_that_is_no_database_is_set_aside_and_reported() {
    let broken: [&dyn Fn(&Path); 2] = [
        &|file| {
            std::fs::write(file, "this is no database, however long one looks at it")
                .expect("written")
        },
        &|file| cut_middle(file),
    ];
    for breaks in broken {
        let (folder, file) = folder();
        let connection_log = ConnectionLog::start(on_disk(&file));
        live_through(&connection_log);
        assert!(connection_log.flush());
        drop(connection_log);
        let wal = folder.path().join("connections.db-wal");
        wait_until(|| !wal.exists());
        breaks(&file);
        let connection_log = ConnectionLog::start(on_disk(&file));
        let problems = connection_log.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("set aside as"), "{problems:?}");
        assert_eq!(shown(&connection_log), []);
        live_through(&connection_log);
        assert_eq!(usage(&connection_log, GroupBy::App).len(), 2);
        let aside = std::fs::read_dir(folder.path())
            .expect("a folder")
            .flatten()
            .filter(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with("connections.db.corrupt-")
            })
            .count();
        assert!(aside >= 1);
    }
}

/// The writer's thread closes the database a moment after the connection log is dropped.
fn wait_until(done: impl Fn() -> bool) {
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(std::time::Instant::now() < until, "it never came");
        std::thread::yield_now();
    }
}

fn cut_middle(file: &Path) {
    let mut bytes = std::fs::read(file).expect("a file");
    bytes[4096..].fill(0xff);
    std::fs::write(file, bytes).expect("written");
}

/// As a newer version of Privet would leave it: `user_version` is at byte 60 of the header.
fn newer(file: &Path) {
    let mut bytes = std::fs::read(file).expect("a file");
    bytes[60..64].copy_from_slice(&77_u32.to_be_bytes());
    std::fs::write(file, bytes).expect("written");
}

#[test]
fn rows_older_than_the_retention_are_deleted_at_the_next_start() {
    let (_folder, file) = folder();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    let ago = u64::try_from((now - 3 * DAY).as_millis()).expect("small");
    let (clock, _cell) = privet_connection_log::clock::Clock::by_hand(ago);
    let old = ConnectionLog::with_clock(on_disk(&file), clock);
    live_through(&old);
    assert!(old.flush());
    drop(old);
    let kept = ConnectionLog::start(on_disk(&file));
    assert_eq!(shown(&kept).len(), 3);
    drop(kept);
    let short = ConnectionLog::start(Settings {
        retention: Retention::Disk(2 * DAY),
        ..on_disk(&file)
    });
    assert_eq!(shown(&short), []);
    assert_eq!(usage(&short, GroupBy::Domain), []);
}

fn on_the_disk(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder)
        .expect("a folder")
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path()).ok())
        .any(|bytes| {
            bytes
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        })
}

#[test]
fn a_wipe_leaves_nothing_in_memory_or_in_the_files() {
    let (folder, file) = folder();
    let connection_log = ConnectionLog::start(on_disk(&file));
    live_through(&connection_log);
    assert!(connection_log.flush());
    assert!(on_the_disk(folder.path(), "www.example.com"));
    live_through(&connection_log);
    assert!(connection_log.wipe(WipeRange::All));
    assert_eq!(shown(&connection_log), []);
    assert_eq!(usage(&connection_log, GroupBy::Domain), []);
    assert!(!on_the_disk(folder.path(), "example"));
}

#[test]
fn a_change_to_memory_deletes_the_files_and_continues_in_memory() {
    let (folder, file) = folder();
    let connection_log = ConnectionLog::start(on_disk(&file));
    live_through(&connection_log);
    assert!(connection_log.flush());
    connection_log.reconfigure(Settings {
        retention: Retention::Memory,
        ..on_disk(&file)
    });
    assert!(!on_the_disk(folder.path(), "example"));
    live_through(&connection_log);
    assert!(connection_log.flush());
    assert!(!on_the_disk(folder.path(), "example"));
    assert_eq!(shown(&connection_log).len(), 6);
}

#[test]
fn a_change_from_memory_to_the_disk_is_written_from_then_on() {
    let (_folder, file) = folder();
    let connection_log = ConnectionLog::default();
    connection_log.reconfigure(on_disk(&file));
    live_through(&connection_log);
    assert!(connection_log.flush());
    drop(connection_log);
    assert_eq!(shown(&ConnectionLog::start(on_disk(&file))).len(), 3);
}

#[test]
fn memory_writes_no_file_even_where_one_is_named() {
    let (_folder, file) = folder();
    let connection_log = ConnectionLog::start(Settings {
        retention: Retention::Memory,
        ..on_disk(&file)
    });
    live_through(&connection_log);
    assert!(connection_log.flush());
    assert!(!file.exists());
}

#[cfg(unix)]
#[test]
fn the_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, file) = folder();
    let connection_log = ConnectionLog::start(on_disk(&file));
    live_through(&connection_log);
    assert!(connection_log.flush());
    for entry in std::fs::read_dir(folder.path())
        .expect("a folder")
        .flatten()
    {
        let mode = entry.metadata().expect("its mode").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn a_missing_folder_is_a_problem_and_the_log_stays_in_memory() {
    let (_folder, file) = folder();
    let connection_log = ConnectionLog::start(on_disk(&file.join("not/there.db")));
    assert!(connection_log.problems()[0].contains("in memory only"));
    live_through(&connection_log);
    assert_eq!(shown(&connection_log).len(), 3);
    assert_eq!(usage(&connection_log, GroupBy::Domain).len(), 3);
}

/// The names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A database with history, one of the former name, and copies that were set aside long ago and just now.
fn leave_history(folder: &Path, file: &Path) {
    let connection_log = ConnectionLog::start(on_disk(file));
    live_through(&connection_log);
    assert!(connection_log.flush());
    drop(connection_log);
    let wal = folder.join("connections.db-wal");
    wait_until(|| !wal.exists());
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
            leave_history(folder.path(), &file);
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
    leave_history(folder.path(), &file);
    let connection_log = ConnectionLog::start(on_disk(&file));
    let names = files(folder.path());
    let aside = names.iter().filter(|name| name.contains(".corrupt-"));
    assert_eq!(
        aside.count(),
        2,
        "one of the former name, one of now: {names:?}"
    );
    assert_eq!(shown(&connection_log).len(), 3);
    std::thread::park_timeout(Duration::from_millis(20));
    connection_log.reconfigure(Settings {
        retention: Retention::Disk(Duration::from_millis(1)),
        ..on_disk(&file)
    });
    assert!(connection_log.flush());
    assert_eq!(shown(&connection_log), []);
    drop(connection_log);
    // An error text: usage of the current minute stays, with its host names.
    assert!(!on_the_disk(folder.path(), "reset by peer"));
    let names = files(folder.path());
    let aside = names
        .iter()
        .filter(|name| name.contains("connections.db.corrupt-"));
    assert_eq!(aside.count(), 0, "{names:?}");
}

#[test]
fn a_database_with_the_former_name_is_renamed_and_used() {
    let (folder, file) = folder();
    let former = folder.path().join("ledger.db");
    let connection_log = ConnectionLog::start(on_disk(&former));
    live_through(&connection_log);
    assert!(connection_log.flush());
    drop(connection_log);
    let wal = folder.path().join("ledger.db-wal");
    wait_until(|| !wal.exists());
    assert_eq!(shown(&ConnectionLog::start(on_disk(&file))).len(), 3);
    assert!(!former.exists());
}

#[test]
fn a_database_of_a_newer_version_is_unchanged_and_not_reported_as_corrupt() {
    let (folder, file) = folder();
    let connection_log = ConnectionLog::start(on_disk(&file));
    live_through(&connection_log);
    assert!(connection_log.flush());
    drop(connection_log);
    let wal = folder.path().join("connections.db-wal");
    wait_until(|| !wal.exists());
    newer(&file);
    let before = std::fs::read(&file).expect("a file");
    let connection_log = ConnectionLog::start(on_disk(&file));
    let problems = connection_log.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].contains("a newer Privet wrote it"),
        "{problems:?}"
    );
    assert!(!problems[0].contains("set aside"), "{problems:?}");
    live_through(&connection_log);
    assert_eq!(shown(&connection_log).len(), 3);
    drop(connection_log);
    assert_eq!(files(folder.path()), ["connections.db"]);
    assert_eq!(std::fs::read(&file).expect("a file"), before);
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
    assert!(on_the_disk(folder.path(), "within.test"));
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
    assert!(!on_the_disk(folder.path(), "within.test"));
    assert!(on_the_disk(folder.path(), "before.test"));
}
