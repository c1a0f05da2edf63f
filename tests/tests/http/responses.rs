//! Responses of origins, and connections to them.

use std::io::{Read, Write};
use std::net::TcpStream;

use privet_tests::client::{connect, read_head};
use privet_tests::{Origin, Privet};

use crate::support::{exchange, one_reply};

#[test]
fn origin_responses_are_parsed_as_strictly() {
    let invalid_replies: &[(&str, &[u8])] = &[
        (
            "CL and TE",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "two CL",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        ),
        (
            "bad version",
            b"HTTP/9.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ),
        ("no status", b"HTTP/1.1 OK\r\n\r\n"),
        (
            "bare CR",
            b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
        ),
        (
            "obs-fold",
            b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        ),
        ("nothing", b""),
        ("not HTTP", b"SSH-2.0-nothing\r\n"),
    ];
    for (name, invalid_reply) in invalid_replies {
        let invalid_reply = invalid_reply.to_vec();
        let origin = Origin::raw(move |mut stream| {
            let _ = stream.read(&mut [0; 2048]);
            let _ = stream.write_all(&invalid_reply);
        });
        let privet = Privet::start("");
        let answer = exchange(
            &privet,
            format!(
                "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                origin.url("/")
            )
            .as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 502"), "{name}: {answer:?}");
    }
}

#[test]
fn bytes_after_a_message_are_never_taken_for_the_next_one() {
    let origin = Origin::raw(|mut stream| {
        let mut seen = [0; 2048];
        while let Ok(1..) = stream.read(&mut seen) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
        }
    });
    let privet = Privet::start("");
    let mut stream = connect(privet.proxy());
    for _ in 0..3 {
        stream
            .write_all(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", origin.url("/")).as_bytes())
            .expect("open");
        let (head, body) = one_reply(&mut stream);
        assert!(!body.starts_with(b"forged"), "{head}");
    }
}

#[test]
fn responses_of_old_servers_are_rewritten_and_malformed_ones_are_502() {
    let cases: &[(&[u8], &str)] = &[
        (b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", "200"),
        (b"HTTP/1.4 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200"),
        (
            b"HTTP/1.1 999 Denied\r\nContent-Length: 5\r\n\r\nhello",
            "999",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 ;a=b\r\nhello\r\n0\r\n\r\n",
            "200",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            "502",
        ),
    ];
    for (reply, status) in cases {
        let reply = reply.to_vec();
        let origin = Origin::raw(move |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(&reply);
        });
        let privet = Privet::start("");
        let answer = exchange(
            &privet,
            format!(
                "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                origin.url("/")
            )
            .as_bytes(),
        );
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert_eq!(answer.contains("hello"), *status != "502", "{answer}");
        assert!(
            !answer.contains(" :") && !answer.contains("a=b"),
            "{answer}"
        );
    }
}

#[test]
fn an_authenticated_connection_is_never_anothers() {
    // As NTLM servers do: who logged in once on a connection stays logged in on it.
    let origin = Origin::raw(|mut stream| {
        let mut user = "nobody".to_owned();
        loop {
            let head = read_head(&mut stream);
            if head.is_empty() {
                return;
            }
            if let Some(value) = privet_tests::origin::field(&head, "authorization") {
                value.clone_into(&mut user);
            }
            let reply = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{user}",
                user.len()
            );
            if stream.write_all(reply.as_bytes()).is_err() {
                return;
            }
        }
    });
    let privet = Privet::start("");
    let ask = |stream: &mut TcpStream, fields: &str| {
        let url = origin.url("/");
        stream
            .write_all(format!("GET {url} HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes())
            .expect("open");
        String::from_utf8_lossy(&one_reply(stream).1).into_owned()
    };
    let mut first = connect(privet.proxy());
    assert_eq!(
        ask(&mut first, "Authorization: NTLM first\r\n"),
        "NTLM first"
    );
    for _ in 0..8 {
        assert_eq!(ask(&mut connect(privet.proxy()), ""), "nobody");
        assert_eq!(ask(&mut first, ""), "NTLM first");
    }
    drop(first);
    for _ in 0..8 {
        assert_eq!(ask(&mut connect(privet.proxy()), ""), "nobody");
    }
}

#[test]
fn an_early_answer_to_an_upload_reaches_the_client_in_every_tunnel() {
    let reply = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch";
    let origin = Origin::raw(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(reply);
        // Closed with bytes unread: a reset follows the answer.
    });
    let privet = Privet::start("");
    let at = origin.address;
    for socks in [true, false] {
        for _ in 0..5 {
            let mut stream = if socks {
                privet_tests::client::socks5(privet.proxy(), "127.0.0.1", at.port()).expect("open")
            } else {
                let mut stream = connect(privet.proxy());
                stream
                    .write_all(format!("CONNECT {at} HTTP/1.1\r\nHost: {at}\r\n\r\n").as_bytes())
                    .expect("open");
                read_head(&mut stream);
                stream
            };
            let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n";
            stream.write_all(head.as_bytes()).expect("open");
            // As simple clients do: all of the body, and then the answer.
            let mut piece = 0;
            while piece < 200 && stream.write_all(&[b'x'; 16 * 1024]).is_ok() {
                piece += 1;
            }
            let mut got = vec![0; reply.len()];
            stream
                .read_exact(&mut got)
                .expect("the answer, not a reset");
            assert_eq!(got, reply, "socks: {socks}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_response_is_named() {
    let privet = Privet::start("");
    for (answer, reason) in [
        ("SSH-2.0-x\r\n\r\n", "does not begin with HTTP/1.1"),
        ("HTTP/1.1 200 OK\nX: y\r\n\r\n", "bare line feed"),
        (
            "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
            "continued on a second line",
        ),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "has no colon"),
        ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", "forbidden byte"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "Content-Length in the server's answer",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both Content-Length and",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            "another transfer coding",
        ),
        ("HTTP/1.1 099 What\r\n\r\n", "between 100 and 999"),
    ] {
        let origin = Origin::raw(move |mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(answer.as_bytes());
        });
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            origin.url("/")
        );
        let reply = exchange(&privet, request.as_bytes());
        assert!(reply.starts_with("HTTP/1.1 502 "), "{answer:?}: {reply}");
        let line = reply
            .lines()
            .find(|line| line.starts_with("Privet-Reason: "));
        assert!(
            line.is_some_and(|line| line.contains(reason)),
            "{answer:?}: {line:?}"
        );
        privet.await_row("closed", |row| {
            row["port"] == origin.port()
                && row["error"]
                    .as_str()
                    .is_some_and(|error| error.contains(reason))
        });
    }
}
