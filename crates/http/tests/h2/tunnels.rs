//! Tunnels and WebSockets in streams.

use crate::common::*;
use bytes::Bytes;
use http::{Method, Request};

use super::support::*;

#[tokio::test]
async fn connect_opens_a_tunnel_in_its_stream() {
    let port = origin(|mut peer, _| async move {
        assert_eq!(peer.take(4).await, "ping");
        peer.send("pong").await;
        assert_eq!(peer.rest().await, "");
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("127.0.0.1:{port}"))
        .body(())
        .unwrap();
    let (response, mut send) = open(&mut client, request).await;
    let response = within(response).await.unwrap();
    assert_eq!(response.status(), 200);
    send.send_data("ping".into(), false).unwrap();
    let mut body = response.into_body();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), "pong");
    send.send_data(Bytes::new(), true).unwrap();
    assert_eq!(read(&mut body).await.unwrap().0, b"");
}

#[tokio::test]
async fn a_websocket_over_http_2_becomes_an_upgrade() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
        assert_eq!(field(&head, "upgrade"), Some("websocket"));
        assert_eq!(field(&head, "connection"), Some("Upgrade"));
        assert_eq!(field(&head, "sec-websocket-version"), Some("13"));
        // RFC 8441 §5: the field does not exist in HTTP/2. One that the client sent is not sent beside ours.
        assert_eq!(head.matches("sec-websocket-key").count(), 1);
        assert_ne!(field(&head, "sec-websocket-key"), Some("13"));
        peer.send(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: y\r\n\r\nhi",
        )
        .await;
        assert_eq!(peer.take(2).await, "yo");
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    // The peer's settings are known after the first response.
    let other = answering(OK).await;
    whole(send(&mut client, get(other, "/")).await).await;
    let mut request = get(port, "/chat");
    *request.method_mut() = Method::CONNECT;
    request
        .headers_mut()
        .insert("sec-websocket-version", 13.into());
    request.headers_mut().insert("sec-websocket-key", 13.into());
    request
        .extensions_mut()
        .insert(::h2::ext::Protocol::from_static("websocket"));
    let (response, mut send) = open(&mut client, request).await;
    let response = within(response).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["sec-websocket-protocol"], "y");
    assert_eq!(response.headers().get("sec-websocket-accept"), None);
    let mut body = response.into_body();
    assert_eq!(within(body.data()).await.unwrap().unwrap(), "hi");
    send.send_data("yo".into(), false).unwrap();
}

#[tokio::test]
async fn a_protocol_that_is_not_known_is_not_implemented() {
    let mut client = client(&TestGateway::default()).await;
    // The peer's settings are known after the first response.
    let port = answering(OK).await;
    whole(send(&mut client, get(port, "/")).await).await;
    for (protocol, method, status) in [
        ("connect-udp", Method::CONNECT, 501),
        ("connect-ip", Method::CONNECT, 501),
        ("WebSocket", Method::CONNECT, 501),
    ] {
        let mut request = get(port, "/");
        *request.method_mut() = method;
        request
            .extensions_mut()
            .insert(::h2::ext::Protocol::from_static(protocol));
        let (response, _send) = open(&mut client, request).await;
        assert_eq!(
            within(response).await.unwrap().status(),
            status,
            "{protocol}"
        );
    }
}
