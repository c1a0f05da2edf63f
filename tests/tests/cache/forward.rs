//! The forward proxy answers what was asked before.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use privet_tests::backend::reply;
use privet_tests::client::{connect, curl, read_all, read_head};
use privet_tests::wait::until;
use privet_tests::{Backend, Origin, Privet};

use crate::support::*;

const FRESH: &str = "Cache-Control: public, max-age=600\r\nETag: \"v1\"\r\n";

#[test]
fn a_fresh_response_is_answered_again_without_the_origin() {
    let origin = numbered(FRESH);
    let privet = Privet::start(ON);
    let url = format!("{}/a?b=c", origin.url());
    let first = client(&privet).get(&url);
    assert_eq!(
        (first.body.as_str(), used(&first)),
        ("answer 0", "fwd=uri-miss; stored")
    );
    // Another connection, and another thread of the proxy.
    for _ in 0..8 {
        let again = client(&privet).get(&url);
        assert_eq!(again.body, "answer 0");
        assert!(used(&again).starts_with("hit; ttl="), "{}", again.head);
        assert!(again.field("age").is_some(), "{}", again.head);
    }
    assert_eq!(origin.requests(), 1);
    let other = client(&privet).get(&format!("{}/a?b=d", origin.url()));
    assert_eq!(other.body, "answer 1");
}

#[test]
fn without_the_section_nothing_is_kept() {
    let origin = numbered(FRESH);
    for config in ["", "[cache]\nenabled = false\n"] {
        let privet = Privet::start(config);
        let before = origin.requests();
        for _ in 0..2 {
            let answer = client(&privet).get(&origin.url());
            assert_eq!(answer.field("cache-status"), None, "{}", answer.head);
        }
        assert_eq!(origin.requests() - before, 2, "{config:?}");
    }
}

#[test]
fn curl_gets_whole_responses_ranges_and_304_from_the_cache() {
    let origin = Backend::answering(|stream, _, _| {
        let body: Vec<u8> = (0..300_000_u32).map(|at| b'a' + (at % 26) as u8).collect();
        reply(stream, "200 OK", FRESH, &body)
    });
    let privet = Privet::start(ON);
    let proxy = format!("http://{}", privet.proxy());
    let ask = |args: &[&str]| {
        let url = format!("{}/file", origin.url());
        curl(&[&["-s", "-x", &proxy, &url], args].concat()).good()
    };
    assert_eq!(ask(&[]).len(), 300_000);
    assert_eq!(ask(&[]).len(), 300_000);
    assert_eq!(ask(&["-r", "26-29"]), "abcd");
    assert_eq!(
        ask(&[
            "-r",
            "0-1",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code} %{size_download}"
        ]),
        "206 2"
    );
    let code = ["-o", "/dev/null", "-w", "%{http_code}"];
    assert_eq!(
        ask(&[&["-H", "If-None-Match: \"v1\""], &code[..]].concat()),
        "304"
    );
    assert_eq!(ask(&[&["-r", "300000-"], &code[..]].concat()), "416");
    assert!(ask(&["-I"]).contains("Content-Length: 300000"));
    assert_eq!(origin.requests(), 1);
}

#[test]
fn a_stale_response_is_validated_and_a_changed_one_replaced() {
    let origin = Backend::answering(|stream, head, _| {
        let fields = "Cache-Control: max-age=0\r\nETag: \"v1\"\r\n";
        match head.to_ascii_lowercase().contains("if-none-match: \"v1\"") {
            true => reply(stream, "304 Not Modified", fields, b""),
            false => reply(stream, "200 OK", fields, b"body"),
        }
    });
    let privet = Privet::start(ON);
    let mut client = client(&privet);
    client.get(&origin.url());
    let again = client.get(&origin.url());
    assert_eq!((again.status, again.body.as_str()), (200, "body"));
    assert_eq!(used(&again), "fwd=stale; fwd-status=304; ttl=0");
    assert_eq!(origin.requests(), 2);
}

#[test]
fn a_thousand_clients_make_one_request() {
    let waits = Arc::new(AtomicUsize::new(0));
    let release = waits.clone();
    let origin = Origin::raw(move |mut stream| {
        read_head(&mut stream);
        until("all clients asked", || release.load(Ordering::SeqCst) == 1);
        let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nbody";
        stream.write_all(head.as_bytes()).expect("open");
        let _ = stream.read(&mut [0]);
    });
    let privet = Privet::start(ON);
    let url = format!("http://{}/", origin.address);
    let mut clients: Vec<TcpStream> = (0..1000)
        .map(|_| {
            let mut stream = connect(privet.proxy());
            write!(
                stream,
                "GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
            )
            .expect("open");
            stream
        })
        .collect();
    privet.await_api("cache", |cache| cache["forward"]["waited"] == 999);
    waits.store(1, Ordering::SeqCst);
    for stream in &mut clients {
        assert!(read_all(stream).ends_with(b"\r\n\r\nbody"));
    }
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_blocked_host_is_blocked_on_a_hit_too() {
    let origin = numbered(FRESH);
    let privet = Privet::start(ON);
    let url = format!("http://localhost:{}/", origin.address.port());
    assert_eq!(client(&privet).get(&url).body, "answer 0");
    assert_eq!(client(&privet).get(&url).body, "answer 0");
    privet
        .sandbox
        .write(&format!("{ON}[filter]\ndeny = [\"localhost\"]\n"));
    privet.signal(rustix::process::Signal::HUP);
    until("the list holds", || client(&privet).get(&url).status == 403);
    assert_eq!(origin.requests(), 1);
}

#[test]
fn what_may_not_be_stored_is_not() {
    for fields in [
        "Cache-Control: no-store\r\n",
        "Cache-Control: max-age=60\r\nVary: *\r\n",
        "",
    ] {
        let origin = numbered(fields);
        let privet = Privet::start(ON);
        let mut client = client(&privet);
        for number in 0..3 {
            assert_eq!(
                client.get(&origin.url()).body,
                format!("answer {number}"),
                "{fields:?}"
            );
        }
    }
}

#[test]
fn a_shared_cache_serves_all_and_obeys_private() {
    let shared = format!("{ON}shared = true\n");
    let privet = Privet::start(&shared);
    let public = numbered("Cache-Control: public, max-age=60\r\n");
    let personal = numbered("Cache-Control: private, max-age=60\r\n");
    for page in ["http://a.test/", "http://b.test/"] {
        let referer = format!("Referer: {page}\r\n");
        let answer = client(&privet).with("GET", &public.url(), &referer);
        assert_eq!(answer.body, "answer 0");
        client(&privet).with("GET", &personal.url(), &referer);
    }
    assert_eq!((public.requests(), personal.requests()), (1, 2));
}

#[test]
fn tunnels_upgrades_and_bodies_pass_as_without_a_cache() {
    let echo = Origin::echo();
    let privet = Privet::start(ON);
    let mut tunnel = connect(privet.proxy());
    write!(
        tunnel,
        "CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n\r\n",
        echo.address
    )
    .expect("open");
    assert!(read_head(&mut tunnel).starts_with("HTTP/1.1 200"));
    tunnel.write_all(b"through").expect("open");
    let mut back = [0; 7];
    tunnel.read_exact(&mut back).expect("an echo");
    assert_eq!(&back, b"through");
    // An upgrade is a GET too.
    let upgrading = Origin::raw(|mut stream| {
        read_head(&mut stream);
        let head = "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("open");
        let mut piece = [0; 4];
        stream.read_exact(&mut piece).expect("bytes");
        stream.write_all(&piece).expect("open");
    });
    for _ in 0..2 {
        let mut stream = connect(privet.proxy());
        let url = format!("http://{}/", upgrading.address);
        let fields = "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
        write!(stream, "GET {url} HTTP/1.1\r\n{fields}\r\n").expect("open");
        assert!(read_head(&mut stream).starts_with("HTTP/1.1 101"));
        stream.write_all(b"ping").expect("open");
        let mut back = [0; 4];
        stream.read_exact(&mut back).expect("an echo");
        assert_eq!(&back, b"ping");
    }
    let origin = Backend::answering(|stream, _, body| reply(stream, "200 OK", FRESH, body));
    let proxy = format!("http://{}", privet.proxy());
    for _ in 0..2 {
        let sent = curl(&["-s", "-x", &proxy, "-d", "hello", &origin.url()]);
        assert_eq!(sent.good(), "hello");
    }
}
