//! HTTP/2 through a site, on both sides.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use privet_tests::h2::{H2Backend, Tunnels, block_on, connect, get, read, write};
use privet_tests::privet::Setup;
use privet_tests::process::own_memory;
use privet_tests::wait::until;
use privet_tests::{Backend, Privet, reserve};
use rustix::process::Signal;
use tokio::sync::Notify;

use crate::support::{Scene, config};

const URL: &str = "http://app.test/";

/// Answers once `release` is called. Returns how many requests wait.
fn holding() -> (H2Backend, Arc<AtomicUsize>, Arc<Notify>) {
    let (waiting, release) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let (count, held) = (waiting.clone(), release.clone());
    let backend = H2Backend::answering(Tunnels::NotTaken, move |_, mut respond| {
        let (count, held) = (count.clone(), held.clone());
        async move {
            let released = held.notified();
            count.fetch_add(1, Ordering::SeqCst);
            released.await;
            if let Ok(mut body) = respond.send_response(Response::new(()), false) {
                let _ = body.send_data(Bytes::from_static(b"whole"), true);
            }
        }
    });
    (backend, waiting, release)
}

#[test]
fn a_thousand_streams_of_one_client_run_at_once() {
    const STREAMS: usize = 1000;
    let (backend, waiting, release) = holding();
    let scene = Scene::weighted(&[(backend.url(), 1)], "", "");
    let before = own_memory(scene.privet.pid());
    block_on(async {
        let client = connect(scene.listen).await;
        let streams: Vec<_> = (0..STREAMS)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    let mut response = get(&client, URL).await?;
                    let body = read(response.body_mut()).await?;
                    Ok::<_, h2::Error>((response.status(), body))
                })
            })
            .collect();
        let started = Instant::now();
        while waiting.load(Ordering::SeqCst) < STREAMS {
            assert!(
                started.elapsed() < privet_tests::TIMEOUT,
                "{waiting:?} arrived"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let grown = own_memory(scene.privet.pid()).saturating_sub(before);
        println!("{STREAMS} streams: {grown} KiB");
        assert!(grown < 40 * 1024, "{grown} KiB for {STREAMS} streams");
        release.notify_waiters();
        for stream in streams {
            let (status, body) = stream.await.expect("no panic").expect("an answer");
            assert_eq!((status, &body[..]), (StatusCode::OK, &b"whole"[..]));
        }
    });
}

#[test]
fn streams_that_run_finish_when_the_program_stops() {
    let (backend, waiting, release) = holding();
    let mut scene = Scene::weighted(&[(backend.url(), 1)], "", "");
    block_on(async {
        let client = connect(scene.listen).await;
        let running = tokio::spawn({
            let client = client.clone();
            async move {
                let mut response = get(&client, URL).await?;
                read(response.body_mut()).await
            }
        });
        while waiting.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let started = Instant::now();
        scene.privet.signal(Signal::TERM);
        // GOAWAY says that no stream is taken any more.
        while client.clone().ready().await.is_ok() {
            assert!(started.elapsed() < Duration::from_secs(4), "no GOAWAY");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        release.notify_waiters();
        let body = running.await.expect("no panic").expect("the whole answer");
        assert_eq!(body, b"whole");
    });
    // Before the limit for what does not end.
    let status = scene.privet.wait(Duration::from_secs(4));
    assert!(status.success(), "{status}");
}

/// Sends back what comes.
fn echoing(tunnels: Tunnels) -> H2Backend {
    H2Backend::answering(tunnels, |request, mut respond| async move {
        let protocol = request.extensions().get::<h2::ext::Protocol>();
        let (is_tunnel, own) = (
            protocol.is_some_and(|protocol| protocol.as_str() == "websocket"),
            request.headers().contains_key("sec-websocket-key"),
        );
        let mut head = Response::new(());
        if !is_tunnel || own || request.method() != Method::CONNECT || request.uri().path() != "/s"
        {
            *head.status_mut() = StatusCode::BAD_REQUEST;
            let _ = respond.send_response(head, true);
            return;
        }
        let chosen = request.headers().get("sec-websocket-protocol").cloned();
        head.headers_mut()
            .extend(chosen.map(|value| (http::header::SEC_WEBSOCKET_PROTOCOL, value)));
        let Ok(mut send) = respond.send_response(head, false) else {
            return;
        };
        let mut body = request.into_body();
        while let Some(Ok(piece)) = body.data().await {
            let _ = body.flow_control().release_capacity(piece.len());
            if write(&mut send, piece).await.is_err() {
                return;
            }
        }
        let _ = send.send_data(Bytes::new(), true);
    })
}

/// The example of RFC 6455 section 1.3.
const UPGRADE: &str = "GET /s HTTP/1.1\r\nHost: app.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

#[test]
fn a_websocket_reaches_a_backend_that_speaks_http_2() {
    let backend = echoing(Tunnels::Taken);
    let scene = Scene::weighted(&[(backend.url(), 1)], "", "");
    let mut client = scene.client();
    let answer = client.request(UPGRADE);
    assert_eq!(answer.status, 101, "{answer:?}");
    assert_eq!(
        answer.field("sec-websocket-accept"),
        Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    );
    assert_eq!(answer.field("sec-websocket-protocol"), Some("chat"));
    let stream = client.stream();
    let sent: Vec<u8> = (0..200_000u32).map(|n| n as u8).collect();
    let mut copy = stream.try_clone().expect("a handle");
    let writing = std::thread::spawn({
        let sent = sent.clone();
        move || copy.write_all(&sent)
    });
    let mut echoed = vec![0; sent.len()];
    stream
        .read_exact(&mut echoed)
        .expect("all of it comes back");
    writing.join().expect("no panic").expect("it is taken");
    assert_eq!(echoed, sent);
    assert_eq!(scene.backend(&backend.url())["in_flight"], 1);
    drop(client);
    until("the tunnel ends", || {
        scene.backend(&backend.url())["in_flight"] == 0
    });

    block_on(async {
        let client = connect(scene.listen).await;
        let mut ready = client.clone().ready().await.expect("it is open");
        while !ready.is_extended_connect_protocol_enabled() {
            tokio::time::sleep(Duration::from_millis(5)).await;
            ready = client.clone().ready().await.expect("it is open");
        }
        let mut request = Request::new(());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = "http://app.test/s".parse().expect("a URL");
        request
            .extensions_mut()
            .insert(h2::ext::Protocol::from_static("websocket"));
        let (response, mut send) = ready.send_request(request, false).expect("a stream");
        let mut response = response.await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        write(&mut send, Bytes::from_static(b"there"))
            .await
            .expect("it is taken");
        send.send_data(Bytes::new(), true).expect("it is open");
        assert_eq!(
            read(response.body_mut()).await.expect("the whole"),
            b"there"
        );
    });
}

#[test]
fn a_websocket_to_a_backend_that_takes_none_is_a_bad_gateway() {
    let backend = echoing(Tunnels::NotTaken);
    let scene = Scene::weighted(&[(backend.url(), 1)], "", "");
    assert_eq!(scene.client().request(UPGRADE).status, 502);
    let other = UPGRADE.replace("Upgrade: websocket", "Upgrade: other");
    assert_eq!(scene.client().request(&other).status, 502);
    // It is not the backend's fault.
    assert_ne!(scene.backend(&backend.url())["state"], "ejected");
}

#[test]
fn idle_connections_give_way_where_file_descriptors_run_out() {
    let backend = Backend::named("a");
    let listen = reserve();
    let setup = Setup::open_files(64);
    let text = config(listen, &[(backend.url(), 1)], "", "");
    let _privet = Privet::start_as(&text, &setup);
    block_on(async {
        // Each has had an answer, and waits with its connection open.
        let mut idle = Vec::new();
        for number in 0..150 {
            let client = connect(listen).await;
            let answered = async {
                let mut response = get(&client, URL).await?;
                read(response.body_mut()).await
            };
            let body = answered
                .await
                .unwrap_or_else(|error| panic!("{number}: {error}"));
            assert_eq!(body, b"a GET /");
            idle.push(client);
        }
    });
    assert_eq!(backend.requests(), 150);
}
