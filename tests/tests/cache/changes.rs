//! What makes stored responses invalid also holds for those that are on their way; a failing origin changes nothing.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use privet_tests::backend::{SiteAnswer, reply};
use privet_tests::wait::until;
use privet_tests::{Backend, Privet, SiteClient, reserve};

use crate::support::*;

/// Two who wait for each other.
struct Meeting(Barrier);

impl Meeting {
    fn new() -> Arc<Self> {
        Arc::new(Self(Barrier::new(2)))
    }
}

/// An origin whose first response waits: `arrived` once it was asked, and then for `go`.
fn slow(arrived: &Arc<Meeting>, go: &Arc<Meeting>) -> Backend {
    let (arrived, go, count) = (arrived.clone(), go.clone(), AtomicUsize::new(0));
    Backend::answering(move |stream, head, _| {
        if !head.starts_with("GET ") {
            return reply(stream, "204 No Content", "", b"");
        }
        let number = count.fetch_add(1, Ordering::SeqCst);
        if number == 0 {
            arrived.0.wait();
            go.0.wait();
        }
        let body = format!("answer {number}");
        reply(
            stream,
            "200 OK",
            "Cache-Control: max-age=600\r\n",
            body.as_bytes(),
        )
    })
}

/// A cache for the proxy's clients, and one for a site in front of this origin.
fn both(origin: &Backend) -> (Privet, SocketAddr) {
    let listen = reserve();
    let config = format!(
        "[cache]\nmemory = \"32MiB\"\n[[site]]\nname = \"app\"\nlisten = [\"{listen}\"]\nhosts = [\"app.test\"]\n\
         cache = true\n[[site.backend]]\nurl = \"{}\"\n",
        origin.url()
    );
    (Privet::start(&config), listen)
}

/// The answer after `change` happened while the first response was on its way.
fn after(
    origin_to_ask: impl Fn(&Backend) -> String,
    change: impl Fn(&Privet, SocketAddr, &str),
) -> SiteAnswer {
    let (arrived, go) = (Meeting::new(), Meeting::new());
    let origin = slow(&arrived, &go);
    let (privet, listen) = both(&origin);
    let url = origin_to_ask(&origin);
    let ask = || match url.starts_with('/') {
        true => SiteClient::connect(listen, "app.test").get(&url),
        false => client(&privet).get(&url),
    };
    std::thread::scope(|scope| {
        let first = scope.spawn(ask);
        arrived.0.wait();
        change(&privet, listen, &url);
        go.0.wait();
        let first = first.join().expect("it is answered");
        assert_eq!(first.body, "answer 0", "{}", first.head);
    });
    ask()
}

#[test]
fn an_unsafe_request_makes_a_response_on_its_way_invalid() {
    let put = |privet: &Privet, listen: SocketAddr, url: &str| {
        let answer = match url.starts_with('/') {
            true => SiteClient::connect(listen, "app.test").request(&format!(
                "PUT {url} HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\n\r\n"
            )),
            false => client(privet).with("PUT", url, "Content-Length: 0\r\n"),
        };
        assert_eq!(answer.status, 204, "{}", answer.head);
    };
    for answer in [
        after(|_| "/x".to_owned(), put),
        after(|origin| format!("{}/x", origin.url()), put),
    ] {
        assert_eq!(answer.body, "answer 1", "{}", answer.head);
        assert!(used(&answer).starts_with("fwd=stale"), "{}", answer.head);
    }
    // Another URL does not matter.
    let other = |privet: &Privet, listen: SocketAddr, _: &str| put(privet, listen, "/other");
    let answer = after(|_| "/x".to_owned(), other);
    assert!(used(&answer).starts_with("hit"), "{}", answer.head);
}

#[test]
fn a_purge_removes_a_response_on_its_way() {
    for what in [["--host", "app.test"], ["--tag", "any"]] {
        let purge = |privet: &Privet, _: SocketAddr, _: &str| {
            privet
                .cli(&[&["cache", "purge"], &what[..]].concat())
                .good();
        };
        let answer = after(|_| "/x".to_owned(), purge);
        assert_eq!(answer.body, "answer 1", "{}", answer.head);
        assert!(used(&answer).starts_with("fwd=uri-miss"), "{}", answer.head);
    }
}

#[test]
fn an_unsafe_request_invalidates_what_was_stored_for_its_forwarded_fields() {
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let (_privet, listen) = both(&origin);
    let mut proxy_in_front = SiteClient::connect(listen, "app.test");
    let mut ask = |method: &str| {
        proxy_in_front.request(&format!(
            "{method} /x HTTP/1.1\r\nHost: app.test\r\nX-Forwarded-Host: app.test\r\nContent-Length: 0\r\n\r\n"
        ))
    };
    ask("GET");
    assert!(used(&ask("GET")).starts_with("hit"));
    assert_eq!(ask("DELETE").status, 200);
    let answer = ask("GET");
    assert!(used(&answer).starts_with("fwd=stale"), "{}", answer.head);
}

#[test]
fn a_refresh_that_fails_leaves_the_stale_response_in_use() {
    let count = AtomicUsize::new(0);
    let origin = Backend::answering(move |stream, _, _| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let fields = "Cache-Control: max-age=1, stale-while-revalidate=600\r\nETag: \"a\"\r\n";
        match number {
            0 => reply(stream, "200 OK", fields, b"good"),
            1 => reply(stream, "503 Service Unavailable", "", b"bad"),
            _ => reply(
                stream,
                "200 OK",
                "Cache-Control: max-age=600\r\n",
                b"better",
            ),
        }
    });
    let (privet, _) = both(&origin);
    let mut client = client(&privet);
    let mut ask = || client.get(&origin.url());
    assert_eq!(ask().body, "good");
    until("the refresh after the failed one", || {
        let answer = ask();
        assert_eq!(answer.status, 200, "{}", answer.head);
        answer.body == "better"
    });
    assert_eq!(origin.requests(), 3);
}

#[test]
fn a_stale_response_is_not_used_any_more_once_the_origin_sent_another_one() {
    let count = AtomicUsize::new(0);
    let origin = Backend::answering(move |stream, _, _| {
        let stale = "Cache-Control: max-age=1, stale-while-revalidate=600, stale-if-error=600\r\n";
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => reply(stream, "200 OK", stale, b"old"),
            number => reply(
                stream,
                "200 OK",
                "Cache-Control: no-store\r\n",
                format!("new {number}").as_bytes(),
            ),
        }
    });
    let (privet, _) = both(&origin);
    let mut client = client(&privet);
    let url = format!("{}/x", origin.url());
    assert_eq!(client.get(&url).body, "old");
    until("the refresh", || client.get(&url).body != "old");
    let why = privet.cli(&["cache", "explain", &url]).good();
    assert!(why.contains("It was invalidated."), "{why}");
}
