//! Parts of a private cache: what one asked never answers another.

use privet_tests::backend::reply;
use privet_tests::{Backend, LoginUpstream, Privet};
use serde_json::json;

use crate::support::*;

const FRESH: &str = "Cache-Control: max-age=600\r\n";

#[test]
fn another_page_and_other_credentials_do_not_share_responses() {
    let origin = numbered(FRESH);
    let privet = Privet::start(ON);
    let url = origin.url();
    let mut client = client(&privet);
    let browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n";
    for (number, fields) in [
        "Referer: http://one.test/x\r\n",
        "Referer: http://two.test/x\r\n",
        "Origin: http://three.test\r\n",
        "Cookie: id=1\r\n",
        "Cookie: id=2\r\n",
        "Authorization: Basic YTpi\r\n",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        for _ in 0..2 {
            let answer = client.with("GET", &url, fields);
            assert_eq!(answer.body, format!("answer {number}"), "{fields:?}");
        }
    }
    // A part of a page that is not known: no answer may tell that it was loaded before.
    let known = origin.requests();
    for _ in 0..2 {
        let answer = client.with("GET", &url, browser);
        assert!(!answer.head.contains("hit"), "{}", answer.head);
    }
    assert_eq!(origin.requests(), known + 2);
    // One of the site itself, as the browser says.
    let own = format!("{browser}Sec-Fetch-Dest: image\r\nSec-Fetch-Site: same-origin\r\n");
    for hit in [false, true] {
        let answer = client.with("GET", &url, &own);
        assert_eq!(used(&answer).starts_with("hit"), hit, "{}", answer.head);
    }
    let one = format!("{browser}Referer: http://one.test/y\r\n");
    assert_eq!(client.with("GET", &url, &one).body, "answer 0");
}

#[test]
fn users_do_not_share_responses() {
    let origin = numbered(FRESH);
    let config = "[listen]\nmixed = [\"$MIXED\"]\nusers = [{ name = \"a\", password = \"a\" }, { name = \"b\", password = \"b\" }]\n";
    let privet = Privet::start(&format!("{config}{ON}"));
    for (login, body) in [
        ("YTph", "answer 0"),
        ("Yjpi", "answer 1"),
        ("YTph", "answer 0"),
    ] {
        let fields = format!("Proxy-Authorization: Basic {login}\r\n");
        let answer = client(&privet).with("GET", &origin.url(), &fields);
        assert_eq!(answer.body, body, "{login}");
    }
}

#[test]
fn a_new_identity_forgets_what_was_stored() {
    let origin = numbered(FRESH);
    let privet = Privet::start(ON);
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    let (status, answer) = privet.api("POST", "identity", Some(&json!({})));
    assert!(status < 300, "{answer}");
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 1");
}

#[test]
fn a_mode_without_history_starts_empty_and_leaves_nothing() {
    let origin = numbered(FRESH);
    let modes = "[modes.quiet]\nroute = \"direct\"\nhistory = false\n";
    let privet = Privet::start(&format!("{ON}{modes}"));
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    for (mode, body) in [("quiet", "answer 1"), ("standard", "answer 2")] {
        assert!(privet.cli(&["mode", mode]).code == 0);
        for _ in 0..2 {
            assert_eq!(client(&privet).get(&origin.url()).body, body, "{mode}");
        }
    }
}

#[test]
fn forgetting_a_site_takes_what_its_pages_have_loaded_too() {
    let origin = numbered(FRESH);
    let privet = Privet::start(ON);
    let mut client = client(&privet);
    let port = origin.address.port();
    let (own, shared) = (
        format!("http://localhost:{port}/own"),
        format!("{}/lib", origin.url()),
    );
    client.get(&own);
    let pages = [
        "http://www.one.test/",
        "http://one.test/",
        "http://two.test/",
    ];
    for page in pages {
        client.with("GET", &shared, &format!("Referer: {page}\r\n"));
    }
    // Both pages of one site have one part of the cache.
    assert_eq!(origin.requests(), 3);
    let forgotten = privet.json(&["cache", "purge", "--site", "sub.one.test"]);
    assert_eq!(forgotten["count"], 1);
    assert_eq!(
        privet.json(&["cache", "purge", "--site", "localhost"])["count"],
        1
    );
    let two = client.with("GET", &shared, "Referer: http://two.test/\r\n");
    assert!(used(&two).starts_with("hit"), "{}", two.head);
    let one = client.with("GET", &shared, "Referer: http://one.test/\r\n");
    assert!(!used(&one).starts_with("hit"), "{}", one.head);
}

/// The members of a group that have logins of their own are identities: what one got is not named to the origin by another.
#[test]
fn an_etag_goes_to_the_origin_by_the_member_that_got_it_alone() {
    for (isolate, named) in [("isolate = \"host\"\n", false), ("", true)] {
        // A new connection for each request, so that the group decides each time.
        let origin = Backend::answering(|stream, head, _| {
            let fields = "ETag: \"v1\"\r\nCache-Control: max-age=0\r\nConnection: close\r\n";
            match head.to_lowercase().contains("if-none-match") {
                true => reply(stream, "304 Not Modified", fields, b""),
                false => reply(stream, "200 OK", fields, b"the body"),
            }
        });
        let port = origin.address.port();
        let (one, two) = (LoginUpstream::to(port), LoginUpstream::to(port));
        let upstream = |name: &str, upstream: &LoginUpstream| {
            let url = format!("socks5://a:b@{}", upstream.address());
            let url = if isolate.is_empty() {
                url
            } else {
                url.replace("a:b@", "")
            };
            format!("[[upstream]]\nname = \"{name}\"\nurl = \"{url}\"\n{isolate}")
        };
        let privet = Privet::start(&format!(
            "mode = \"own\"\n[modes.own]\nroute = \"both\"\nkill_switch = true\ndns = \"upstream\"\n{}{}\
             [[group]]\nname = \"both\"\npolicy = \"failover\"\nmembers = [\"one\", \"two\"]\n{ON}",
            upstream("one", &one),
            upstream("two", &two),
        ));
        let get = || {
            let answer = client(&privet).get("http://origin.test/a");
            assert_eq!(answer.body, "the body", "{}", answer.head);
            used(&answer).to_owned()
        };
        assert!(get().starts_with("fwd=uri-miss; stored"));
        assert!(get().contains("fwd-status=304"));
        one.fail();
        assert_eq!(get().contains("fwd-status=304"), named, "{isolate}");
        assert!(
            get().contains("fwd-status=304"),
            "what two got is named by two"
        );
        let heads = origin.heads();
        let conditions = heads
            .iter()
            .map(|head| head.to_lowercase().contains("if-none-match"));
        assert_eq!(conditions.collect::<Vec<_>>(), [false, true, named, true]);
        assert!(!two.names().is_empty());
    }
}
