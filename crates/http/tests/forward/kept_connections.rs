//! Connections that are kept: pipelining, the pool, stale connections.

use std::sync::atomic::Ordering;

use crate::common::*;
use crate::support::{OK, client, get};

#[tokio::test]
async fn requests_of_one_client_share_one_upstream_connection_and_one_row() {
    let port = answering(OK).await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    for _ in 0..5 {
        client.send(get(port, "/a?b")).await;
        let (head, body) = client.response().await;
        assert_eq!((status(&head), body.as_str()), (200, "ok"));
    }
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 1);
    assert_eq!(gateway.recorded.load(Ordering::Relaxed), 1);
    assert_eq!(
        gateway.urls.lock().unwrap()[0],
        format!("http://127.0.0.1:{port}/a?b")
    );
}

#[tokio::test]
async fn clients_of_one_thread_share_the_pool() {
    let port = answering(OK).await;
    let gateway = TestGateway::default();
    let address = proxy(gateway.clone()).await;
    for _ in 0..3 {
        let mut client = Peer::connect(address).await;
        client.send(get(port, "/")).await;
        client.response().await;
    }
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 1);
    assert_eq!(gateway.recorded.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            let path = head.split(' ').nth(1).unwrap().to_owned();
            let length = path.len();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"
            ))
            .await;
        }
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    let requests: String = (0..20).map(|n| get(port, &format!("/{n}"))).collect();
    client.send(requests).await;
    for n in 0..20 {
        assert_eq!(client.response().await.1, format!("/{n}"));
    }
}

/// Valid requests, split anywhere, get the same responses as unsplit ones.
#[tokio::test]
async fn pipelined_requests_may_be_split_anywhere() {
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            let body = if head.contains("chunked") {
                peer.read_chunked().await
            } else {
                let length =
                    field(&head, "content-length").map_or(0, |value| value.parse().unwrap());
                peer.take(length).await
            };
            let length = body.len();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
            ))
            .await;
        }
    })
    .await;
    let url = format!("http://127.0.0.1:{port}/");
    let text = format!(
        "POST {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello\
         POST {url} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n\
         GET {url} HTTP/1.1\r\nHost: x\r\n\r\n\
         PUT {url} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nz"
    );
    let address = proxy(TestGateway::default()).await;
    for cut in 1..text.len() {
        let mut client = Peer::connect(address).await;
        client.stream.set_nodelay(true).unwrap();
        client.send(&text[..cut]).await;
        tokio::task::yield_now().await;
        client.send(&text[cut..]).await;
        for expected in ["hello", "abc", "", "z"] {
            assert_eq!(client.response().await.1, expected, "cut at {cut}");
        }
    }
}

#[tokio::test]
async fn a_request_and_a_response_byte_by_byte_arrive_whole() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        assert_eq!(peer.read_chunked().await, "hello world");
        peer.drip("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nA: b\r\n\r\n")
            .await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .drip(format!(
            "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
             5;ext\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
        ))
        .await;
    let head = client.head().await.unwrap();
    assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
    assert_eq!(client.read_chunked().await, "abcde");
    assert_eq!(client.trailers, "A: b\r\n");
}

#[tokio::test]
async fn a_stale_pooled_connection_is_replaced_without_the_client_noticing() {
    // Each connection takes one request, then closes when the next one arrives.
    let port = origin(|mut peer, _| async move {
        peer.head().await.unwrap();
        peer.send(OK).await;
        peer.stream.readable().await.unwrap();
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    for count in 1..5 {
        client.send(get(port, "/")).await;
        assert_eq!(client.response().await.1, "ok");
        assert_eq!(gateway.dials.load(Ordering::Relaxed), count);
    }
}

#[tokio::test]
async fn a_post_on_a_stale_connection_is_not_sent_twice() {
    let port = origin(|mut peer, number| async move {
        peer.head().await.unwrap();
        if number == 0 {
            peer.send(OK).await;
            // Takes the second request and closes without a response.
            peer.head().await;
        } else {
            panic!("a second connection");
        }
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    client.response().await;
    client
        .send(format!(
            "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
    assert_eq!(status(&client.response().await.0), 502);
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_put_on_a_stale_connection_is_sent_again_with_its_body() {
    // Each connection takes one request, then closes once the next one is there.
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        let length = field(&head, "content-length").map_or(0, |value| value.parse().unwrap());
        let body = peer.take(length).await;
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await;
        peer.stream.readable().await.unwrap();
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    for count in 1..4 {
        client
            .send(format!(
                "PUT http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
            ))
            .await;
        assert_eq!(client.response().await.1, "hello");
        assert_eq!(gateway.dials.load(Ordering::Relaxed), count);
    }
}

#[tokio::test]
async fn unsolicited_data_from_an_origin_is_never_a_response() {
    let port = origin(|mut peer, number| async move {
        peer.head().await.unwrap();
        if number == 0 {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                .await;
            peer.head().await;
        } else {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").await;
        }
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, "ok");
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, "good");
}

#[tokio::test]
async fn a_stream_that_is_no_bare_socket_is_flushed_kept_and_found_stale() {
    let port = origin(|mut peer, number| async move {
        while let Some(head) = peer.head().await {
            let length = field(&head, "content-length").map_or(0, |value| value.parse().unwrap());
            peer.take(length).await;
            peer.send(OK).await;
            if number == 0 && head.starts_with("PUT /last") {
                return;
            }
        }
    })
    .await;
    let gateway = TestGateway {
        boxed: true,
        ..TestGateway::default()
    };
    let mut client = client(&gateway).await;
    let put = |path: &str| {
        let body = "x".repeat(100_000);
        format!(
            "PUT http://127.0.0.1:{port}{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{body}"
        )
    };
    // The connection ends after "/last"; a GET may be sent again, whether that was noticed before or after.
    let requests = [
        (put("/a"), 1),
        (put("/last"), 1),
        (get(port, "/b"), 2),
        (put("/c"), 2),
    ];
    for (request, dials) in requests {
        client.send(request).await;
        assert_eq!(client.response().await.1, "ok");
        assert_eq!(gateway.dials.load(Ordering::Relaxed), dials);
    }
}

#[tokio::test]
async fn a_connection_that_was_authenticated_serves_its_client_only() {
    for (asks, carries) in [
        ("NTLM", ""),
        ("Basic realm=\"x\", Negotiate abc", ""),
        ("", "Authorization: NTLM abc\r\n"),
    ] {
        let port = origin(move |mut peer, number| async move {
            while peer.head().await.is_some() {
                let body = number.to_string();
                let fields = if asks.is_empty() {
                    String::new()
                } else {
                    format!("WWW-Authenticate: {asks}\r\n")
                };
                peer.send(format!(
                    "HTTP/1.1 401 No\r\n{fields}Content-Length: {}\r\n\r\n{body}",
                    body.len()
                ))
                .await;
            }
        })
        .await;
        let gateway = TestGateway::default();
        let address = proxy(gateway.clone()).await;
        let request = format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n{carries}\r\n");
        let mut first = Peer::connect(address).await;
        let mut second = Peer::connect(address).await;
        for _ in 0..3 {
            first.send(&request).await;
            assert_eq!(first.response().await.1, "0", "{asks}{carries}");
            second.send(&request).await;
            assert_eq!(second.response().await.1, "1", "{asks}{carries}");
        }
        drop(first);
        let mut third = Peer::connect(address).await;
        third.send(&request).await;
        assert_eq!(third.response().await.1, "2");
    }
}
