//! HTTP/2 connections to a backend that requests share: what does not fit on them, and what happens where they fail.

use privet_tests::require;

use crate::https_backends::{TlsScene, body_of};

const LOGIN: &str =
    "GET /connection HTTP/1.1\r\nHost: app.test\r\nAuthorization: NTLM eA==\r\n\r\n";

#[test]
fn requests_after_a_login_of_a_connection_stay_on_that_connection() {
    let site = require!(TlsScene::node("both"));
    assert_eq!(site.get("/connection"), "shared");
    let mut client = site.client();
    let at_login = body_of(&client.request(LOGIN));
    assert!(at_login.starts_with("HTTP/1.1 connection"), "{at_login}");
    for _ in 0..3 {
        assert_eq!(body_of(&client.get("/connection")), at_login);
    }
    // Nobody else is on it.
    assert_eq!(site.get("/connection"), "shared");
    let other = body_of(&site.client().request(LOGIN));
    assert_ne!(other, at_login);
}

#[test]
fn slow_readers_do_not_keep_others_from_a_backend_that_takes_few_streams() {
    let site = require!(TlsScene::node("single"));
    let threads = std::thread::available_parallelism().expect("it is known");
    let slow = site.slow_readers(threads.get() * 8 + 8);
    for _ in 0..8 {
        assert_eq!(site.get("/"), "2.0 undefined");
    }
    drop(slow);
}

#[test]
fn a_connection_whose_backend_is_silent_gets_no_more_requests() {
    let limits = "[listen]\nmixed = [\"$MIXED\"]\npac = \"\"\n[listen.limits]\nresponse_header_timeout = \"500ms\"\n";
    let site = require!(TlsScene::node_with(limits, "both"));
    let mut client = site.client();
    for _ in 0..2 {
        assert_eq!(client.get("/silent").status, 504);
        let answer = client.get("/");
        assert_eq!(
            (answer.status, body_of(&answer).as_str()),
            (200, "2.0 undefined")
        );
    }
}
