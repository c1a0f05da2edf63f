//! A process that writes to the disk store is killed at any moment: what was stored before is right afterwards.
//!
//! `PRIVET_KILLS` sets how often (20).

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use privet_cache::rules::storing;
use privet_cache::{
    BodyReadError, Cache, CacheSettings, DiskKey, DiskSettings, Entry, Key, KeySecret, Lookup,
    LookupAttempt, LookupRequest, NewEntry, Policy, Request, Response, Target, Timestamp,
};

const NOW: Timestamp = Timestamp(1_900_000_000);
const PATHS: u64 = 64;
const FOLDER: &str = "PRIVET_TEST_CACHE_FOLDER";

fn open(folder: &Path) -> Arc<Cache> {
    let disk = DiskSettings {
        folder: folder.to_owned(),
        limit: 8 << 20,
        key: Some(DiskKey::new([3; 32])),
    };
    let settings = CacheSettings {
        policy: Policy::private(),
        // Bodies of more than 128 KiB go to disk while they arrive.
        memory: 512 << 10,
        disk: Some(disk),
    };
    Cache::new(settings, KeySecret([1; 16]))
}

fn target(path: &str) -> Target<'_> {
    Target {
        scheme: "http",
        host: "origin.test",
        port: 80,
        path_and_query: path.as_bytes(),
    }
}

/// What a version's body is: up to 300 KB.
fn body_of(version: u64) -> Vec<u8> {
    let len = version.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let len = if version.is_multiple_of(16) {
        len % 300_000
    } else {
        len % 5000
    };
    let bytes = version.to_le_bytes();
    bytes.iter().copied().cycle().take(len as usize).collect()
}

fn store(cache: &Arc<Cache>, path: &str, version: u64) {
    let none: [(&str, &str); 0] = [];
    let request = Request::new(b"GET", target(path), &none);
    let key = Key::new(cache.secret(), "forward", b"", &request);
    cache.change(
        &privet_cache::EntrySelector::Key(key),
        privet_cache::EntryChange::Remove,
    );
    let ask = LookupRequest {
        key,
        request,
        now: NOW,
        attempt: LookupAttempt::First,
        part: None,
        parts: true,
    };
    let Lookup::Lead { permit, .. } = cache.lookup(ask) else {
        panic!("it was removed");
    };
    let version_text = version.to_string();
    let fields = [
        ("Cache-Control", "max-age=60"),
        ("X-Version", version_text.as_str()),
    ];
    let response = Response {
        status: 200,
        fields: &fields,
        body_len: None,
    };
    let head =
        storing::store(&request, &response, NOW, NOW, cache.policy()).expect("it can be stored");
    let url = request.target.url();
    let new = NewEntry {
        url: &url,
        body_len: None,
        owner: 0,
        page: 0,
        route: 0,
        keep_on_disk: true,
        took: std::time::Duration::ZERO,
    };
    let (_, mut writer) = permit.store(head, &new);
    writer.push(&body_of(version)).expect("any length");
    writer.finish(b"").expect("any length");
}

/// The process that is killed. It says each number once its entry was handed in.
#[test]
#[ignore = "the other test starts it"]
fn writes_until_it_is_killed() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the other test sets it"));
    let cache = open(&folder);
    let first = cache.stats().disk.expect("a disk");
    assert_eq!(first.problem, None);
    let first = u64::from(std::process::id()) << 32;
    for version in first.. {
        store(&cache, &format!("/{}", version % PATHS), version);
        if version % 32 == 0 {
            assert!(cache.flush(std::time::Duration::from_secs(600)));
        }
        eprintln!("stored");
    }
}

#[test]
fn a_process_that_is_killed_loses_only_what_was_not_finished() {
    let kills: u64 =
        std::env::var("PRIVET_KILLS").map_or(20, |kills| kills.parse().expect("a number"));
    // In memory where there is such a folder: waiting for a busy disk says nothing here.
    let folder = tempfile::TempDir::new_in("/dev/shm").or_else(|_| tempfile::TempDir::new());
    let folder = folder.expect("a folder");
    let mut found = 0;
    for kill in 0..kills {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args([
                "--exact",
                "writes_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stderr = child.stderr.take().expect("it is piped");
        // The moment differs each time, and is not tied to what its threads do.
        let lines = 20 + kill * 37 % 200;
        let said = BufReader::new(stderr).lines().take(lines as usize);
        let said: Vec<String> = said.map_while(Result::ok).collect();
        child.kill().expect("it runs");
        child.wait().expect("it was started");
        assert!(said.iter().all(|line| line == "stored"), "{said:?}");
        found += check(folder.path());
    }
    eprintln!("{kills} kills, {found} entries read");
    assert!(found > kills * 10, "entries outlive the process: {found}");
}

/// Reads all entries. Gives how many there are.
fn check(folder: &Path) -> u64 {
    let cache = open(folder);
    let disk = cache.stats().disk.expect("a disk");
    assert_eq!(disk.problem, None);
    // The record that was being written.
    assert!(disk.damaged <= 1, "{disk:?}");
    let mut found = 0;
    for path in 0..PATHS {
        if let Some(entry) = look_up(&cache, &format!("/{path}")) {
            let version = entry.head().get("x-version").expect("each has one");
            let version: u64 = std::str::from_utf8(version)
                .expect("text")
                .parse()
                .expect("a number");
            assert_eq!(version % PATHS, path, "an entry of another path");
            assert!(
                read(&entry).expect("complete") == body_of(version),
                "another body"
            );
            found += 1;
        }
    }
    assert_eq!(found, disk.entries, "every entry of the index can be read");
    cache.close();
    found
}

fn look_up(cache: &Arc<Cache>, path: &str) -> Option<Entry> {
    let none: [(&str, &str); 0] = [];
    let request = Request::new(b"GET", target(path), &none);
    let key = Key::new(cache.secret(), "forward", b"", &request);
    let mut attempt = LookupAttempt::First;
    loop {
        match cache.lookup(LookupRequest {
            key,
            request,
            now: NOW,
            attempt,
            part: None,
            parts: true,
        }) {
            Lookup::Hit { entry, .. } => return Some(entry),
            Lookup::Load(mut loading) => attempt = block_on(|cx| loading.poll(cx)),
            _ => return None,
        }
    }
}

fn read(entry: &Entry) -> Result<Vec<u8>, BodyReadError> {
    let (mut reader, mut body) = (entry.reader(0), Vec::new());
    while let Some(piece) = block_on(|cx| reader.poll_next(cx))? {
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    loop {
        match poll(&mut cx) {
            Poll::Ready(ready) => return ready,
            Poll::Pending => thread::park(),
        }
    }
}
