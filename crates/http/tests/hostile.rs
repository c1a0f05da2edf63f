//! Hostile requests: whatever two readers could understand differently is rejected, and no byte of it is forwarded.

mod common;
#[path = "common/hostile_h2.rs"]
mod hostile_h2;
#[path = "common/hostile_heads.rs"]
mod hostile_heads;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use common::*;
use hostile_heads::hostile_heads;
use tokio::io::AsyncReadExt;

const SMUGGLED: &str = "GET http://127.0.0.1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// Bodies behind valid heads: the invalid parts must not be forwarded.
const HOSTILE_BODIES: &[&str] = &[
    "5 \r\nhello\r\n0\r\n\r\n",
    "5\nhello\r\n0\r\n\r\n",
    "5\r\nhello\n0\r\n\r\n",
    "5\rhello\r\n0\r\n\r\n",
    "5\r\nhello0\r\n\r\n",
    "5\r\nhello!\r\n0\r\n\r\n",
    "0x5\r\nhello\r\n0\r\n\r\n",
    "+5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n",
    " 5\r\nhello\r\n0\r\n\r\n",
    "5;\r\nhello\r\n0\r\n\r\n",
    "5;a\nb\r\nhello\r\n0\r\n\r\n",
    "5;a\rb\r\nhello\r\n0\r\n\r\n",
    "5;\0\r\nhello\r\n0\r\n\r\n",
    "5,\r\nhello\r\n0\r\n\r\n",
    "g\r\nhello\r\n0\r\n\r\n",
    "\r\nhello\r\n0\r\n\r\n",
    "00000000000000005\r\nhello\r\n0\r\n\r\n",
    "10000000000000005\r\nhello\r\n0\r\n\r\n",
    "fffffffffffffffb\r\nhello\r\n0\r\n\r\n",
    "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: y\n\r\n",
    "5\r\nhello\r\n0\r\n X: y\r\n\r\n",
    "5\r\nhello\r\n0\r\nX: a\0\r\n\r\n",
    "5\r\nhello\r\n0\n\r\n",
    "5\r\nhello\r\n0\r\n\n",
];

/// An origin that records all it receives and responds to each head.
async fn listening() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let received = Arc::new(Mutex::new(Vec::new()));
    let log = received.clone();
    let port = origin(move |mut peer, _| {
        let log = log.clone();
        async move {
            let mut piece = [0; 4096];
            while let Ok(count) = peer.stream.read(&mut piece).await {
                if count == 0 {
                    return;
                }
                log.lock().unwrap().extend_from_slice(&piece[..count]);
                if piece[..count].ends_with(b"\r\n\r\n") {
                    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                        .await;
                }
            }
        }
    })
    .await;
    (port, received)
}

#[tokio::test]
async fn no_hostile_head_reaches_an_origin() {
    let (port, received) = listening().await;
    let gateway = TestGateway::default();
    let address = proxy(gateway.clone()).await;
    let all = hostile_heads();
    assert!(all.len() >= 300, "{}", all.len());
    for bytes in all {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let at = bytes.windows(4).position(|piece| piece == b"PORT");
        let mut request = bytes.clone();
        if let Some(at) = at {
            request.splice(at..at + 4, port.to_string().into_bytes());
        }
        let mut client = Peer::connect(address).await;
        client.send(&request).await;
        client.send(SMUGGLED).await;
        let head = client
            .head()
            .await
            .unwrap_or_else(|| panic!("no answer to {text:?}"));
        assert!((400..=505).contains(&status(&head)), "{text:?}: {head}");
        assert_eq!(field(&head, "connection"), Some("close"), "{text:?}");
        // One response and the end: what followed was not taken for a request.
        let rest = client.rest().await;
        let again = rest.contains("Privet-Reason") || rest.contains("200 OK");
        assert!(!again, "{text:?}: {rest}");
        assert_eq!(gateway.dials.load(Ordering::Relaxed), 0, "{text:?}");
    }
    assert!(received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_hostile_body_reaches_an_origin_unchanged() {
    for body in HOSTILE_BODIES {
        let (port, received) = listening().await;
        let mut client = Peer::connect(proxy(TestGateway::default()).await).await;
        client
            .send(format!(
                "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}{SMUGGLED}"
            ))
            .await;
        client.rest().await;
        let received = received.lock().unwrap();
        let received = String::from_utf8_lossy(&received);
        assert!(!received.contains("smuggled"), "{body:?}: {received}");
        let sent = received.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        // Nothing, or the valid chunk rewritten, and never an end.
        assert!(["", "5\r\nhello\r\n"].contains(&sent), "{body:?}: {sent:?}");
    }
}

#[tokio::test]
async fn hostile_heads_over_http_2_reach_no_origin_unless_they_are_legal() {
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = heads.clone();
    let port = origin(move |mut peer, _| {
        let seen = seen.clone();
        async move {
            while let Some(head) = peer.head().await {
                seen.lock().unwrap().push(head);
                peer.send("HTTP/1.1 204 No Content\r\n\r\n").await;
            }
        }
    })
    .await;
    let address = h2_proxy(TestGateway::default()).await;
    let authority = format!("127.0.0.1:{port}");
    let (mut sent, mut refused) = (0, 0);
    for head in hostile_heads() {
        let Some(bytes) = hostile_h2::request(&head, &authority) else {
            continue;
        };
        let before = heads.lock().unwrap().len();
        let mut peer = Peer::connect(address).await;
        peer.send(bytes).await;
        let mut frames = Vec::new();
        while !hostile_h2::is_answered(&frames) {
            if !matches!(within(peer.stream.read_buf(&mut frames)).await, Ok(1..)) {
                break;
            }
        }
        sent += 1;
        refused += usize::from(heads.lock().unwrap().len() == before);
    }
    assert!(sent >= 250 && refused > sent / 2, "{refused} of {sent}");
    let heads = heads.lock().unwrap();
    for head in heads.iter() {
        let (line, fields) = head.trim_end().split_once("\r\n").unwrap();
        assert_eq!(line.split(' ').count(), 3, "{head:?}");
        assert!(line.ends_with(" HTTP/1.1"), "{head:?}");
        assert!(
            !head
                .bytes()
                .any(|byte| byte < b' ' && !b"\r\n\t".contains(&byte)),
            "{head:?}"
        );
        let names = fields
            .split("\r\n")
            .map(|line| line.split(':').next().unwrap());
        let names: Vec<String> = names.map(str::to_ascii_lowercase).collect();
        let count = |name: &str| names.iter().filter(|found| *found == name).count();
        assert_eq!(count("host"), 1, "{head:?}");
        assert!(
            count("content-length") + count("transfer-encoding") <= 1,
            "{head:?}"
        );
    }
}
