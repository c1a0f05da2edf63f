//! Stores a response in a cache, for tests that measure what it takes.

use std::sync::Arc;
use std::time::Duration;

use privet_cache::rules::storing;
use privet_cache::{
    Cache, Key, Lookup, LookupAttempt, LookupRequest, NewEntry, Request, Response, Target,
    Timestamp,
};

const NOW: Timestamp = Timestamp(1_900_000_000);

/// How a body arrives.
#[derive(Debug, Clone, Copy)]
pub enum Arrival {
    /// With its head.
    AtOnce,
    /// After its head.
    InPieces,
}

fn look_up(cache: &Arc<Cache>, path: &str) -> Lookup {
    let none: [(&str, &str); 0] = [];
    let request = Request::new(b"GET", target(path), &none);
    cache.lookup(LookupRequest {
        key: Key::new(cache.secret(), "forward", b"", &request),
        request,
        now: NOW,
        attempt: LookupAttempt::First,
        part: None,
        parts: true,
    })
}

fn target(path: &str) -> Target<'_> {
    Target {
        scheme: "http",
        host: "origin.test",
        port: 80,
        path_and_query: path.as_bytes(),
    }
}

/// Stores a response. Returns the bytes of its head, URL and body.
pub fn store(cache: &Arc<Cache>, path: &str, body: &[u8], arrival: Arrival) -> u64 {
    let Lookup::Lead { permit, .. } = look_up(cache, path) else {
        panic!("it is not stored yet");
    };
    let none: [(&str, &str); 0] = [];
    let request = Request::new(b"GET", target(path), &none);
    let response = Response {
        status: 200,
        fields: &[
            ("Cache-Control", "max-age=3600"),
            ("Content-Type", "text/html"),
        ],
        body_len: Some(body.len() as u64),
    };
    let head = storing::store(&request, &response, NOW, NOW, cache.policy());
    let head = head.expect("it can be stored");
    let url = target(path).url();
    let text = head.lines.len() + url.len() + body.len();
    let new = NewEntry {
        url: &url,
        body_len: Some(body.len() as u64),
        owner: 0,
        page: 0,
        route: 0,
        keep_on_disk: true,
        took: Duration::ZERO,
    };
    match arrival {
        Arrival::AtOnce => drop(permit.store_whole(head, &new, body)),
        Arrival::InPieces => {
            let (entry, mut writer) = permit.store(head, &new);
            drop(entry);
            writer.push(body).expect("the length that was announced");
            writer.finish(b"").expect("the length that was announced");
        }
    }
    text as u64
}
