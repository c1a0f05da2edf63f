//! What these tests share: a proxy with a cache, and an origin that counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_cache::{Cache, CacheSettings, KeySecret, Policy};
use privet_gateway::CacheAccess;

use crate::common::*;

/// A gateway with a private cache of 16 MiB.
pub fn caching() -> TestGateway {
    let settings = CacheSettings {
        policy: Policy::private(),
        memory: 16 << 20,
        disk: None,
    };
    TestGateway {
        cache: Some(CacheAccess {
            cache: Cache::new(settings, KeySecret([7; 16])),
            asker: Some([1; 16]),
            keep_on_disk: false,
            isolates: false,
        }),
        ..TestGateway::default()
    }
}

pub fn cache(gateway: &TestGateway) -> &Arc<Cache> {
    &gateway.cache.as_ref().unwrap().cache
}

pub fn get(port: u16, path: &str) -> String {
    with(port, path, "")
}

/// A GET with more field lines.
pub fn with(port: u16, path: &str, fields: &str) -> String {
    format!("GET http://127.0.0.1:{port}{path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
}

/// An origin that answers each request with what `answer` makes of its head and number, from 0.
pub async fn counting<F>(answer: F) -> (u16, Arc<AtomicUsize>)
where
    F: Fn(&str, usize) -> String + Clone + Send + Sync + 'static,
{
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let port = origin(move |mut peer, _| {
        let (answer, counted) = (answer.clone(), counted.clone());
        async move {
            while let Some(head) = peer.head().await {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                peer.send(answer(&head, number)).await;
            }
        }
    })
    .await;
    (port, count)
}

/// A response with a length.
pub fn response(fields: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}")
}

pub fn asked(count: &AtomicUsize) -> usize {
    count.load(Ordering::SeqCst)
}

/// What `Cache-Status` says of this cache.
pub fn used(head: &str) -> &str {
    let value = field(head, "cache-status").unwrap_or_default();
    value.strip_prefix("privet; ").unwrap_or(value)
}
