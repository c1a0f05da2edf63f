//! CONNECT and protocol upgrades.

use std::sync::atomic::Ordering;

use crate::common::*;
use crate::support::{OK, client};

#[tokio::test]
async fn a_websocket_passes_with_data_that_both_sides_sent_early() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert_eq!(field(&head, "upgrade"), Some("websocket"));
        assert_eq!(field(&head, "connection"), Some("Upgrade"));
        peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfrom origin")
            .await;
        assert_eq!(peer.take(11).await, "from client");
        peer.send("bye").await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!(
            "GET http://127.0.0.1:{port}/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfrom client"
        ))
        .await;
    let head = client.head().await.unwrap();
    assert_eq!(status(&head), 101);
    assert_eq!(field(&head, "upgrade"), Some("websocket"));
    assert_eq!(client.rest().await, "from originbye");
}

#[tokio::test]
async fn a_protocol_switch_after_a_body_works() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert_eq!(field(&head, "upgrade"), Some("tcp"));
        assert_eq!(peer.take(2).await, "{}");
        peer.send("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n")
            .await;
        assert_eq!(peer.take(5).await, "stdin");
        peer.send("stdout").await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!(
            "POST http://127.0.0.1:{port}/exec HTTP/1.1\r\nHost: x\r\nUpgrade: tcp\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\n{{}}"
        ))
        .await;
    let head = client.head().await.unwrap();
    assert_eq!((status(&head), field(&head, "upgrade")), (101, Some("tcp")));
    client.send("stdin").await;
    assert_eq!(client.rest().await, "stdout");
}

#[tokio::test]
async fn an_upgrade_to_another_http_or_to_tls_is_not_forwarded() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert_eq!(field(&head, "upgrade"), None);
        peer.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        )
        .await;
    })
    .await;
    for protocol in ["h2c", "HTTP/2.0", "TLS/1.2"] {
        let mut client = client(&TestGateway::default()).await;
        client
            .send(format!(
                "GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nUpgrade: {protocol}\r\nConnection: Upgrade\r\n\r\n"
            ))
            .await;
        assert_eq!(status(&client.response().await.0), 502, "{protocol}");
    }
}

#[tokio::test]
async fn a_switch_to_a_protocol_that_was_not_offered_is_refused() {
    for (offered, switched, passes) in [
        ("foo", "Upgrade: websocket\r\n", false),
        ("foo", "Upgrade: foo, websocket\r\n", false),
        ("foo", "", false),
        ("foo, bar/2", "Upgrade: Bar/2\r\n", true),
    ] {
        let port = origin(move |mut peer, _| async move {
            let head = peer.head().await.unwrap();
            if field(&head, "content-length").is_some() {
                peer.take(2).await;
            }
            peer.send(format!(
                "HTTP/1.1 101 Switching Protocols\r\n{switched}Connection: Upgrade\r\n\r\nhello"
            ))
            .await;
        })
        .await;
        for (line, more) in [("GET", ""), ("POST", "Content-Length: 2\r\n")] {
            let mut client = client(&TestGateway::default()).await;
            let body = if more.is_empty() { "" } else { "ab" };
            client
                .send(format!(
                    "{line} http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nUpgrade: {offered}\r\n\
                     Connection: Upgrade\r\n{more}\r\n{body}"
                ))
                .await;
            if passes {
                assert_eq!(status(&client.head().await.unwrap()), 101, "{line}");
                continue;
            }
            let (head, body) = client.response().await;
            assert_eq!(status(&head), 502, "{line} {offered} {switched}");
            assert!(!body.contains("hello"), "{body}");
        }
    }
}

#[tokio::test]
async fn a_websocket_goes_through_an_http_upstream_by_connect() {
    let upstream = origin(|mut peer, _| async move {
        // The test gateway's dial stands for the CONNECT itself.
        let head = peer.head().await.unwrap();
        assert!(head.starts_with("GET /s HTTP/1.1\r\n"), "{head}");
        peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello")
            .await;
    })
    .await;
    let gateway = TestGateway {
        upstream: Some((([127, 0, 0, 1], upstream).into(), None)),
        ..TestGateway::default()
    };
    let mut client = client(&gateway).await;
    client
        .send("GET ws://a.test/s HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        .await;
    assert_eq!(status(&client.head().await.unwrap()), 101);
    assert_eq!(client.rest().await, "hello");
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_response() {
    let port = answering(OK).await;
    let mut client = client(&TestGateway::default()).await;
    for _ in 0..2 {
        client
            .send(format!(
                "GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nUpgrade: a/1\r\nConnection: Upgrade\r\n\r\n"
            ))
            .await;
        assert_eq!(client.response().await.1, "ok");
    }
}

#[tokio::test]
async fn connect_opens_a_tunnel_and_forwards_early_data() {
    let port = origin(|mut peer, _| async move {
        let seen = peer.take(5).await;
        peer.send(seen).await;
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    client
        .send(format!(
            "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\nearly"
        ))
        .await;
    assert_eq!(status(&client.head().await.unwrap()), 200);
    assert_eq!(client.rest().await, "early");
    assert_eq!(gateway.recorded.load(Ordering::Relaxed), 1);
}
