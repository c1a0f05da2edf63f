//! Requests as clients write them: forwarded, rewritten, or refused.

use std::io::Write;
use std::net::TcpStream;

use privet_tests::client::connect;
use privet_tests::{Origin, Privet};

use crate::support::{exchange, one_reply};

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
