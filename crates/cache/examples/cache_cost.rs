//! What the cache costs: memory for each entry, a hit, and a start with many entries on disk.
//!
//!     cargo run --release -p privet-cache --example cache_cost [ENTRIES] [ENTRIES ON DISK] [1: bodies in pieces]

#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use privet_cache::rules::storing;
use privet_cache::{
    Cache, CacheSettings, DiskSettings, Key, KeySecret, Lookup, LookupAttempt, LookupRequest,
    NewEntry, Policy, Request, Response, Target, Timestamp,
};

const NOW: Timestamp = Timestamp(1_900_000_000);
const BODY: &[u8] = &[b'x'; 100];
const FIELDS: [(&str, &str); 4] = [
    ("Date", "Sun, 17 Mar 2030 17:46:40 GMT"),
    ("Cache-Control", "max-age=3600"),
    ("Content-Type", "text/html"),
    ("ETag", "\"0123456789abcdef\""),
];
const NONE: [(&str, &str); 0] = [];

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .map(|number| number.parse().expect("a number"));
    let entries: u64 = numbers.next().unwrap_or(1_000_000);
    let on_disk: u64 = numbers.next().unwrap_or(100_000);
    match numbers.next() {
        None | Some(0) => memory(entries, Arrival::AtOnce),
        Some(_) => memory(entries, Arrival::InPieces),
    }
    start(on_disk);
}

fn open(disk: Option<DiskSettings>) -> Arc<Cache> {
    let settings = CacheSettings {
        policy: Policy::private(),
        memory: 8 << 30,
        disk,
    };
    Cache::new(settings, KeySecret([1; 16]))
}

fn request(path: &str) -> Request<'_> {
    let target = Target {
        scheme: "http",
        host: "origin.test",
        port: 80,
        path_and_query: path.as_bytes(),
    };
    Request::new(b"GET", target, &NONE)
}

fn look_up(cache: &Arc<Cache>, path: &str) -> Lookup {
    let request = request(path);
    let key = Key::new(cache.secret(), "forward", b"", &request);
    cache.lookup(LookupRequest {
        key,
        request,
        now: NOW,
        attempt: LookupAttempt::First,
        part: None,
        parts: true,
    })
}

/// How a body arrives.
#[derive(Debug, Clone, Copy)]
enum Arrival {
    /// With its head.
    AtOnce,
    /// After its head.
    InPieces,
}

/// Stores an entry. Gives the bytes of its head's text and body.
fn store(cache: &Arc<Cache>, path: &str, arrival: Arrival) -> u64 {
    let Lookup::Lead { permit, .. } = look_up(cache, path) else {
        panic!("it is not stored yet");
    };
    let request = request(path);
    let response = Response {
        status: 200,
        fields: &FIELDS,
        body_len: Some(100),
    };
    let head =
        storing::store(&request, &response, NOW, NOW, cache.policy()).expect("it can be stored");
    let url = request.target.url();
    let text = head.lines.len() + head.vary_key.len() + url.len() + BODY.len();
    let new = NewEntry {
        url: &url,
        body_len: Some(100),
        owner: 0,
        page: 0,
        route: 0,
        keep_on_disk: true,
        took: std::time::Duration::ZERO,
    };
    match arrival {
        Arrival::AtOnce => {
            permit.store_whole(head, &new, BODY);
        }
        Arrival::InPieces => {
            let (_, mut writer) = permit.store(head, &new);
            writer.push(BODY).expect("the length that was announced");
            writer.finish(b"").expect("the length that was announced");
        }
    }
    text as u64
}

fn memory(entries: u64, arrival: Arrival) {
    let before = resident();
    let cache = open(None);
    let text: u64 = (0..entries)
        .map(|number| store(&cache, &format!("/path/{number}"), arrival))
        .sum();
    let beyond = (resident() - before).saturating_sub(text);
    println!(
        "{entries} entries: {} bytes of memory each beyond {} of head, URL and body",
        beyond / entries,
        text / entries
    );
    let counted = cache.stats().memory;
    println!("the cache counts {} each", counted / entries);
    let looked_up = 1_000_000;
    let paths: Vec<String> = (0..1000).map(|number| format!("/path/{number}")).collect();
    let started = Instant::now();
    for number in 0..looked_up {
        let path = &paths[number % paths.len()];
        assert!(matches!(look_up(&cache, path), Lookup::Hit { .. }));
    }
    println!(
        "a hit's look-up: {} ns",
        started.elapsed().as_nanos() / looked_up as u128
    );
}

fn start(entries: u64) {
    let folder = std::env::temp_dir().join(format!("privet-cache-cost-{}", std::process::id()));
    let disk = || {
        Some(DiskSettings {
            folder: folder.clone(),
            limit: 1 << 40,
            key: None,
        })
    };
    let cache = open(disk());
    for number in 0..entries {
        store(&cache, &format!("/path/{number}"), Arrival::AtOnce);
        if number % 200 == 0 {
            assert!(cache.flush(Duration::from_secs(60)), "the disk is too slow");
        }
    }
    cache.close();
    drop(cache);
    let started = Instant::now();
    let cache = open(disk());
    let took = started.elapsed();
    println!(
        "start with {} entries on disk: {took:?}",
        cache.stats().entries
    );
    cache.close();
    std::fs::remove_dir_all(&folder).expect("it can be removed");
}

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    pages * 4096
}
