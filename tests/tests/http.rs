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
        format!("GET ftp://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n"),
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
    let lies: &[(&str, &[u8])] = &[
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
    for (name, lie) in lies {
        let lie = lie.to_vec();
        let origin = Origin::raw(move |mut stream| {
            let _ = stream.read(&mut [0; 2048]);
            let _ = stream.write_all(&lie);
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
