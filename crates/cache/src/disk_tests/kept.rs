//! Restarts, rights, encryption and limits.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::*;
use crate::lookup::{Lookup, LookupAttempt};
use crate::purge::{EntryChange, EntrySelector};
use crate::store::disk::secret::key_secret;
use crate::testing::*;

const LENGTHS: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 262_144, 1_900_000];

#[test]
fn entries_are_there_again_after_a_restart() {
    for key in [None, Some([9; 32])] {
        let folder = TempDir::new().expect("a folder");
        fill_pin_and_purge(&open(folder.path(), key));
        let cache = open(folder.path(), key);
        let stats = cache.stats().disk.expect("a disk");
        assert_eq!((stats.entries, stats.damaged, stats.problem), (9, 0, None));
        let listed = cache.list(|entry| entry.url().ends_with("/65537"));
        let listed: Vec<_> = listed
            .iter()
            .map(|listed| (listed.entry.body_len(), listed.entry.head().ttl(NOW)))
            .collect();
        assert_eq!(
            listed,
            [(Some(65_537), 60)],
            "what is on disk alone is listed too"
        );
        for len in LENGTHS {
            let body = get(&format!("/{len}")).body(&cache).expect("it is stored");
            assert!(body == body_of(len), "{len}");
        }
        assert!(matches!(
            get("/soft").first(&cache),
            Lookup::Validate { .. }
        ));
        cache.close();
    }
}

#[test]
fn what_was_removed_is_gone_after_a_restart_and_what_is_pinned_stays() {
    for key in [None, Some([9; 32])] {
        let folder = TempDir::new().expect("a folder");
        fill_pin_and_purge(&open(folder.path(), key));
        let cache = open(folder.path(), key);
        let sixes = EntrySelector::Prefix("http://origin.test/6");
        for (removed, count) in [(EntrySelector::Tag("t"), 1), (sixes, 3)] {
            assert_eq!(cache.change(&removed, EntryChange::Remove), count);
        }
        cache.close();
        let cache = open(folder.path(), key);
        assert_eq!(cache.stats().entries, 5);
        drop(get("/65536").lead(&cache));
        cache.set_disk(0);
        let left = cache.stats().disk.expect("a disk").entries;
        assert_eq!(left, 1, "what is pinned stays");
        cache.close();
        assert_eq!(objects(folder.path()), 1, "files of others are gone");
    }
}

/// Stores a body of each length, one that is pinned and one that is purged softly, and closes the cache.
fn fill_pin_and_purge(cache: &Arc<Cache>) {
    for len in LENGTHS {
        get(&format!("/{len}")).fill(cache, FRESH, &body_of(len));
    }
    get("/pinned").fill(cache, FRESH, b"pinned");
    let tagged = [("Cache-Control", "max-age=60"), ("Cache-Tag", "t")];
    get("/soft").fill(cache, &tagged, b"soft");
    assert!(cache.flush(WAIT));
    let pinned = EntrySelector::Url("http://origin.test/pinned");
    assert_eq!(cache.change(&pinned, EntryChange::Pin), 1);
    let tagged = EntrySelector::Tag("t");
    assert_eq!(cache.change(&tagged, EntryChange::Invalidate), 1);
    cache.close();
}

#[test]
fn a_verdict_is_kept_with_its_body() {
    let folder = TempDir::new().expect("a folder");
    let entry_of = |cache: &Arc<Cache>, get: &Get<'_>| match get.first(cache) {
        Lookup::Hit { entry, .. } => entry,
        other => panic!("{other:?}"),
    };
    let (get, large) = (get("/a"), get("/large"));
    let cache = open(folder.path(), None);
    for (get, body) in [(&get, &b"a body"[..]), (&large, &body_of(1_000_000))] {
        let (entry, mut writer) = get.lead(&cache).store(get.head(FRESH), &get.new_entry());
        entry.set_judging(5);
        writer.push(body).expect("any length");
        entry.set_judged(5);
        writer.finish(b"").expect("any length");
    }
    cache.close();
    // Others judge now.
    let cache = open(folder.path(), None);
    for get in [&get, &large] {
        let entry = entry_of(&cache, get);
        assert_eq!(entry.judged(), 5);
        entry.set_judged(6);
        cache.keep_verdict(&entry);
    }
    cache.close();
    let cache = open(folder.path(), None);
    for get in [&get, &large] {
        assert_eq!(entry_of(&cache, get).judged(), 6);
    }
}

#[test]
fn a_validated_head_is_kept_with_its_body() {
    let folder = TempDir::new().expect("a folder");
    let get = get("/a");
    let cache = open(folder.path(), None);
    get.fill(&cache, FRESH, &body_of(1_000_000));
    assert!(cache.flush(WAIT));
    for round in ["1", "2", "3"] {
        let Lookup::Validate { permit, .. } = get.ask(&cache, LookupAttempt::First, 1000) else {
            panic!("it is stale");
        };
        let head = get.head(&[("Cache-Control", "max-age=60"), ("X-Round", round)]);
        permit.not_modified(head).expect("it was validated");
        assert!(cache.flush(WAIT));
    }
    cache.close();
    let cache = open(folder.path(), None);
    let Lookup::Hit { entry, .. } = get.first(&cache) else {
        panic!("it is stored");
    };
    assert_eq!(entry.head().get("x-round"), Some(&b"3"[..]));
    assert!(read(entry.reader(0)).expect("complete") == body_of(1_000_000));
    assert!(read(entry.range_reader(100_000, 5)).expect("complete") == body_of(100_005)[100_000..]);
}

#[cfg(unix)]
#[test]
fn only_their_user_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().expect("a folder");
    let store = folder.path().join("a").join("store");
    key_secret(&store).expect("it can be written");
    let cache = open(&store, None);
    get("/a").fill(&cache, FRESH, b"body");
    cache.close();
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    let found = files(&store);
    assert!(found.len() >= 4, "{found:?}");
    for file in found {
        assert_eq!(mode(&file), 0o600, "{file:?}");
        assert_eq!(mode(file.parent().expect("a folder")), 0o700, "{file:?}");
    }
    assert_eq!(
        key_secret(&store).expect("it is read").0,
        key_secret(&store).expect("again").0
    );
}

#[test]
fn encrypted_files_show_nothing_and_need_their_key() {
    let folder = TempDir::new().expect("a folder");
    let get = get("/secret-path");
    let cache = open(folder.path(), Some([1; 32]));
    get.fill(
        &cache,
        &[("Cache-Control", "max-age=60"), ("X-Mark", "secret-head")],
        b"secret-body secret-body",
    );
    cache.close();
    let found = files(folder.path());
    assert!(found.len() >= 3);
    for file in found {
        let bytes = fs::read(&file).expect("it can be read");
        let shows = bytes
            .windows(6)
            .any(|window| window == b"secret" || window == b"origin");
        assert!(!shows, "{file:?}");
    }
    for other in [Some([2; 32]), None] {
        let cache = open(folder.path(), other);
        drop(get.lead(&cache));
        cache.close();
    }
    let cache = open(folder.path(), Some([1; 32]));
    assert_eq!(
        get.body(&cache).as_deref(),
        Some(&b"secret-body secret-body"[..])
    );
}

#[test]
fn the_disk_is_bounded_and_its_records_are_too() {
    let folder = TempDir::new().expect("a folder");
    let mut settings = settings(folder.path(), None);
    settings.memory = 1 << 20;
    if let Some(disk) = &mut settings.disk {
        disk.limit = 2 << 20;
    }
    let cache = Cache::new(settings, KeySecret([7; 16]));
    for number in 0..400 {
        get(&format!("/{number}")).fill(&cache, FRESH, &body_of(20_000));
        if number % 20 == 0 {
            assert!(cache.flush(WAIT));
        }
    }
    assert!(cache.flush(WAIT));
    let stats = cache.stats();
    let disk = stats.disk.expect("a disk");
    assert!(disk.bytes <= 2 << 20 && disk.bytes > 1 << 20, "{disk:?}");
    assert!(stats.memory <= 1 << 20);
    cache.close();
    let size = |path: PathBuf| fs::metadata(path).expect("it exists").len();
    let bytes: u64 = files(&folder.path().join("objects"))
        .into_iter()
        .map(size)
        .sum();
    assert!(
        bytes <= 2 << 20 && objects(folder.path()) as u64 == disk.entries,
        "{bytes}"
    );
}
