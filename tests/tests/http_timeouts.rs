//! Timeouts of plain HTTP: heads, bodies and responses that do not come, and what may take its time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use privet_tests::client::{connect, read_all, read_head, read_n};
use privet_tests::{Origin, Privet};

/// A pause that is part of a test's traffic.
fn rest(time: Duration) {
    let (_open, never) = channel::<()>();
    let _ = never.recv_timeout(time);
}

fn start(limits: &str) -> Privet {
    Privet::start(&format!(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\n{limits}"
    ))
}

fn post(proxy: SocketAddr, origin: &Origin, framing: &str) -> TcpStream {
    let mut stream = connect(proxy);
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\n{framing}\r\n\r\n",
        origin.url("/echo"),
        origin.address
    );
    stream.write_all(head.as_bytes()).expect("open");
    stream
}

#[test]
fn a_slow_request_body_is_closed_in_time_and_an_upload_that_moves_is_not() {
    let origin = Origin::http();
    let privet = start("request_body_timeout = \"1s\"\n");
    let slow = ["Content-Length: 1000", "Transfer-Encoding: chunked"].map(|framing| {
        let mut stream = post(privet.proxy(), &origin, framing);
        let mut sender = stream.try_clone().expect("a socket clones");
        let drips = framing.contains("chunked");
        // A byte now and then does not keep it open; nothing at all neither.
        let sending = std::thread::spawn(move || {
            while drips && sender.write_all(b"1\r\na\r\n").is_ok() {
                rest(Duration::from_millis(100));
            }
        });
        std::thread::spawn(move || {
            let started = Instant::now();
            let answer = String::from_utf8(read_all(&mut stream)).expect("text");
            drop(stream);
            sending.join().expect("the sender does not panic");
            (answer, started.elapsed())
        })
    });
    let mut moving = post(privet.proxy(), &origin, "Content-Length: 20480");
    for _ in 0..10 {
        moving.write_all(&[b'm'; 2048]).expect("it is open");
        rest(Duration::from_millis(300));
    }
    let head = read_head(&mut moving);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    for slow in slow {
        let (answer, took) = slow.join().expect("the reader does not panic");
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
        assert!(answer.contains("did not come in time"), "{answer}");
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
    let row = privet.await_row("closed", |row| row["end"] == "idle");
    assert_eq!(row["port"], origin.port(), "{row}");
}

#[test]
fn a_request_head_has_a_timeout_of_its_own() {
    let origin = Origin::http();
    let privet = start("handshake_timeout = \"10m\"\nrequest_header_timeout = \"500ms\"\n");
    let mut stream = connect(privet.proxy());
    stream
        .write_all(b"GET http://a.test/ HTTP/1.1\r\n")
        .expect("open");
    let answer = read_all(&mut stream);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{answer:?}");
    // Also for a later request of a connection.
    let mut kept = connect(privet.proxy());
    let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", origin.url("/none"));
    kept.write_all(get.as_bytes()).expect("open");
    let head = read_head(&mut kept);
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    rest(Duration::from_secs(1));
    kept.write_all(&get.as_bytes()[..20])
        .expect("it is kept while it is idle");
    let answer = read_all(&mut kept);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{answer:?}");
}

#[test]
fn a_response_head_that_does_not_come_in_time_is_a_504() {
    let origin = Origin::raw(|mut stream| while let Ok(1..) = stream.read(&mut [0; 512]) {});
    let privet = start("response_header_timeout = \"500ms\"\n");
    let mut stream = connect(privet.proxy());
    let get = format!("GET {} HTTP/1.0\r\n\r\n", origin.url("/"));
    stream.write_all(get.as_bytes()).expect("open");
    let answer = String::from_utf8(read_all(&mut stream)).expect("text");
    assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
    assert!(answer.to_lowercase().contains("privet-reason: timed out"));
}

#[test]
fn long_polls_event_streams_and_websockets_are_not_bound_by_the_http_timeouts() {
    const QUIET: Duration = Duration::from_millis(2500);
    let origin = Origin::raw(|mut stream| {
        let head = read_head(&mut stream);
        let (first, later): (&[u8], &[u8]) = if head.contains("/poll") {
            (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnews")
        } else if head.contains("/events") {
            let first = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
            (first, b"data: news\n\n")
        } else {
            let first = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
            (first, b"\x81\x04news")
        };
        let _ = stream.write_all(first);
        rest(QUIET);
        let _ = stream.write_all(later);
    });
    let privet = start("request_header_timeout = \"1s\"\nrequest_body_timeout = \"1s\"\n");
    let clients = ["/poll", "/events", "/socket"].map(|path| {
        let upgrade = match path {
            "/socket" => {
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            }
            _ => "",
        };
        let mut stream = connect(privet.proxy());
        let get = format!(
            "GET {} HTTP/1.1\r\nHost: a\r\n{upgrade}\r\n",
            origin.url(path)
        );
        stream.write_all(get.as_bytes()).expect("open");
        stream
    });
    for mut client in clients {
        let status = read_head(&mut client);
        let mut body = Vec::new();
        while !body.ends_with(b"news") {
            let byte = read_n(&mut client, 1).unwrap_or_else(|error| {
                panic!("{error} after {:?} of {status}", body.escape_ascii())
            });
            body.extend(byte);
        }
    }
}

#[test]
fn a_target_that_is_idle_does_not_end_a_connection_that_is_busy_with_another() {
    let (quiet, busy) = (Origin::http(), Origin::http());
    let privet = start("idle_timeout = \"2s\"\n");
    let mut client = connect(privet.proxy());
    let mut ask = |origin: &Origin| {
        let get = format!("GET {} HTTP/1.1\r\nHost: a\r\n\r\n", origin.url("/none"));
        client.write_all(get.as_bytes()).expect("it is open");
        let head = read_head(&mut client);
        assert!(head.starts_with("HTTP/1.1 204 "), "{head:?}");
    };
    ask(&quiet);
    let is_idle = |row: &serde_json::Value| row["port"] == quiet.port() && row["end"] == "idle";
    let started = Instant::now();
    while !privet.rows("closed").iter().any(is_idle) {
        assert!(started.elapsed() < privet_tests::TIMEOUT, "it stays open");
        ask(&busy);
        rest(Duration::from_millis(100));
    }
    (0..5).for_each(|_| ask(&busy));
    // The idle target is asked again on the same connection, in a new row.
    ask(&quiet);
    privet.await_row("active", |row| row["port"] == quiet.port());
}
