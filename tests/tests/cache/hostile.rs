//! One of several clients of a shared cache is hostile: the others get what they would get without it.

use std::net::SocketAddr;

use privet_tests::backend::reply;
use privet_tests::{Backend, Privet, SiteClient};

use crate::support::*;

const SHARED: &str = "[cache]\nshared = true\nmemory = \"32MiB\"\n";

/// A server that answers by what it was sent: the target, then the fields that some servers build answers from, then the body.
fn reflecting() -> Backend {
    Backend::answering(|stream, head, body| {
        let target = head.split(' ').nth(1).unwrap_or_default();
        let reflected = head.lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            let name = name.to_ascii_lowercase().replace('_', "-");
            name.starts_with("x-") || name == "forwarded"
        });
        let reflected: Vec<&str> = reflected.collect();
        let body = String::from_utf8_lossy(body);
        let text = format!("{target} {} {body}", reflected.join(" "));
        reply(
            stream,
            "200 OK",
            "Cache-Control: public, max-age=600\r\n",
            text.as_bytes(),
        )
    })
}

fn ask(proxy: SocketAddr, text: &str) -> String {
    SiteClient::connect(proxy, "x").request(text).body
}

#[test]
fn what_a_hostile_client_adds_reaches_no_other_one() {
    let origin = reflecting();
    let privet = Privet::start(SHARED);
    let url = origin.url();
    let host = url.trim_start_matches("http://");
    for (number, (fields, body)) in [
        ("X-Host: evil.test\r\n", ""),
        ("X_Host: evil.test\r\n", ""),
        ("X_Original_URL: /admin\r\n", ""),
        ("X-Rewrite-Url: /admin\r\n", ""),
        ("X-Original-Anything: evil.test\r\n", ""),
        ("X-Http-Method-Override: DELETE\r\n", ""),
        ("X_Http_Method: PURGE\r\n", ""),
        // A GET with a body, which is no part of the key.
        ("Content-Length: 9\r\n", "evil=true"),
        (
            "Transfer-Encoding: chunked\r\n",
            "9\r\nevil=true\r\n0\r\n\r\n",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("{url}/{number}");
        let hostile = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n{body}");
        ask(privet.proxy(), &hostile);
        let plain = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        for _ in 0..2 {
            let got = ask(privet.proxy(), &plain);
            assert!(got.starts_with(&format!("/{number} ")), "{fields}: {got}");
            assert!(
                !got.contains("evil") && !got.contains("admin"),
                "{fields}: {got}"
            );
        }
    }
}

#[test]
fn paths_that_a_server_may_read_alike_are_stored_apart() {
    let origin = reflecting();
    let privet = Privet::start(SHARED);
    let paths = [
        "/a/b",
        "/a//b",
        "/a/./b",
        "/a/../a/b",
        "/a/b/",
        "/a/b?",
        "/a/b;x",
        "/a/%62",
        "/a%2fb",
        "/A/b",
        "/a/b%00",
        "/a/b%20",
        "/a/b/..%2fb",
        "/a/b?x=1&x=2",
        "/a/b?x=2&x=1",
    ];
    for round in ["stored", "answered from the store"] {
        for path in paths {
            let got = client(&privet).get(&format!("{}{path}", origin.url()));
            assert_eq!(got.status, 200, "{path}: {}", got.head);
            let target = got.body.split(' ').next();
            assert_eq!(target, Some(path), "{round}");
        }
    }
    assert_eq!(origin.requests(), paths.len());
}

/// More variants than are kept, and more URLs than fit: the newest are there, and memory is bounded.
#[test]
fn a_flood_of_variants_is_bounded() {
    let origin = numbered("Cache-Control: public, max-age=600\r\nVary: X-A\r\n");
    let privet = Privet::start(SHARED);
    let url = format!("{}/x", origin.url());
    let ask = |number: usize| client(&privet).with("GET", &url, &format!("X-A: {number}\r\n"));
    for number in 0..200 {
        assert_eq!(ask(number).body, format!("answer {number}"));
    }
    let cache = privet.json(&["cache", "ls"]);
    let kept = cache["total"].as_u64().expect("a number");
    assert!(kept <= 32, "{kept} variants of one URL");
    assert_eq!(ask(199).body, "answer 199", "the newest one is kept");
    assert_eq!(ask(0).body, "answer 200", "the oldest one has left");
    // A field that is longer than a key is not stored at all.
    let long = format!("X-A: {}\r\n", "x".repeat(20_000));
    for number in [201, 202] {
        let answer = client(&privet).with("GET", &url, &long);
        assert_eq!(answer.body, format!("answer {number}"));
    }
}
