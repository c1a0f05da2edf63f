//! Files that cannot be used: set aside, reported, or left to a newer version.

use std::path::Path;

use privet_connection_log::{ConnectionLog, GroupBy};

use crate::database::{close, ended_rows, files, folder, on_disk, record_three, recorded, usage};

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
        let connection_log = recorded(&file);
        close(connection_log, &file);
        breaks(&file);
        let connection_log = ConnectionLog::start(on_disk(&file));
        let problems = connection_log.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("set aside as"), "{problems:?}");
        assert_eq!(ended_rows(&connection_log), []);
        record_three(&connection_log);
        assert_eq!(usage(&connection_log, GroupBy::App).len(), 2);
        let names = files(folder.path());
        let aside = |name: &String| name.starts_with("connections.db.corrupt-");
        assert!(names.iter().any(aside), "{names:?}");
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
fn a_missing_folder_is_a_problem_and_the_log_stays_in_memory() {
    let (_folder, file) = folder();
    let connection_log = ConnectionLog::start(on_disk(&file.join("not/there.db")));
    assert!(connection_log.problems()[0].contains("in memory only"));
    record_three(&connection_log);
    assert_eq!(ended_rows(&connection_log).len(), 3);
    assert_eq!(usage(&connection_log, GroupBy::Domain).len(), 3);
}

#[test]
fn a_database_of_a_newer_version_is_unchanged_and_not_reported_as_corrupt() {
    let (folder, file) = folder();
    let connection_log = recorded(&file);
    close(connection_log, &file);
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
    record_three(&connection_log);
    assert_eq!(ended_rows(&connection_log).len(), 3);
    drop(connection_log);
    assert_eq!(files(folder.path()), ["connections.db"]);
    assert_eq!(std::fs::read(&file).expect("a file"), before);
}
