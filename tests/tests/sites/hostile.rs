//! Hostile requests to a site.

use std::io::{Read, Write};

use privet_tests::{Backend, Privet, reserve};

use crate::support::config;

#[path = "../../../crates/http/tests/common/hostile_h2.rs"]
pub mod hostile_h2;
#[path = "../../../crates/http/tests/common/hostile_heads.rs"]
mod hostile_heads;
#[path = "../../../crates/http/tests/common/legal_head.rs"]
mod legal_head;

use legal_head::is_legal;

#[test]
fn a_site_forwards_nothing_of_a_hostile_request_that_is_illegal() {
    let backend = Backend::named("a");
    let listen = reserve();
    let text = config(listen, &[(backend.url(), 1)], "", "");
    let _privet = Privet::start(&text);
    let port = listen.port().to_string();
    let (mut sent, mut answered) = (0, 0);
    for bytes in hostile_heads::hostile_heads() {
        let whole = String::from_utf8_lossy(&bytes).into_owned();
        // As a proxy's client writes it, and as an origin's.
        let origin_form = whole.replace("http://127.0.0.1:PORT/", "/");
        for text in [
            whole.replace("PORT", &port),
            origin_form.replace("Host: x\r\n", "Host: app.test\r\n"),
        ] {
            let mut stream = privet_tests::client::connect(listen);
            let smuggled = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";
            let _ = stream.write_all(text.as_bytes());
            let _ = stream.write_all(smuggled.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            sent += 1;
            // Anybody may ask: no answer names the software.
            let shown = String::from_utf8_lossy(&answer).to_lowercase();
            assert!(!shown.contains("privet"), "{text:?}: {shown}");
            answered +=
                usize::from(answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5"));
            // After a refusal nothing else is answered.
            if answer.starts_with(b"HTTP/1.1 400") {
                let text_of = String::from_utf8_lossy(&answer).into_owned();
                assert!(!text_of.contains("a GET /smuggled"), "{text:?}: {text_of}");
            }
        }
    }
    assert!(sent >= 600 && answered > sent / 2, "{answered} of {sent}");
    let heads = backend.heads();
    assert!(!heads.is_empty(), "nothing reached the backend");
    for head in &heads {
        assert!(is_legal(head), "{head:?}");
    }
}

#[test]
fn a_site_forwards_nothing_of_a_hostile_request_over_http_2_that_is_illegal() {
    let backend = Backend::named("a");
    let listen = reserve();
    let _privet = Privet::start(&config(listen, &[(backend.url(), 1)], "", ""));
    let (mut sent, mut refused) = (0, 0);
    for head in hostile_heads::hostile_heads() {
        let Some(bytes) = hostile_h2::request(&head, "app.test") else {
            continue;
        };
        let before = backend.requests();
        let mut stream = privet_tests::client::connect(listen);
        let _ = stream.write_all(&bytes);
        let (mut frames, mut piece) = (Vec::new(), [0; 4096]);
        // The server's preface comes first; what follows ends the stream or the connection.
        while !hostile_h2::is_answered(&frames) {
            match stream.read(&mut piece) {
                Ok(count) if count > 0 => frames.extend_from_slice(&piece[..count]),
                _ => break,
            }
        }
        sent += 1;
        refused += usize::from(backend.requests() == before);
    }
    assert!(sent >= 250 && refused > sent / 2, "{refused} of {sent}");
    for head in &backend.heads() {
        assert!(is_legal(head), "{head:?}");
    }
    // The connection works where the request is a good one.
    let good = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let bytes = hostile_h2::request(good, "app.test").expect("HTTP/2 can say it");
    let before = backend.requests();
    let mut stream = privet_tests::client::connect(listen);
    stream.write_all(&bytes).expect("it is open");
    privet_tests::wait::until("the request arrives", || backend.requests() == before + 1);
}
