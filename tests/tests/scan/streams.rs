//! Streams: judged while they go on, and only where they are what they claim to be.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use privet_tests::Backend;
use privet_tests::client::{connect, read_head};
use privet_tests::h2::{self, H2Backend, Tunnels, block_on, read};

use crate::support::*;

#[test]
fn event_streams_that_the_client_asked_for_pass_at_once() {
    let (told, hears) = std::sync::mpsc::channel::<()>();
    let hears = Arc::new(std::sync::Mutex::new(hears));
    let origin = Backend::streaming(move |stream, _| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        chunk(stream, b"data: one\n\n")?;
        let _ = hears.lock().expect("one reader").recv();
        chunk(stream, b"data: two\n\n")?;
        stream.write_all(b"0\r\n\r\n")
    });
    let scanning = Scanning::start("");
    let mut stream = connect(scanning.privet.proxy());
    let ask = format!(
        "GET {}/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n",
        origin.url()
    );
    stream.write_all(ask.as_bytes()).expect("the proxy reads");
    let head = read_head(&mut stream);
    assert!(head.contains("event-stream"), "{head}");
    let mut first = [0; 8];
    stream
        .read_exact(&mut first)
        .expect("the first event comes before the second is sent");
    told.send(()).expect("the origin waits");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("the stream ends");
    assert!(rest.contains("data: two"), "{rest}");
    assert_eq!(scanning.row("/events")["scan"], "stream passed");
}

/// Sends an event, and one of these bodies behind it.
fn events(body: &'static [u8]) -> Backend {
    Backend::streaming(move |stream, _| {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        chunk(stream, b"data: one\n\n")?;
        chunk(stream, body)?;
        stream.write_all(b"0\r\n\r\n")
    })
}

#[test]
fn a_claim_to_be_events_opens_no_way() {
    let ask = ["-N", "-H", "Accept: text/event-stream"];
    for (body, rule) in [
        (
            &b"data: the payload of the test\n\n"[..],
            Some("TestPayload"),
        ),
        // An archive in events' clothes would not be opened.
        (b"PK\x03\x04\x14\0", None),
    ] {
        let origin = events(body);
        let scanning = Scanning::start("");
        let got = scanning.curl(&format!("{}/events", origin.url()), &ask);
        assert!(got.code != 0, "{got:?}");
        assert!(
            !got.out.contains(PAYLOAD) && !got.out.contains("PK"),
            "{got:?}"
        );
        let row = scanning.row("/events");
        assert_eq!(row["scan_rule"].as_str(), rule, "{row}");
        assert_eq!(row["scan"], if rule.is_some() { "bad" } else { "error" });
    }
}

#[test]
fn an_upload_over_http_1_that_claims_to_be_grpc_is_judged() {
    let origin = origin(|_| None);
    let scanning = Scanning::start("");
    let url = format!("{}/upload", origin.url());
    let fields = ["-H", "Content-Type: application/grpc", "-H", "TE: trailers"];
    let args = [&fields[..], &["-d", PAYLOAD]].concat();
    assert_stopped(&scanning.curl(&url, &args), "TestPayload");
    assert_eq!(origin.requests(), 0);
}

fn message(text: &[u8]) -> Vec<u8> {
    let len = u32::try_from(text.len())
        .expect("a short message")
        .to_be_bytes();
    [&[0][..], &len, text].concat()
}

/// What the program that a file is for puts together again, nobody else can.
#[test]
fn a_file_cut_into_grpc_messages_passes_and_is_not_called_clean() {
    let (scanning, listen) = echo_site();
    let (start, end) = PAYLOAD.as_bytes().split_at(PAYLOAD.len() / 2);
    block_on(async {
        let mut client = h2::connect(listen).await;
        let request = Request::builder()
            .method(Method::POST)
            .uri("http://app.test/cut")
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        let sent = client.send_request(request.body(()).expect("a request"), false);
        let (response, mut stream) = sent.expect("a stream");
        let both = [message(start), message(end)].concat();
        h2::write(&mut stream, Bytes::from(both.clone()))
            .await
            .expect("the proxy reads");
        stream
            .send_data(Bytes::new(), true)
            .expect("the stream ends");
        let mut body = response.await.expect("an answer").into_body();
        assert_eq!(read(&mut body).await.expect("all of it"), both);
    });
    assert_eq!(scanning.row("/cut")["scan"], "stream passed");
}

/// A site before a backend that sends back what it gets, message by message.
fn echo_site() -> (Scanning, std::net::SocketAddr) {
    let backend = H2Backend::answering(Tunnels::NotTaken, |request, mut respond| async move {
        let mut body = request.into_body();
        let head = Response::builder().header("content-type", "application/grpc");
        let Ok(mut stream) = respond.send_response(head.body(()).expect("a head"), false) else {
            return;
        };
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
            let _ = h2::write(&mut stream, piece).await;
        }
        let _ = stream.send_data(Bytes::new(), true);
    });
    site_before(&backend.url())
}

#[test]
fn grpc_is_judged_message_by_message() {
    let (scanning, listen) = echo_site();
    block_on(async {
        let client = h2::connect(listen).await;
        let call = |path: &str, te: bool| {
            let uri = format!("http://app.test{path}");
            let request = Request::builder().method(Method::POST).uri(uri);
            let request = request.header("content-type", "application/grpc");
            match te {
                true => request.header("te", "trailers"),
                false => request,
            }
            .body(())
            .expect("a request")
        };
        let (mut sender, request) = (client.clone(), call("/clean", true));
        let (response, mut stream) = sender.send_request(request, false).expect("a stream");
        let mut answer = None;
        let mut response = Some(response);
        for text in [&b"one"[..], b"two", b"three"] {
            let sent = Bytes::from(message(text));
            h2::write(&mut stream, sent.clone())
                .await
                .expect("the proxy reads");
            // Each message arrives before the next one is sent.
            if let Some(response) = response.take() {
                answer = Some(response.await.expect("an answer").into_body());
            }
            let body = answer.as_mut().expect("an answer");
            let got = body.data().await.expect("a message").expect("a message");
            assert_eq!(got, sent);
        }
        stream
            .send_data(Bytes::new(), true)
            .expect("the stream ends");
        let zip = zipped("inner", &bad(100));
        for (path, te, body, status) in [
            ("/bad", true, message(PAYLOAD.as_bytes()), None),
            ("/zip", true, message(&zip), None),
            ("/other", true, b"MZ program".to_vec(), None),
            // Without what gRPC always has it is a body like any other.
            ("/no-te", false, message(PAYLOAD.as_bytes()), Some(403)),
        ] {
            let mut sender = client
                .clone()
                .ready()
                .await
                .expect("the connection lives on");
            let sent = sender.send_request(call(path, te), false);
            let (response, mut stream) = sent.expect("a stream");
            let _ = h2::write(&mut stream, Bytes::from(body)).await;
            let _ = stream.send_data(Bytes::new(), true);
            match response.await {
                Ok(response) if status.is_some() => {
                    assert_eq!(Some(response.status().as_u16()), status)
                }
                Ok(response) if response.status() == 403 => {}
                Ok(response) => {
                    let mut body = response.into_body();
                    let end = read(&mut body).await;
                    assert!(end.is_err(), "{path}: {end:?}");
                }
                Err(error) => assert!(error.is_reset(), "{path}: {error}"),
            }
        }
    });
    assert_eq!(scanning.row("/clean")["scan"], "stream passed");
    for (path, word) in [
        ("/bad", "bad"),
        ("/zip", "bad"),
        ("/other", "error"),
        ("/no-te", "bad"),
    ] {
        assert_eq!(scanning.row(path)["scan"], word, "{path}");
    }
}
