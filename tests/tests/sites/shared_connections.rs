//! HTTP/2 connections to a backend that requests share: what does not fit on them, and what happens where they fail.

use std::io::{Read, Write};

use privet_tests::require;

use crate::https_backends::{TlsScene, body_of};

#[test]
fn slow_readers_do_not_keep_others_from_a_backend_that_takes_few_streams() {
    let site = require!(TlsScene::node("single"));
    let threads = std::thread::available_parallelism().expect("it is known");
    let slow: Vec<_> = (0..threads.get() * 8 + 8)
        .map(|_| {
            let mut client = site.client();
            let stream = client.stream();
            stream
                .write_all(b"GET /endless HTTP/1.1\r\nHost: app.test\r\n\r\n")
                .expect("it is open");
            let mut first = [0; 1024];
            stream.read_exact(&mut first).expect("it begins");
            client
        })
        .collect();
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
