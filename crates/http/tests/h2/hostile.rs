//! Clients that send what they must not, or read nothing.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::common::*;
use bytes::Bytes;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::support::*;

#[tokio::test]
async fn what_two_readers_could_read_differently_is_refused() {
    let port = answering(OK).await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    type Change = fn(&mut Request<()>);
    let cases: [(&str, Change); 6] = [
        ("another host", |request| {
            request
                .headers_mut()
                .insert("host", "b.test".parse().unwrap());
        }),
        ("two hosts", |request| {
            let host = request.uri().authority().unwrap().as_str().parse().unwrap();
            request.headers_mut().append("host", host);
            let host = request.uri().authority().unwrap().as_str().parse().unwrap();
            request.headers_mut().append("host", host);
        }),
        ("a space around a value", |request| {
            request.headers_mut().insert("x", " a".parse().unwrap());
        }),
        ("a length without a body", |request| {
            request.headers_mut().insert("content-length", 5.into());
        }),
        ("https without CONNECT", |request| {
            *request.uri_mut() = "https://127.0.0.1/".parse().unwrap();
        }),
        ("too many fields", |request| {
            for _ in 0..300 {
                request.headers_mut().append("x", "y".parse().unwrap());
            }
        }),
    ];
    for (what, change) in cases {
        let mut request = get(port, "/");
        change(&mut request);
        let response = within(send(&mut client, request).await).await;
        let status = response.map(|response| response.status().as_u16());
        assert!(
            matches!(status, Ok(400 | 431) | Err(_)),
            "{what}: {status:?}"
        );
    }
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 0);
    // The connection is still good.
    let (head, ..) = whole(send(&mut client, get(port, "/")).await).await;
    assert_eq!(head.status(), 200);
}

/// A frame of RFC 9113 §4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A request head in HPACK without any table: `:method`, `:scheme`, `:path`, `:authority`.
fn head_block(port: u16) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x84, 0x41];
    let authority = format!("127.0.0.1:{port}");
    block.push(authority.len() as u8);
    block.extend(authority.as_bytes());
    block
}

#[tokio::test]
async fn floods_are_cut_and_other_clients_go_on() {
    let port = answering(OK).await;
    let address = h2_proxy(TestGateway::default()).await;
    let block = head_block(port);
    let rapid_reset = |n: u32| {
        let stream = 2 * n + 1;
        let reset = frame(3, 0, stream, &8u32.to_be_bytes());
        [frame(1, 5, stream, &block), reset].concat()
    };
    // A window of zero bytes more is an error of the stream, which the server resets.
    let made_you_reset = |n: u32| {
        let stream = 2 * n + 1;
        [frame(1, 5, stream, &block), frame(8, 0, stream, &[0; 4])].concat()
    };
    let endless_head = |n: u32| match n {
        0 => frame(1, 1, 1, &block),
        _ => frame(9, 0, 1, b"\x00\x01x\x01y"),
    };
    let empty_data = |n: u32| match n {
        0 => frame(1, 4, 1, &block),
        _ => frame(0, 0, 1, b""),
    };
    // Fields that refer to a large one of the table again and again.
    let bomb = |n: u32| {
        let mut bytes = block.clone();
        bytes.extend(b"\x40\x01x\x7f\xe1\x1e");
        bytes.extend(vec![b'y'; 4000]);
        bytes.extend(vec![0xbe; 2000]);
        frame(1, 5, 2 * n + 1, &bytes)
    };
    type Flood<'a> = &'a dyn Fn(u32) -> Vec<u8>;
    let floods: [(&str, Flood<'_>); 7] = [
        ("ping", &|_| frame(6, 0, 0, &[0; 8])),
        ("settings", &|_| frame(4, 0, 0, b"")),
        ("rapid reset", &rapid_reset),
        ("made you reset", &made_you_reset),
        ("continuation", &endless_head),
        ("empty data", &empty_data),
        ("header table", &bomb),
    ];
    let mut good = connect(address).await;
    for (what, flood) in floods {
        let started = Instant::now();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(privet_http::h2::PREFACE).await.unwrap();
        stream.write_all(&frame(4, 0, 0, b"")).await.unwrap();
        let (mut reader, mut writer) = stream.split();
        let reading = async {
            let mut waste = vec![0; 65536];
            while matches!(reader.read(&mut waste).await, Ok(count) if count > 0) {}
        };
        let writing = async {
            for n in 0..200_000 {
                if writer.write_all(&flood(n)).await.is_err() {
                    return n;
                }
            }
            200_000
        };
        tokio::select! {
            () = reading => {}
            count = within(writing) => assert!(count < 200_000, "{what} was not cut"),
        }
        assert!(started.elapsed() < Duration::from_secs(10), "{what}");
        let (head, ..) = whole(send(&mut good, get(port, "/")).await).await;
        assert_eq!(head.status(), 200, "after {what}");
    }
}

#[tokio::test]
async fn a_slow_reader_stops_the_origin_and_not_its_neighbour() {
    let sent = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counter = sent.clone();
    let port = origin(move |mut peer, _| {
        let counter = counter.clone();
        async move {
            let head = peer.head().await.unwrap();
            if head.starts_with("GET /small") {
                return peer.send(OK).await;
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                .await;
            let piece = vec![b'x'; 16384];
            while peer.stream.write_all(&piece).await.is_ok() {
                counter.fetch_add(piece.len(), Ordering::Relaxed);
            }
        }
    })
    .await;
    let address = h2_proxy(TestGateway::default()).await;
    let stream = TcpStream::connect(address).await.unwrap();
    // 64 KiB for each stream, more for the connection.
    let mut builder = ::h2::client::Builder::new();
    builder.initial_connection_window_size(1 << 20);
    let (mut client, connection) = builder.handshake::<_, Bytes>(stream).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let slow = within(send(&mut client, get(port, "/large")).await)
        .await
        .unwrap();
    // Until nothing moves for half a second.
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = sent.load(Ordering::Relaxed);
        if now == before && now > 0 {
            break;
        }
        before = now;
    }
    // What the sockets of this machine hold is not the proxy's: some MiB at most.
    assert!(before < 16 << 20, "{before}");
    let (head, body, _) = whole(send(&mut client, get(port, "/small")).await).await;
    assert_eq!((head.status().as_u16(), body.as_slice()), (200, &b"ok"[..]));
    drop(slow);
}
