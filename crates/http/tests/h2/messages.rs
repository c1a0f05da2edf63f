//! Requests and responses: what an HTTP/1 origin sees and what the client gets.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::common::*;
use ::h2::Reason;
use bytes::Bytes;
use http::{HeaderMap, Method};

use super::support::*;

#[tokio::test]
async fn a_request_reaches_an_http_1_origin_and_its_response_comes_back() {
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            assert!(
                head.starts_with("GET /a?b HTTP/1.1\r\nHost: 127.0.0.1:"),
                "{head}"
            );
            assert_eq!(field(&head, "cookie"), Some("a=1; b=2"));
            assert_eq!(field(&head, "transfer-encoding"), None);
            peer.send(OK).await;
        }
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    for _ in 0..3 {
        let mut request = get(port, "/a?b");
        let fields = request.headers_mut();
        fields.append("cookie", "a=1".parse().unwrap());
        fields.append("cookie", "b=2".parse().unwrap());
        let response = send(&mut client, request).await;
        let (head, body, trailers) = whole(response).await;
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["x-y"], "z");
        assert_eq!(head.headers()["content-length"], "2");
        assert_eq!((body.as_slice(), trailers), (&b"ok"[..], None));
    }
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 1);
    assert_eq!(gateway.recorded.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn bodies_of_unknown_length_and_trailers_pass_in_both_directions() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        assert_eq!(peer.read_chunked().await, "hello world");
        assert_eq!(peer.trailers, "checksum: 1\r\n");
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n")
            .await;
        peer.send("3\r\nabc\r\n0\r\nGrpc-Status: 0\r\n\r\n").await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    let (response, mut body) = open(&mut client, post(port)).await;
    body.send_data("hello ".into(), false).unwrap();
    body.send_data("world".into(), false).unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", "1".parse().unwrap());
    body.send_trailers(trailers).unwrap();
    let (head, body, trailers) = whole(response).await;
    assert_eq!(head.headers().get("transfer-encoding"), None);
    assert_eq!(body, b"abc");
    assert_eq!(trailers.unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_large_body_passes_each_way() {
    const SIZE: usize = 5_000_000;
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert_eq!(field(&head, "content-length"), Some("5000000"));
        let body = peer.take(SIZE).await;
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n\r\n{body}"
        ))
        .await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    let mut request = post(port);
    request.headers_mut().insert("content-length", SIZE.into());
    let (response, mut body) = open(&mut client, request).await;
    let text: Vec<u8> = (0..SIZE).map(|n| b'a' + (n % 26) as u8).collect();
    let sending = async {
        let mut rest = &text[..];
        while !rest.is_empty() {
            body.reserve_capacity(rest.len());
            let room = std::future::poll_fn(|cx| body.poll_capacity(cx)).await;
            let room = room.unwrap().unwrap();
            let (now, later) = rest.split_at(room.min(rest.len()));
            body.send_data(Bytes::copy_from_slice(now), later.is_empty())
                .unwrap();
            rest = later;
        }
    };
    let (_, (_, received, _)) = tokio::join!(within(sending), whole(response));
    assert!(received == text);
}

#[tokio::test]
async fn interim_responses_pass_and_a_head_only_response_ends_the_stream() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert!(head.starts_with("HEAD / "));
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            .await;
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n")
            .await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    let mut request = get(port, "/");
    *request.method_mut() = Method::HEAD;
    let mut response = send(&mut client, request).await;
    let interim = within(std::future::poll_fn(|cx| response.poll_informational(cx))).await;
    let interim = interim.unwrap().unwrap();
    assert_eq!(
        (interim.status().as_u16(), &interim.headers()["link"]),
        (103, &"</a>".parse().unwrap())
    );
    let (head, body, _) = whole(response).await;
    assert_eq!(head.headers()["content-length"], "77");
    assert!(body.is_empty());
}

#[tokio::test]
async fn a_truncated_response_is_a_reset_and_never_a_whole_body() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ] {
        let port = origin(move |mut peer, _| async move {
            peer.head().await.unwrap();
            peer.send(reply).await;
        })
        .await;
        let mut client = client(&TestGateway::default()).await;
        let response = send(&mut client, get(port, "/")).await;
        let mut body = within(response).await.unwrap().into_body();
        let error = read(&mut body).await.unwrap_err();
        assert!(error.is_reset(), "{error}");
    }
}

#[tokio::test]
async fn a_reset_stream_ends_the_origin_connection_and_no_other_stream() {
    let (gone, seen) = tokio::sync::oneshot::channel();
    let gone = std::sync::Arc::new(std::sync::Mutex::new(Some(gone)));
    let port = origin(move |mut peer, number| {
        let gone = gone.clone();
        async move {
            peer.head().await.unwrap();
            if number == 0 {
                assert!(peer.head().await.is_none());
                gone.lock().unwrap().take().unwrap().send(()).unwrap();
            } else {
                peer.send(OK).await;
            }
        }
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    let (_response, mut body) = open(&mut client, post(port)).await;
    // The origin has the head once its connection stands.
    let second = loop {
        let response = send(&mut client, get(port, "/")).await;
        let response = tokio::time::timeout(Duration::from_millis(500), response).await;
        if let Ok(response) = response {
            break response.unwrap();
        }
    };
    assert_eq!(second.status(), 200);
    body.send_reset(Reason::CANCEL);
    within(seen).await.unwrap();
}
