//! HTTP through the proxy byte by byte: messages are rewritten, ambiguous ones are refused.

use std::io::{Read, Write};
use std::net::TcpStream;

use privet_tests::client::{connect, read_all, read_head};
use privet_tests::{Origin, Privet};

/// Sends these bytes to the proxy and reads until it closes.
fn exchange(privet: &Privet, bytes: &[u8]) -> String {
    let mut stream = connect(privet.proxy());
    stream.write_all(bytes).expect("open");
    String::from_utf8_lossy(&read_all(&mut stream)).into_owned()
}

/// Reads one reply with a Content-Length from a persistent connection.
fn one_reply(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = read_head(stream);
    let size = privet_tests::origin::field(&head, "content-length")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; size];
    stream.read_exact(&mut body).expect("a whole body");
    (head, body)
}

#[test]
fn pipelined_requests_over_one_connection_are_answered_in_order() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let mut stream = connect(privet.proxy());
    let requests: String = (1..=5)
        .map(|n| {
            format!(
                "GET {} HTTP/1.1\r\nHost: ignored.test\r\n\r\n",
                origin.url(&format!("/bytes/{}", n * 10))
            )
        })
        .collect();
    stream.write_all(requests.as_bytes()).expect("open");
    for n in 1..=5 {
        let (head, body) = one_reply(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(body.len(), n * 10);
    }
    assert_eq!(
        origin.accepted(),
        1,
        "one connection to the origin carried them"
    );
    let host = format!("host: {}", origin.address);
    assert!(
        origin
            .heads()
            .iter()
            .all(|head| head.to_lowercase().contains(&host)),
        "Host is made from the target"
    );
}

#[test]
fn hop_by_hop_fields_are_removed() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let mut stream = connect(privet.proxy());
    stream.write_all(format!(
        "GET {} HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\nX-Private: secret\r\n\
         Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic YTpi\r\nTE: trailers\r\nX-Kept: yes\r\n\r\n",
        origin.url("/echo")
    ).as_bytes())
    .expect("open");
    let (_, body) = one_reply(&mut stream);
    let seen = String::from_utf8_lossy(&body).to_lowercase();
    for gone in ["x-private", "secret", "keep-alive:", "proxy-"] {
        assert!(!seen.contains(gone), "{gone} reached the origin: {seen}");
    }
    assert!(seen.contains("x-kept: yes"), "{seen}");
    assert!(
        seen.starts_with("get /echo http/1.1"),
        "origin-form: {seen}"
    );
}

#[test]
fn ambiguous_messages_are_refused_and_never_forwarded() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let url = origin.url("/");
    let host = origin.address;
    let hostile = [
        format!(
            "POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"
        ),
        format!("POST {url} HTTP/1.1\r\nHost: {host}\r\nContent-Length: +3\r\n\r\nabc"),
        format!(
            "POST {url} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST {url} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "POST {url} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
        ),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nX: a\r\n b\r\n\r\n"),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nX : a\r\n\r\n"),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nX: a\rb\r\n\r\n"),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nX: a\0b\r\n\r\n"),
        format!("GET {url} HTTP/1.1\nHost: {host}\n\n"),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nHost: other.test\r\n\r\n"),
        "GET /origin-form HTTP/1.1\r\nX: no host\r\n\r\n".to_owned(),
        format!("GET  {url} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nX\r\n\r\n"),
        format!("GET gopher://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET gopher://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("CONNECT http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
    ];
    for message in &hostile {
        let answer = exchange(&privet, message.as_bytes());
        let status = answer.get(9..10).unwrap_or("nothing");
        assert!(
            ["4", "5", "nothing"].contains(&status),
            "{message:?} → {answer:?}"
        );
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1,
            "closed after the refusal: {message:?} → {answer:?}"
        );
    }
    assert_eq!(origin.heads(), Vec::<String>::new());
}

#[test]
fn invalid_chunks_close_the_connection_and_nothing_after_them_is_a_request() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let url = origin.url("/echo");
    for chunks in [
        "3 \r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\nabc\n0\n\n",
        "ffffffffffffffff1\r\n",
        "-1\r\n\r\n",
    ] {
        let smuggled = format!(
            "GET {} HTTP/1.1\r\nHost: x\r\n\r\n",
            origin.url("/smuggled")
        );
        let message = format!(
            "POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}{smuggled}"
        );
        let answer = exchange(&privet, message.as_bytes());
        assert!(
            !answer.starts_with("HTTP/1.1 200"),
            "{chunks:?} → {answer:?}"
        );
    }
    assert!(
        origin
            .heads()
            .iter()
            .all(|head| !head.contains("/smuggled")),
        "{:?}",
        origin.heads()
    );
}

#[test]
fn a_line_too_long_is_414_and_a_head_too_large_is_431() {
    let privet = Privet::start("");
    let long = format!(
        "GET http://a.test/{} HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "x".repeat(100_000)
    );
    assert!(exchange(&privet, long.as_bytes()).starts_with("HTTP/1.1 414"));
    let many = format!(
        "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\n{}\r\n",
        "X-Field: value\r\n".repeat(20_000)
    );
    assert!(exchange(&privet, many.as_bytes()).starts_with("HTTP/1.1 431"));
}

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
fn an_http_1_0_client_is_answered_in_its_version_and_closed() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let answer = exchange(
        &privet,
        format!("GET {} HTTP/1.0\r\n\r\n", origin.url("/chunked")).as_bytes(),
    );
    assert!(
        answer.contains("hello world") && !answer.to_lowercase().contains("transfer-encoding"),
        "{answer}"
    );
}

#[test]
fn trace_and_options_obey_max_forwards() {
    let origin = Origin::http();
    let privet = Privet::start("");
    for method in ["TRACE", "OPTIONS"] {
        let message = format!(
            "{method} {} HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\nConnection: close\r\n\r\n",
            origin.url("/")
        );
        exchange(&privet, message.as_bytes());
        assert_eq!(
            origin.heads().len(),
            0,
            "{method} with none left stays here"
        );
    }
    let message = format!(
        "OPTIONS {} HTTP/1.1\r\nHost: x\r\nMax-Forwards: 5\r\nConnection: close\r\n\r\n",
        origin.url("/")
    );
    exchange(&privet, message.as_bytes());
    assert!(
        origin.heads()[0].to_lowercase().contains("max-forwards: 4"),
        "{:?}",
        origin.heads()
    );
}

#[test]
fn header_modes_change_what_the_origin_receives() {
    let origin = Origin::http();
    let mut received = Vec::new();
    for mode in ["untouched", "reduced", "minimal"] {
        let privet = Privet::start(&format!(
            "mode = \"own\"\n[modes.own]\nroute = \"direct\"\nheaders = \"{mode}\"\n"
        ));
        let mut stream = connect(privet.proxy());
        stream.write_all(format!(
            "GET {} HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0\r\n\
             Referer: http://other.test/private/page?q=1\r\nAccept-Language: de-CH, de;q=0.9\r\nX-Forwarded-For: 10.1.2.3\r\n\r\n",
            origin.url("/echo")
        ).as_bytes())
        .expect("open");
        received.push(String::from_utf8_lossy(&one_reply(&mut stream).1).to_lowercase());
    }
    let [untouched, reduced, minimal] = received.as_slice() else {
        panic!("three modes")
    };
    assert!(
        untouched.contains("private/page?q=1") && untouched.contains("de-ch"),
        "{untouched}"
    );
    assert!(
        !reduced.contains("private/page") && !reduced.contains("10.1.2.3"),
        "{reduced}"
    );
    assert!(
        !minimal.contains("de-ch") && !minimal.contains("linux"),
        "{minimal}"
    );
}

#[test]
fn targets_and_hosts_are_read_as_clients_write_them() {
    let origin = Origin::http();
    let privet = Privet::start("");
    let at = origin.address;
    let basic = "authorization: basic ym9ionb3";
    let cases = [
        (
            format!("http://bob:pw@{at}/echo"),
            "x",
            "get /echo http/1.1",
            Some(basic),
        ),
        (
            format!("http://{at}/echo#frag"),
            "x",
            "get /echo http/1.1",
            None,
        ),
        (
            format!("http://{at}/\u{fc}"),
            "x",
            "get /%c3%bc http/1.1",
            None,
        ),
        (format!("http://{at}/echo"), "", "get /echo http/1.1", None),
        (
            format!("http://{at}/echo"),
            "::1:8080",
            "get /echo http/1.1",
            None,
        ),
        (
            format!("http://{at}/echo"),
            "other.test",
            "get /echo http/1.1",
            None,
        ),
    ];
    for (url, host, line, authorization) in &cases {
        let answer = exchange(
            &privet,
            format!("GET {url} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        assert!(answer.starts_with("HTTP/1.1 200"), "{url}: {answer}");
        let heads = origin.heads();
        let head = heads.last().expect("it arrived").to_lowercase();
        assert!(head.starts_with(line), "{url}: {head}");
        assert!(head.contains(&format!("host: {at}")), "{url}: {head}");
        assert_eq!(
            head.lines().find(|line| line.starts_with("authorization")),
            authorization.map(|value| value.trim_end()),
            "{url}"
        );
    }
    for invalid_request in [
        format!("GET http://{at}/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        format!("GET http://{at}/ HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        format!("GET http://b\\:pw@{at}/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        assert!(
            exchange(&privet, invalid_request.as_bytes()).starts_with("HTTP/1.1 400"),
            "{invalid_request}"
        );
    }
    // Neither the log nor a row holds the password.
    let rows = privet.rows("closed");
    assert!(
        !format!("{rows:?}{}", privet.log()).contains("bob"),
        "{rows:?}"
    );
    assert_eq!(origin.heads().len(), cases.len());
}

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
fn responses_of_old_servers_are_rewritten_and_malformed_ones_are_502() {
    let cases: &[(&[u8], &str)] = &[
        (b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello", "200"),
        (b"HTTP/1.4 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200"),
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
        assert_eq!(answer.contains("hello"), *status == "200", "{answer}");
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
fn a_client_that_resets_ends_the_origins_connection_and_a_half_close_does_not() {
    let (tell, told) = std::sync::mpsc::channel();
    let tell = std::sync::Mutex::new(tell);
    let origin = Origin::raw(move |mut stream| {
        let head = read_head(&mut stream);
        let tell = tell.lock().expect("no handler panics").clone();
        let _ = tell.send("asked");
        if head.contains("/answer") {
            std::thread::yield_now();
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        let _ = read_all(&mut stream);
        let _ = tell.send("ended");
    });
    let privet = Privet::start("");
    let wait = |what: &str| {
        let heard = told.recv_timeout(std::time::Duration::from_secs(10));
        assert_eq!(heard, Ok(what));
    };
    let mut stream = connect(privet.proxy());
    let url = origin.url("/wait");
    stream
        .write_all(format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
        .expect("open");
    wait("asked");
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
fn a_refused_request_names_what_is_wrong_and_leaves_a_row() {
    let privet = Privet::start("");
    for (message, reason) in [
        ("GET http://::1/ HTTP/1.1\r\nHost: x\r\n\r\n", "brackets"),
        (
            "GET http://a.test/ HTTP/1.1 \r\nHost: x\r\n\r\n",
            "space at its end",
        ),
        (
            "GET http://a.test/ HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n",
            "folding",
        ),
        ("GET http://a.test/a b HTTP/1.1\r\nHost: x\r\n\r\n", "%20"),
        ("CONNECT a.test HTTP/1.1\r\nHost: x\r\n\r\n", "port"),
    ] {
        let answer = exchange(&privet, message.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        let given = privet_tests::origin::field(&answer, "privet-reason").unwrap_or_default();
        assert!(given.contains(reason), "{message:?}: {given}");
        privet.await_row("closed", |row| {
            row["error"]
                .as_str()
                .is_some_and(|text| text.contains(reason))
        });
    }
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

#[test]
fn a_refused_login_leaves_one_row_for_each_connection_and_reason() {
    let origin = Origin::http();
    let privet = Privet::start(
        "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\nusers = [{ name = \"alice\", password = \"sesame\" }]\n",
    );
    let request =
        |login: &str| format!("GET {} HTTP/1.1\r\nHost: x\r\n{login}\r\n", origin.url("/"));
    let wrong = "Proxy-Authorization: Basic YWxpY2U6d3Jvbmc=\r\n";
    let right = "Proxy-Authorization: Basic YWxpY2U6c2VzYW1l\r\n";
    let status = |stream: &mut TcpStream, login: &str| {
        stream.write_all(request(login).as_bytes()).expect("open");
        one_reply(stream).0.split(' ').nth(1).map(str::to_owned)
    };
    let error_of = |text: &str| {
        privet.await_row("closed", |row| {
            row["error"]
                .as_str()
                .is_some_and(|error| error.starts_with(text))
        })
    };
    let mut stream = connect(privet.proxy());
    for _ in 0..3 {
        assert_eq!(status(&mut stream, "").as_deref(), Some("407"));
    }
    drop(stream);
    let row = error_of("login refused (407), 3 times: no user name and password were sent");
    assert_eq!(
        (&row["host"], &row["port"]),
        (&"127.0.0.1".into(), &origin.port().into())
    );
    assert_eq!(
        (&row["verdict"], &row["protocol"]),
        (&"failed".into(), &"http".into())
    );

    let mut stream = connect(privet.proxy());
    assert_eq!(status(&mut stream, wrong).as_deref(), Some("407"));
    drop(stream);
    error_of("login refused (407): the user name or the password is wrong");

    // The question for the login, and the answer to it.
    let before = privet.rows("closed").len();
    let mut stream = connect(privet.proxy());
    assert_eq!(status(&mut stream, "").as_deref(), Some("407"));
    assert_eq!(status(&mut stream, right).as_deref(), Some("200"));
    drop(stream);
    privet.await_row("closed", |row| row["user"] == "alice");
    let rows = privet.rows("closed");
    assert_eq!(rows.len(), before + 1, "{rows:#?}");
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
        ("HTTP/1.1 999 What\r\n\r\n", "between 100 and 599"),
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
