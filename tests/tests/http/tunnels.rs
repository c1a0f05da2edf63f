//! CONNECT, upgrades, and what ends them.

use std::io::{Read, Write};

use privet_tests::client::{connect, read_all, read_head};
use privet_tests::{Origin, Privet};

use crate::support::exchange;

#[test]
fn a_connect_with_an_empty_body_and_a_reply_with_a_length_open_tunnels() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    let upstream = Origin::raw(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        let _ = std::io::copy(&mut stream.try_clone().expect("a socket"), &mut stream);
    });
    let behind = Privet::start(&format!(
        "mode = \"up\"\n[modes.up]\nroute = \"up\"\n[[upstream]]\nname = \"up\"\nurl = \"http://{}\"\n",
        upstream.address
    ));
    for privet in [&privet, &behind] {
        let mut stream = connect(privet.proxy());
        let target = origin.address;
        stream
            .write_all(format!("CONNECT {target} HTTP/1.0\r\nContent-Length: 0\r\n\r\n").as_bytes())
            .expect("open");
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 200"));
        stream.write_all(b"ping").expect("open");
        let mut back = [0; 4];
        stream.read_exact(&mut back).expect("an echo");
        assert_eq!(&back, b"ping");
    }
}

#[test]
fn a_connect_with_a_length_that_is_said_twice_is_refused() {
    let origin = Origin::echo();
    let privet = Privet::start("");
    // RFC 9110 section 8.6 and RFC 9112 section 6.3 leave the choice: refuse the message, or take equal values as one. A
    // length said twice is refused in every request: of two readers one may take the first value and one the second.
    for lengths in [
        "Content-Length: 0\r\nContent-Length: 0\r\n",
        "Content-Length: 0, 0\r\n",
        "Content-Length: 0\r\nContent-Length: 5\r\n",
    ] {
        let mut stream = connect(privet.proxy());
        let head = format!(
            "CONNECT {} HTTP/1.1\r\nHost: a\r\n{lengths}\r\n",
            origin.address
        );
        stream.write_all(head.as_bytes()).expect("open");
        let answer = read_head(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{lengths:?}: {answer}");
        assert!(
            answer.contains("Privet-Reason: Content-Length is not one plain number"),
            "{answer}"
        );
    }
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn an_upgrade_to_any_protocol_passes_with_its_body() {
    let origin = Origin::raw(|mut stream| {
        let head = read_head(&mut stream).to_lowercase();
        let mut body = [0; 2];
        let _ = stream.read_exact(&mut body);
        if head.contains("upgrade: tcp") {
            let _ = stream
                .write_all(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
            let _ = std::io::copy(&mut stream.try_clone().expect("a socket"), &mut stream);
        } else {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let privet = Privet::start("");
    for (protocol, status) in [("tcp", "101"), ("h2c", "200"), ("TLS/1.2", "200")] {
        let mut stream = connect(privet.proxy());
        let url = origin.url("/exec/1/start");
        stream
            .write_all(
                format!(
                    "POST {url} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\
                     Content-Length: 2\r\n\r\n{{}}"
                )
                .as_bytes(),
            )
            .expect("open");
        let head = read_head(&mut stream);
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        if protocol == "tcp" {
            stream.write_all(b"stdin").expect("open");
            let mut back = [0; 5];
            stream.read_exact(&mut back).expect("an echo");
            assert_eq!(&back, b"stdin");
        }
    }
}

#[test]
fn a_client_that_resets_ends_the_origins_connection_and_a_half_close_does_not() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let origin = Origin::raw(move |mut stream| {
        let head = read_head(&mut stream);
        let sender = sender.lock().expect("no handler panics").clone();
        let _ = sender.send("requested");
        if head.contains("/answer") {
            std::thread::yield_now();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        let _ = read_all(&mut stream);
        let _ = sender.send("ended");
    });
    let privet = Privet::start("");
    let wait = |what: &str| {
        let heard = receiver.recv_timeout(std::time::Duration::from_secs(10));
        assert_eq!(heard, Ok(what));
    };
    let mut stream = connect(privet.proxy());
    let url = origin.url("/wait");
    stream
        .write_all(format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .expect("open");
    wait("requested");
    rustix::net::sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO))
        .expect("a socket takes it");
    drop(stream);
    wait("ended");
    let row = privet.await_row("closed", |row| row["end"] == "broken");
    assert!(
        row["error"]
            .as_str()
            .is_some_and(|text| text.contains("client")),
        "{row}"
    );

    let mut stream = connect(privet.proxy());
    let url = origin.url("/answer");
    stream
        .write_all(format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .expect("open");
    stream.shutdown(std::net::Shutdown::Write).expect("open");
    assert!(String::from_utf8_lossy(&read_all(&mut stream)).ends_with("\r\n\r\nok"));
}

#[test]
fn a_websocket_uses_connect_through_an_http_upstream() {
    let origin = Origin::raw(|mut stream| {
        let head = read_head(&mut stream);
        assert!(head.starts_with("GET /socket HTTP/1.1\r\n"), "{head}");
        let _ = stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
        );
    });
    let upstream = Privet::start("");
    let privet = Privet::start(&format!(
        "mode = \"up\"\n[modes.up]\nroute = \"up\"\n[[upstream]]\nname = \"up\"\nurl = \"http://{}\"\n",
        upstream.proxy()
    ));
    let answer = exchange(
        &privet,
        format!(
            "GET ws://{}/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            origin.address
        )
        .as_bytes(),
    );
    assert!(
        answer.starts_with("HTTP/1.1 101") && answer.ends_with("hello"),
        "{answer}"
    );
    upstream.await_row("closed", |row| row["protocol"] == "connect");
}

#[test]
fn a_client_reset_ends_a_dial() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    // A SOCKS5 upstream that never answers.
    let upstream = Origin::raw(move |mut stream| {
        let sender = sender.lock().expect("no handler panics").clone();
        let _ = stream.read(&mut [0; 3]);
        let _ = sender.send("dialed");
        let _ = read_all(&mut stream);
        let _ = sender.send("ended");
    });
    let privet = Privet::start(&format!(
        "mode = \"up\"\n[modes.up]\nroute = \"up\"\n[[upstream]]\nname = \"up\"\nurl = \"socks5://{}\"\n",
        upstream.address
    ));
    let socks = [
        &[5, 1, 0, 5, 1, 0][..],
        &privet_tests::client::socks5_target("a.test", 80),
    ]
    .concat();
    let requests: [&[u8]; 3] = [
        b"GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n",
        &socks,
    ];
    for request in requests {
        let mut stream = connect(privet.proxy());
        stream.write_all(request).expect("open");
        let wait = |what: &str| {
            let heard = receiver.recv_timeout(std::time::Duration::from_secs(4));
            assert_eq!(heard, Ok(what), "{}", request.escape_ascii());
        };
        wait("dialed");
        rustix::net::sockopt::set_socket_linger(&stream, Some(std::time::Duration::ZERO))
            .expect("a socket takes it");
        drop(stream);
        wait("ended");
    }
}
