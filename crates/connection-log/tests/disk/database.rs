//! A database in a folder of its own, with three connections.

use std::path::{Path, PathBuf};
use std::time::Duration;

use privet_connection_log::{
    CloseReason, ConnectionLog, GroupBy, Retention, RowState, RowView, Settings,
};
use privet_policy::WhyKind;

use crate::support::{all, app, opening};

pub const DAY: Duration = Duration::from_secs(86_400);

pub fn on_disk(file: &Path) -> Settings {
    Settings {
        retention: Retention::Disk(30 * DAY),
        file: Some(file.to_owned()),
        ..Settings::default()
    }
}

pub fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("connections.db");
    (folder, file)
}

/// Records one connection with every value set, one blocked, one failed.
pub fn record_three(connection_log: &ConnectionLog) {
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

/// A connection log on disk with those three connections written.
pub fn recorded(file: &Path) -> ConnectionLog {
    let connection_log = ConnectionLog::start(on_disk(file));
    record_three(&connection_log);
    assert!(connection_log.flush());
    connection_log
}

/// Ends it, and waits until its database is closed: the writer's thread does that a moment later.
pub fn close(connection_log: ConnectionLog, file: &Path) {
    drop(connection_log);
    let wal = file.with_extension("db-wal");
    wait_until(|| !wal.exists());
}

pub fn ended_rows(connection_log: &ConnectionLog) -> Vec<RowView> {
    let mut rows = all(connection_log, RowState::Closed).rows;
    rows.extend(all(connection_log, RowState::Blocked).rows);
    // Ids differ between runs.
    for row in &mut rows {
        row.id = 0;
    }
    rows.sort_by(|a, b| a.host.cmp(&b.host));
    rows
}

pub fn usage(connection_log: &ConnectionLog, by: GroupBy) -> Vec<(String, u64, u64)> {
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

pub fn wait_until(done: impl Fn() -> bool) {
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(std::time::Instant::now() < until, "it never came");
        std::thread::yield_now();
    }
}

pub fn folder_contains(folder: &Path, text: &str) -> bool {
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

/// The names of the files in a folder.
pub fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
