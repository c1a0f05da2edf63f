//! Hostile requests: whatever two readers could understand differently is refused, and not one byte of it goes on.

mod common;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use common::*;
use tokio::io::AsyncReadExt;

const SMUGGLED: &str = "GET http://127.0.0.1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// Requests whose heads are not to be passed on. `PORT` stands for the origin's port.
fn hostile_heads() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let get = b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\n".to_vec();
    let with = |line: &[u8]| [&get[..], b"Host: x\r\n", line, b"\r\n\r\n"].concat();
    // Each forbidden byte in a value, a name, a method, a target and a version.
    for byte in (0u8..=31).chain([127]) {
        if byte != b'\t' {
            all.push(with(&[b'X', b':', b'a', byte, b'b']));
        }
        all.push(with(&[b'X', byte, b':', b'a']));
        all.push(
            [
                b"G",
                &[byte][..],
                b"T http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
        all.push(
            [
                b"GET http://127.0.0.1:PORT/",
                &[byte][..],
                b"x HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
        all.push(
            [
                b"GET http://127.0.0.1:PORT/ HTTP/1",
                &[byte][..],
                b"1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
        all.push(
            [
                b"GET http://127.0.0.1",
                &[byte][..],
                b":PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
    }
    for byte in b"\"(),/;<=>?@[\\]{} \x80\xff" {
        all.push(with(&[b'X', *byte, b'y', b':', b'a']));
        all.push(
            [
                b"GE",
                &[*byte][..],
                b"T http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
            ]
            .concat(),
        );
    }
    let lines = [
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "content-length: 5\r\nCONTENT-LENGTH: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 5,5",
        "Content-Length: 5 ,5",
        "Content-Length: 0x5",
        "Content-Length: 5e0",
        "Content-Length: 05a",
        "Content-Length: +5",
        "Content-Length: -0",
        "Content-Length: 1_0",
        "Content-Length: 5;",
        "Content-Length: '5'",
        "Content-Length: \"5\"",
        "Content-Length: 5.",
        "Content-Length: \u{ff15}",
        "Content-Length: 5\u{a0}",
        "Content-Length: 18446744073709551616",
        "Content-Length: 18446744073709551621",
        "Content-Length: 4294967296000000000000000",
        "Content-Length:",
        "Content-Length : 5",
        "Content-Length\t: 5",
        " Content-Length: 5",
        "\tContent-Length: 5",
        "X: y\r\n Content-Length: 5",
        "X: y\r\n\tContent-Length: 5",
        "Content-Length: 5\r\n 6",
        "Content-Length:\r\n 5",
        "Content_Length : 5",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\n , identity",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: \u{b}chunked",
        "Transfer-Encoding: \u{c}chunked",
        "Transfer-Encoding: chunked\u{b}",
        "Transfer-Encoding: chunked\0",
        "Transfer-Encoding: chunked\u{a0}",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunkedx",
        "Transfer-Encoding: chunk",
        "Transfer-Encoding: x chunked",
        "Transfer-Encoding: chunked x",
        "Transfer-Encoding: chunked, x",
        "Transfer-Encoding: x, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding: , chunked",
        "Transfer-Encoding: 'chunked'",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked;foo=bar",
        "Transfer-Encoding: {chunked",
        "Transfer-Encoding: [chunked]",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\n\rTransfer-Encoding: chunked",
        "X: y\r\r\nTransfer-Encoding: chunked",
        "X\r\nTransfer-Encoding: chunked",
        "X\rTransfer-Encoding: chunked",
        "X:\nTransfer-Encoding: chunked",
        ": y",
        ":",
        "X",
        "Host: y",
        "host: x",
        "Host : x",
        "Connection: a b",
        "Connection: \"close\"",
        "Expect: 100-continue, x",
        "Expect: nothing",
        "Upgrade: a b",
    ];
    all.extend(lines.map(|line| with(line.as_bytes())));
    let whole = [
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost:\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a:x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a?b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a#b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: a%00b\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\nHost: x\n\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\nGET",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\rHost: x\r\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1\r\n\nHost: x\r\n\r\n",
        "\r\n\r\nGET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "\nGET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        " GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "\0GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET  http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/  HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ x HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.1x\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1.01\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/01.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP /1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ Http/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/ HTTP/9.9\r\nHost: x\r\n\r\n",
        "GET http://u:p@127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT@evil/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://evil\\@127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT\\/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/#f HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT#f HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://127.0.0.1:PORT/\u{e4} HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http:127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http:///127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET //127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
        "GET 127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST http://127.0.0.1:PORT/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "CONNECT 127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        "CONNECT 127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "CONNECT http://127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT u@127.0.0.1:PORT HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT 127.0.0.1 HTTP/1.1\r\nHost: x\r\n\r\n",
        "TRACE http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
    ];
    all.extend(whole.map(|text| text.as_bytes().to_vec()));
    all
}

/// Bodies whose heads are right: what of them is not right must not go on.
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

/// An origin that writes down all it gets and answers each head.
async fn listening() -> (u16, Arc<Mutex<Vec<u8>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = heard.clone();
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
    (port, heard)
}

#[tokio::test]
async fn no_hostile_head_reaches_an_origin() {
    let (port, heard) = listening().await;
    let road = TestRoad::default();
    let address = proxy(road.clone()).await;
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
        // One answer and the end: what followed was not taken for a request.
        let rest = client.rest().await;
        let again = rest.contains("Privet-Reason") || rest.contains("200 OK");
        assert!(!again, "{text:?}: {rest}");
        assert_eq!(road.dials.load(Ordering::Relaxed), 0, "{text:?}");
    }
    assert!(heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_hostile_body_reaches_an_origin_as_it_came() {
    for body in HOSTILE_BODIES {
        let (port, heard) = listening().await;
        let mut client = Peer::connect(proxy(TestRoad::default()).await).await;
        client
            .send(format!(
                "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{body}{SMUGGLED}"
            ))
            .await;
        client.rest().await;
        let heard = heard.lock().unwrap();
        let heard = String::from_utf8_lossy(&heard);
        assert!(!heard.contains("smuggled"), "{body:?}: {heard}");
        let sent = heard.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        // Nothing, or the good chunk written anew, and never an end.
        assert!(["", "5\r\nhello\r\n"].contains(&sent), "{body:?}: {sent:?}");
    }
}
