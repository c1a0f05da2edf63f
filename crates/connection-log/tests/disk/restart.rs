//! What survives a restart, and who may read it.

use privet_connection_log::{ConnectionLog, GroupBy, Retention, RowState, Settings};

use crate::database::{close, ended_rows, folder, on_disk, record_three, recorded, usage};
use crate::support::all;

#[test]
fn rows_and_totals_survive_a_restart() {
    let (_folder, file) = folder();
    let first = ConnectionLog::start(on_disk(&file));
    record_three(&first);
    let before = ended_rows(&first);
    let domains = usage(&first, GroupBy::Domain);
    assert!(first.flush());
    drop(first);
    let second = ConnectionLog::start(on_disk(&file));
    assert_eq!(second.problems(), [""; 0]);
    assert_eq!(before.len(), 3);
    assert_eq!(ended_rows(&second), before);
    assert_eq!(domains.len(), 3);
    assert_eq!(usage(&second, GroupBy::Domain), domains);
    record_three(&second);
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
fn a_change_from_memory_to_the_disk_is_written_from_then_on() {
    let (_folder, file) = folder();
    let connection_log = ConnectionLog::default();
    connection_log.reconfigure(on_disk(&file));
    record_three(&connection_log);
    assert!(connection_log.flush());
    drop(connection_log);
    assert_eq!(ended_rows(&ConnectionLog::start(on_disk(&file))).len(), 3);
}

#[test]
fn memory_writes_no_file_even_where_one_is_named() {
    let (_folder, file) = folder();
    let connection_log = ConnectionLog::start(Settings {
        retention: Retention::Memory,
        ..on_disk(&file)
    });
    record_three(&connection_log);
    assert!(connection_log.flush());
    assert!(!file.exists());
}

#[cfg(unix)]
#[test]
fn the_files_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, file) = folder();
    let _open = recorded(&file);
    for entry in std::fs::read_dir(folder.path())
        .expect("a folder")
        .flatten()
    {
        let mode = entry.metadata().expect("its mode").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
    }
}

#[test]
fn a_database_with_the_former_name_is_renamed_and_used() {
    let (folder, file) = folder();
    let former = folder.path().join("ledger.db");
    let connection_log = recorded(&former);
    close(connection_log, &former);
    assert_eq!(ended_rows(&ConnectionLog::start(on_disk(&file))).len(), 3);
    assert!(!former.exists());
}
