//! Bodies: lengths, chunks, interim responses, and messages that end early.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::*;
use crate::support::{OK, client, get};

#[tokio::test]
async fn a_body_with_a_length_is_forwarded_and_the_connection_kept() {
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            let length = field(&head, "content-length").unwrap().parse().unwrap();
            let body = peer.take(length).await;
            assert!(body.bytes().all(|byte| byte == b'x'));
            peer.send(OK).await;
        }
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    for length in [0, 1, 70_000, 1_000_000] {
        client
            .send(format!(
                "PUT http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{}",
                "x".repeat(length)
            ))
            .await;
        assert_eq!(client.response().await.1, "ok");
    }
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_large_response_of_unknown_length_arrives_whole_in_chunks() {
    let body = "0123456789".repeat(200_000);
    let sent = body.clone();
    let port = origin(move |mut peer, _| {
        let body = sent.clone();
        async move {
            peer.head().await.unwrap();
            peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
            peer.send(body).await;
        }
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client.send(get(port, "/")).await;
    let head = client.head().await.unwrap();
    assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
    assert!(client.read_chunked().await == body);
}

#[tokio::test]
async fn an_old_client_gets_neither_chunks_nor_interim_responses_and_is_closed() {
    let port = answering(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
         5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!(
            "GET http://127.0.0.1:{port}/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        ))
        .await;
    let head = client.head().await.unwrap();
    assert_eq!(status(&head), 200);
    assert_eq!(field(&head, "transfer-encoding"), None);
    assert_eq!(field(&head, "connection"), Some("close"));
    assert_eq!(client.rest().await, "hello");
}

#[tokio::test]
async fn head_and_bodiless_statuses_keep_the_connection_usable() {
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            let reply = match head.split(' ').nth(1).unwrap() {
                "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
                "/204" => "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\nETag: x\r\n\r\n",
                _ => OK,
            };
            peer.send(reply).await;
        }
    })
    .await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    client.send(get(port, "/head").replace("GET", "HEAD")).await;
    let head = client.head().await.unwrap();
    assert_eq!(field(&head, "content-length"), Some("1000"));
    client.send(get(port, "/204")).await;
    let head = client.head().await.unwrap();
    assert_eq!((status(&head), field(&head, "content-length")), (204, None));
    client.send(get(port, "/304")).await;
    let head = client.head().await.unwrap();
    assert_eq!(field(&head, "content-length"), Some("7"));
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, "ok");
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_100_is_requested_and_forwarded_before_the_body() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        assert_eq!(field(&head, "expect"), Some("100-continue"));
        peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
        assert_eq!(peer.take(5).await, "hello");
        peer.send(OK).await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!(
            "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        ))
        .await;
    assert_eq!(status(&client.head().await.unwrap()), 100);
    client.send("hello").await;
    let (head, body) = client.response().await;
    assert_eq!((body.as_str(), field(&head, "connection")), ("ok", None));
}

#[tokio::test]
async fn a_final_response_before_the_body_reaches_the_client_and_ends_the_connection() {
    let port = origin(|mut peer, _| async move {
        peer.head().await.unwrap();
        peer.send(
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig",
        )
        .await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!(
            "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n{}",
            "x".repeat(100_000)
        ))
        .await;
    let (head, body) = client.response().await;
    assert_eq!((status(&head), body.as_str()), (413, "big"));
    assert_eq!(field(&head, "connection"), Some("close"));
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn other_interim_responses_are_forwarded_up_to_a_limit() {
    let port = answering(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    let mut client1 = client(&TestGateway::default()).await;
    client1.send(get(port, "/")).await;
    let early = client1.head().await.unwrap();
    assert_eq!((status(&early), field(&early, "link")), (103, Some("</a>")));
    assert_eq!(status(&client1.head().await.unwrap()), 102);
    assert_eq!(status(&client1.head().await.unwrap()), 200);

    let port = origin(|mut peer, _| async move {
        peer.head().await.unwrap();
        peer.send("HTTP/1.1 102 Processing\r\n\r\n".repeat(1000))
            .await;
    })
    .await;
    let mut client2 = client(&TestGateway::default()).await;
    client2.send(get(port, "/")).await;
    let statuses = async {
        while let Some(head) = client2.head().await {
            if status(&head) != 102 {
                return status(&head);
            }
        }
        0
    };
    assert_eq!(statuses.await, 502);
}

#[tokio::test]
async fn malformed_responses_are_502_without_their_content() {
    let cases = [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\na",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "220 mail.example ESMTP\r\n\r\n",
        "",
    ];
    for case in cases {
        let port = origin(move |mut peer, _| async move {
            peer.head().await.unwrap();
            peer.send(case).await;
        })
        .await;
        let mut client = client(&TestGateway::default()).await;
        client.send(get(port, "/")).await;
        let (head, body) = client.response().await;
        assert_eq!(status(&head), 502, "{case:?}");
        assert!(field(&head, "privet-reason").is_some() && body.contains("<h1>Bad Gateway</h1>"));
        // The client's connection is in step and goes on.
        client.send(get(1, "/")).await;
        assert_eq!(status(&client.response().await.0), 502);
    }
}

#[tokio::test]
async fn a_truncated_response_is_visible_as_truncated() {
    let cases = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal", "hal"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n",
            "3\r\nhal\r\n",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\nxyz\r\n",
            "3\r\nhal\r\n",
        ),
    ];
    for (case, expected) in cases {
        let port = origin(move |mut peer, _| async move {
            peer.head().await.unwrap();
            let (start, end) = case.split_at(
                case.find("hal").unwrap() + 5.min(case.len() - case.find("hal").unwrap()),
            );
            peer.send(start).await;
            peer.stream.flush().await.unwrap();
            tokio::task::yield_now().await;
            peer.send(end).await;
        })
        .await;
        let mut client = client(&TestGateway::default()).await;
        client.send(get(port, "/")).await;
        client.head().await.unwrap();
        let rest = client.rest().await;
        assert!(expected.starts_with(&rest), "{case:?} {rest:?}");
        assert!(!rest.contains("0\r\n\r\n"));
    }
}

#[tokio::test]
async fn an_http_1_0_client_gets_a_reset_for_a_truncated_response() {
    let port = origin(|mut peer, _| async move {
        peer.head().await.unwrap();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            .await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!("GET http://127.0.0.1:{port}/ HTTP/1.0\r\n\r\n"))
        .await;
    let mut all = Vec::new();
    let end = within(client.stream.read_to_end(&mut all)).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_request_body_that_ends_early_or_is_malformed_ends_the_connection() {
    let port = origin(|mut peer, _| async move {
        peer.head().await;
        let mut rest = Vec::new();
        let _ = peer.stream.read_to_end(&mut rest).await;
    })
    .await;
    for body in [
        "Content-Length: 10\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "Transfer-Encoding: chunked\r\n\r\nx\r\n",
    ] {
        let mut client = client(&TestGateway::default()).await;
        client
            .send(format!(
                "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n{body}"
            ))
            .await;
        client.stream.shutdown().await.unwrap();
        assert_eq!(status(&client.head().await.unwrap()), 400, "{body:?}");
    }
}

#[tokio::test]
async fn both_directions_stream_at_once() {
    let port = origin(|mut peer, _| async move {
        peer.head().await.unwrap();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await;
        for _ in 0..100 {
            let piece = peer.take(1000).await;
            peer.send(format!("3e8\r\n{piece}\r\n")).await;
        }
        peer.send("0\r\n\r\n").await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!(
            "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
        ))
        .await;
    client.head().await.unwrap();
    let mut body = String::new();
    for _ in 0..100 {
        // Each piece is sent only after the one before has been received.
        client.send("y".repeat(1000)).await;
        while body.is_empty() || !body.len().is_multiple_of(1000) {
            body.push_str(&client.chunk().await);
        }
        body.clear();
    }
    assert_eq!(client.chunk().await, "");
}
