//! What an entry takes of the process's memory. A test of its own, so that no other one is measured.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::sync::Arc;
use std::time::Duration;

use privet_cache::rules::storing;
use privet_cache::{
    Cache, CacheSettings, Key, KeySecret, Lookup, LookupAttempt, LookupRequest, NewEntry, Policy,
    Request, Response, Target, Timestamp,
};

const NOW: Timestamp = Timestamp(1_900_000_000);
const BODY: &[u8] = &[b'x'; 100];
const ENTRIES: u64 = 200_000;
/// Bytes of memory beyond head, URL and body.
const MOST: u64 = 200;

/// Stores a response. Gives the bytes of its head, URL and body.
fn store(cache: &Arc<Cache>, path: &str, at_once: bool) -> u64 {
    let target = Target {
        scheme: "http",
        host: "origin.test",
        port: 80,
        path_and_query: path.as_bytes(),
    };
    let none: [(&str, &str); 0] = [];
    let request = Request::new(b"GET", target, &none);
    let lookup = cache.lookup(LookupRequest {
        key: Key::new(cache.secret(), "forward", b"", &request),
        request,
        now: NOW,
        attempt: LookupAttempt::First,
        part: None,
        parts: true,
    });
    let Lookup::Lead { permit, .. } = lookup else {
        panic!("it is not stored yet");
    };
    let request = Request::new(b"GET", target, &none);
    let response = Response {
        status: 200,
        fields: &[
            ("Cache-Control", "max-age=3600"),
            ("Content-Type", "text/html"),
        ],
        body_len: Some(BODY.len() as u64),
    };
    let head = storing::store(&request, &response, NOW, NOW, cache.policy());
    let head = head.expect("it can be stored");
    let url = target.url();
    let text = head.lines.len() + url.len() + BODY.len();
    let new = NewEntry {
        url: &url,
        body_len: Some(BODY.len() as u64),
        owner: 0,
        page: 0,
        route: 0,
        keep_on_disk: false,
        took: Duration::ZERO,
    };
    if at_once {
        permit.store_whole(head, &new, BODY);
    } else {
        let (_, mut writer) = permit.store(head, &new);
        writer.push(BODY).expect("the length that was announced");
        writer.finish(b"").expect("the length that was announced");
    }
    text as u64
}

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    4096 * pages.unwrap_or(0_u64)
}

#[test]
fn an_entry_takes_little_beyond_its_head_and_body() {
    for at_once in [true, false] {
        let settings = CacheSettings {
            policy: Policy::private(),
            memory: 1 << 30,
            disk: None,
        };
        let before = resident();
        let cache = Cache::new(settings, KeySecret([1; 16]));
        let text: u64 = (0..ENTRIES)
            .map(|number| store(&cache, &format!("/path/{number}"), at_once))
            .sum();
        assert_eq!(cache.stats().entries, ENTRIES);
        let beyond = (resident() - before).saturating_sub(text) / ENTRIES;
        assert!((80..MOST).contains(&beyond), "{beyond} bytes each");
        // What the first round gives back would hide what the second one takes.
        std::mem::forget(cache);
    }
}
