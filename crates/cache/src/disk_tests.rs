//! The disk store as a cache uses it: restarts, rights, encryption, failing disks, limits.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::body::Broken;
use crate::cache::{Cache, CacheSettings, lock};
use crate::fill::FillPermit;
use crate::key::KeySecret;
use crate::lookup::{Lookup, Turn};
use crate::purge::{Change, Selection};
use crate::rules::policy::Policy;
use crate::store::disk::seal::DiskKey;
use crate::store::disk::secret::key_secret;
use crate::store::disk::store::DiskSettings;
use crate::testing::*;
use crate::waiter::Wake;

const MIB: u64 = 1 << 20;
const WAIT: Duration = Duration::from_secs(120);

fn settings(folder: &Path, key: Option<[u8; 32]>) -> CacheSettings {
    CacheSettings {
        policy: Policy::shared(),
        memory: 16 * MIB,
        disk: Some(DiskSettings {
            folder: folder.to_owned(),
            limit: 64 * MIB,
            key: key.map(DiskKey::new),
        }),
    }
}

fn open(folder: &Path, key: Option<[u8; 32]>) -> Arc<Cache> {
    Cache::new(settings(folder, key), KeySecret([7; 16]))
}

fn body_of(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 131 % 251) as u8).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

const LENGTHS: [usize; 7] = [0, 1, 65_535, 65_536, 65_537, 262_144, 1_900_000];

#[test]
fn entries_are_there_again_after_a_restart() {
    for key in [None, Some([9; 32])] {
        let folder = TempDir::new().expect("a folder");
        let cache = open(folder.path(), key);
        for len in LENGTHS {
            get(&format!("/{len}")).fill(&cache, FRESH, &body_of(len));
        }
        get("/pinned").fill(&cache, FRESH, b"pinned");
        get("/soft").fill(
            &cache,
            &[("Cache-Control", "max-age=60"), ("Cache-Tag", "t")],
            b"soft",
        );
        assert!(cache.flush(WAIT));
        assert_eq!(
            cache.change(&Selection::Url("http://origin.test/pinned"), Change::Pin),
            1
        );
        assert_eq!(cache.change(&Selection::Tag("t"), Change::Invalidate), 1);
        cache.close();

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
        assert_eq!(cache.change(&Selection::Tag("t"), Change::Remove), 1);
        assert_eq!(
            cache.change(&Selection::Prefix("http://origin.test/6"), Change::Remove),
            3
        );
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

fn objects(folder: &Path) -> usize {
    files(&folder.join("objects")).len()
}

#[test]
fn a_validated_head_is_kept_with_its_body() {
    let folder = TempDir::new().expect("a folder");
    let get = get("/a");
    let cache = open(folder.path(), None);
    get.fill(&cache, FRESH, &body_of(1_000_000));
    assert!(cache.flush(WAIT));
    for round in ["1", "2", "3"] {
        let Lookup::Validate { permit, .. } = get.ask(&cache, Turn::First, 1000) else {
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
    let cache = open(folder.path(), None);
    cache.close();
    assert!(!stray.exists());
    assert_eq!(objects(folder.path()), 2);
}

/// Requests of several threads for few paths, while entries leave, are purged and are written: every answer is one of
/// the path's own versions, whole, and nobody waits for ever.
#[test]
fn threads_share_a_cache_without_mixing_anything_up() {
    let folder = TempDir::new().expect("a folder");
    let mut settings = settings(folder.path(), None);
    settings.memory = 2 << 20;
    let cache = Cache::new(settings, KeySecret([7; 16]));
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let cache = cache.clone();
            std::thread::spawn(move || {
                let mut dice = Dice::new(number + 1);
                (0..400)
                    .map(|_| u64::from(request(&cache, &mut dice)))
                    .sum::<u64>()
            })
        })
        .collect();
    let hits: u64 = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .sum();
    assert!(hits > 100, "{hits} hits");
    assert!(
        cache
            .shards
            .iter()
            .all(|shard| lock(shard).flights.is_empty())
    );
    assert!(cache.flush(WAIT));
    cache.change(&Selection::All, Change::Remove);
    assert_eq!(cache.stats().memory, 0, "everything was given back");
}

/// One request from its look-up to its end. Whether it was answered from the store.
fn request(cache: &Arc<Cache>, dice: &mut Dice) -> bool {
    let path = dice.roll(12);
    let name = format!("/{path}");
    let get = get(&name);
    let body = body_of(1000 + path as usize * 9000);
    let mut turn = Turn::First;
    let mut waits = 0;
    loop {
        turn = match get.ask(cache, turn, 0) {
            Lookup::Hit { entry, .. } => {
                match read(entry.reader(0)) {
                    Ok(read) => assert!(read == body, "a body of another path"),
                    Err(broken) => assert!(matches!(broken, Broken::Aborted | Broken::Io)),
                }
                return true;
            }
            Lookup::Lead { permit, .. } => {
                lead(permit, &get, &body, dice);
                if dice.roll(10) == 0 {
                    cache.change(&Selection::Key(get.key(cache)), Change::Remove);
                }
                return false;
            }
            Lookup::Wait(mut waiter) => {
                waits += 1;
                match block_on(|cx| waiter.poll(cx)) {
                    Wake::LookAgain => Turn::Again(waits),
                    Wake::Lead(permit) => Turn::Leads(permit),
                    Wake::Failed => return false,
                }
            }
            Lookup::Load(mut loading) => block_on(|cx| loading.poll(cx)),
            Lookup::Bypass(_) => return false,
            other => panic!("{other:?}"),
        };
    }
}

fn lead(permit: FillPermit, get: &Get<'_>, body: &[u8], dice: &mut Dice) {
    match dice.roll(10) {
        0 => return permit.failed(),
        1 => return drop(permit),
        _ => {}
    }
    let (_, mut writer) = permit.store(get.head(FRESH), &get.new_entry());
    for piece in body.chunks(7000) {
        writer.push(piece).expect("any length");
        std::thread::yield_now();
    }
    if dice.roll(10) > 0 {
        writer.finish(b"").expect("any length");
    }
}
