//! Disks that fail, and what a crash leaves.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::testing::*;

#[test]
fn another_process_cannot_use_the_folder_and_is_told() {
    let folder = TempDir::new().expect("a folder");
    let first = open(folder.path(), None);
    let second = open(folder.path(), None);
    let problem = second
        .stats()
        .disk
        .expect("a disk")
        .problem
        .expect("it is told");
    assert!(problem.contains("another process"), "{problem}");
    get("/a").fill(&second, FRESH, b"in memory");
    assert_eq!(get("/a").body(&second).as_deref(), Some(&b"in memory"[..]));
    assert_eq!(first.stats().disk.expect("a disk").problem, None);
}

#[test]
fn a_disk_that_cannot_be_written_is_told_and_memory_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let cache = open(folder.path(), None);
    get("/0").fill(&cache, FRESH, b"on disk");
    assert!(cache.flush(WAIT));
    // Files where folders should be: whatever the user's rights, no object can be created.
    for shelf in 0..=255 {
        let path = folder.path().join("objects").join(format!("{shelf:02x}"));
        let _ = fs::remove_dir_all(&path);
        fs::write(path, b"").expect("it can be written");
    }
    for number in 1..50 {
        let path = format!("/{number}");
        get(&path).fill(&cache, FRESH, path.as_bytes());
        assert_eq!(get(&path).body(&cache).as_deref(), Some(path.as_bytes()));
    }
    assert!(cache.flush(WAIT));
    let stats = cache.stats().disk.expect("a disk");
    let problem = stats.problem.expect("it is told");
    assert!(
        problem.starts_with("The cache cannot write to"),
        "{problem}"
    );
    assert_eq!(
        (stats.written, stats.skipped),
        (1, 48),
        "it does not try each time"
    );
}

#[test]
fn a_folder_that_vanishes_is_made_again() {
    let folder = TempDir::new().expect("a folder");
    let store = folder.path().join("store");
    let cache = open(&store, None);
    get("/0").fill(&cache, FRESH, &body_of(1_000_000));
    assert!(cache.flush(WAIT));
    cache.set_memory(0);
    cache.set_memory(16 * MIB);
    fs::remove_dir_all(&store).expect("it can be removed");
    drop(get("/0").lead(&cache));
    get("/1").fill(&cache, FRESH, b"afterwards");
    assert!(cache.flush(WAIT));
    let stats = cache.stats().disk.expect("a disk");
    assert_eq!((stats.entries, stats.problem), (1, None));
    cache.close();
    let cache = open(&store, None);
    assert_eq!(get("/1").body(&cache).as_deref(), Some(&b"afterwards"[..]));
}

#[test]
fn files_that_nobody_knows_are_removed_at_the_start() {
    let folder = TempDir::new().expect("a folder");
    let cache = open(folder.path(), None);
    get("/a").fill(&cache, FRESH, b"a");
    get("/b").fill(&cache, FRESH, b"b");
    cache.close();
    let stray = folder.path().join("objects/00/0000000000000000.part");
    fs::create_dir_all(stray.parent().expect("a folder")).expect("it can be made");
    fs::write(&stray, b"stray").expect("it can be written");
    // Left by a process that was killed while a body arrived: its number is higher than any that the index knows.
    let unfinished = folder.path().join("objects/00/0000000000010000");
    fs::write(&unfinished, b"unfinished").expect("it can be written");
    let cache = open(folder.path(), None);
    cache.close();
    assert!(!stray.exists() && !unfinished.exists());
    assert_eq!(objects(folder.path()), 2);
}
