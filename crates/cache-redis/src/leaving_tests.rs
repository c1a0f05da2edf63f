//! Requests that end before the reply to their question has come.

use std::sync::atomic::Ordering;

use privet_cache::shared::MOST_BODY;
use privet_net::Connector;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use super::*;
use crate::bounded::MOST_AT_ONCE;

const LIMIT: Duration = Duration::from_secs(10);

/// A server whose values are as large as they may be. It replies to as many questions as `replies` has permits.
async fn serve(stream: UnixStream, replies: Arc<Semaphore>) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let value = "x".repeat(usize::try_from(MOST_BODY).unwrap());
    let mut keys = 0;
    let mut values;
    while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
        if let Some(words) = line.strip_prefix('*') {
            keys = words.trim_end().parse::<usize>().unwrap() - 1;
        }
        let reply = match line.trim_end() {
            "PING" => "+PONG\r\n",
            // The value of the first key; there are no others.
            "MGET" => {
                replies.acquire().await.unwrap().forget();
                let others = "$-1\r\n".repeat(keys - 1);
                values = format!("*{keys}\r\n${}\r\n{value}\r\n{others}", value.len());
                values.as_str()
            }
            "PTTL" => ":1000\r\n",
            _ => "",
        };
        if stream.write_all(reply.as_bytes()).await.is_err() {
            return;
        }
        line.clear();
    }
}

async fn connected(replies: Arc<Semaphore>) -> (Arc<RedisStore>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, replies).await;
    });
    let settings = RedisSettings {
        id: 1,
        address: "unix:redis.sock".to_owned(),
        connector: Connector::Unix(path),
        username: None,
        password: None,
        secret: None,
        timeout: LIMIT,
    };
    let store = RedisStore::new(settings, None);
    store.start(&tokio::runtime::Handle::current());
    while !store.stats().connected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    (store, folder)
}

fn ask(store: &RedisStore, number: u8) -> Getting {
    let scopes = Scopes::of_url("http://a.test/");
    let deadline = Instant::now() + LIMIT;
    store
        .get(SharedKey([number; 32]), &scopes, deadline)
        .unwrap()
}

#[tokio::test]
async fn requests_that_end_early_do_not_break_the_connection() {
    let replies = Arc::new(Semaphore::new(0));
    let (store, _folder) = connected(replies.clone()).await;
    for number in 0..60 {
        // Long enough for its question to be sent, where there is a place.
        let left = tokio::time::timeout(Duration::from_millis(2), ask(&store, number)).await;
        assert!(left.is_err(), "{number}");
    }
    let link = store.inner.link().unwrap();
    assert_eq!(link.places.available_permits(), 0);
    replies.add_permits(100);
    let got = ask(&store, 100).await.unwrap();
    assert!(got.value.is_some());
    assert_eq!(store.counters().failures.load(Ordering::Relaxed), 0);
    assert_eq!(link.places.available_permits(), MOST_AT_ONCE);
}
