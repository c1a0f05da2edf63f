//! Requests through the serve loop over loopback: what the origin sees and what the client gets.

mod common;

use std::sync::atomic::Ordering;
use std::time::Duration;

use common::*;
use privet_config::HeaderMode;
use privet_connection_log::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// A client of a new proxy.
async fn client(gateway: &TestGateway) -> Peer {
    Peer::connect(proxy(gateway.clone()).await).await
}

fn get(port: u16, path: &str) -> String {
    format!("GET http://127.0.0.1:{port}{path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

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
async fn the_origin_receives_a_rewritten_head() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
            head.len()
        ))
        .await;
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    client
        .send(format!(
            "GET http://127.0.0.1:{port}?q HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: Basic eDp5\r\n\
             Connection: X-Hop, keep-alive, Host\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\n\
             TE: trailers, gzip\r\nUpgrade: websocket\r\nAccept:  */*  \r\nX-Forwarded-For: 10.0.0.1\r\nVia: 1.1 x\r\n\
             Forwarded: for=1\r\nReferer: https://elsewhere.example/secret?x\r\n\r\n"
        ))
        .await;
    let (_, seen) = client.response().await;
    assert_eq!(
        seen,
        format!(
            "GET /?q HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nReferer: https://elsewhere.example/\r\n\
             TE: trailers\r\nConnection: TE\r\n\r\n"
        )
    );
}

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

#[tokio::test]
async fn a_407_of_an_origin_is_forwarded_and_that_of_an_upstream_is_not() {
    let reply = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno";
    let port = answering(reply).await;
    let mut direct = client(&TestGateway::default()).await;
    direct.send(get(port, "/")).await;
    let (head, body) = direct.response().await;
    assert_eq!((status(&head), body.as_str()), (407, "no"));
    // It asks this proxy's client for nothing.
    assert_eq!(field(&head, "proxy-authenticate"), None);
    let gateway = TestGateway {
        upstream: Some((([127, 0, 0, 1], port).into(), None)),
        ..TestGateway::default()
    };
    let mut routed = client(&gateway).await;
    routed.send(get(port, "/")).await;
    assert_eq!(status(&routed.response().await.0), 502);
}

#[tokio::test]
async fn a_client_reset_closes_the_origin_connection() {
    for body in ["\r\n", "Content-Length: 99999999\r\n\r\n", "pipelined"] {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let port = origin(move |mut peer, _| {
            let sender = sender.clone();
            async move {
                peer.head().await;
                sender.send(()).await.unwrap();
                // Nothing is read until the client is gone.
                sender.send(()).await.unwrap();
                while peer
                    .stream
                    .read(&mut [0; 65536])
                    .await
                    .is_ok_and(|count| count > 0)
                {}
                sender.send(()).await.unwrap();
            }
        })
        .await;
        let mut client = client(&TestGateway::default()).await;
        if body == "pipelined" {
            client.send([get(port, "/"), get(port, "/")].concat()).await;
        } else {
            client
                .send(format!(
                    "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n{body}"
                ))
                .await;
        }
        within(receiver.recv()).await.unwrap();
        if body.starts_with("Content-Length") {
            let held = async { while client.stream.write_all(&[0; 65536]).await.is_ok() {} };
            let _ = tokio::time::timeout(Duration::from_millis(500), held).await;
        }
        client.stream.set_zero_linger().unwrap();
        drop(client);
        tokio::time::sleep(Duration::from_millis(100)).await;
        for _ in 0..2 {
            let ended = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await;
            assert!(ended.is_ok(), "{body:?}");
        }
    }
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
async fn a_half_closed_client_still_gets_its_reply() {
    let port = answering(OK).await;
    let mut client = client(&TestGateway::default()).await;
    client.send(get(port, "/")).await;
    client.stream.shutdown().await.unwrap();
    assert!(client.rest().await.ends_with("\r\n\r\nok"));
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
async fn an_http_upstream_gets_the_whole_url_and_its_own_login() {
    let port = origin(|mut peer, _| async move {
        let head = peer.head().await.unwrap();
        peer.send(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
            head.len()
        ))
        .await;
    })
    .await;
    let gateway = TestGateway {
        upstream: Some((([127, 0, 0, 1], port).into(), Some("Basic dXA="))),
        ..TestGateway::default()
    };
    let mut client = client(&gateway).await;
    client
        .send("GET HTTP://Site.Example:80/x HTTP/1.1\r\nHost: y\r\nProxy-Authorization: Basic mine\r\n\r\n")
        .await;
    assert_eq!(
        client.response().await.1,
        "GET http://site.example/x HTTP/1.1\r\nHost: site.example\r\nProxy-Authorization: Basic dXA=\r\n\r\n"
    );
}

#[tokio::test]
async fn via_is_added_in_the_untouched_mode_and_detects_loops() {
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
                head.len()
            ))
            .await;
        }
    })
    .await;
    let gateway = TestGateway {
        headers: HeaderMode::Untouched,
        ..TestGateway::default()
    };
    let mut client = client(&gateway).await;
    client
        .send(get(port, "/").replace(
            "\r\n\r\n",
            "\r\nVia: 1.0 before\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
        ))
        .await;
    let (head, seen) = client.response().await;
    assert!(
        seen.contains("Via: 1.0 before\r\nX-Forwarded-For: 1.2.3.4\r\nVia: 1.1 privet-"),
        "{seen}"
    );
    let via = field(&head, "via").unwrap().to_owned();
    client
        .send(get(port, "/").replace("\r\n\r\n", &format!("\r\nVia: {via}\r\n\r\n")))
        .await;
    assert_eq!(status(&client.response().await.0), 508);
}

#[tokio::test]
async fn max_forwards_is_counted_down_and_answered_here_at_zero() {
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{head}",
                head.len()
            ))
            .await;
        }
    })
    .await;
    let mut client = client(&TestGateway::default()).await;
    let request = |method: &str, hops: u32| {
        format!(
            "{method} http://127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\nCookie: secret\r\nX: y\r\nMax-Forwards: {hops}\r\n\r\n"
        )
    };
    client.send(request("OPTIONS", 5)).await;
    let (_, seen) = client.response().await;
    assert!(seen.starts_with("OPTIONS * HTTP/1.1\r\n") && seen.contains("Max-Forwards: 4\r\n"));
    client.send(request("OPTIONS", 0)).await;
    let (head, _) = client.response().await;
    assert!(field(&head, "allow").unwrap().contains("CONNECT"));
    client.send(request("TRACE", 0)).await;
    let (head, body) = client.response().await;
    assert_eq!(field(&head, "content-type"), Some("message/http"));
    assert!(
        body.starts_with("TRACE http://127.0.0.1")
            && body.contains("X: y")
            && !body.contains("secret")
    );
    client.send("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(status(&client.response().await.0), 200);
}

#[tokio::test]
async fn nothing_is_sent_on_a_route_that_became_forbidden() {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let port = origin(move |mut peer, _| {
        let sender = sender.clone();
        async move { sender.send(peer.head().await).await.unwrap() }
    })
    .await;
    let gateway = TestGateway {
        forbids: true,
        ..TestGateway::default()
    };
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    assert_eq!(client.head().await, None);
    assert_eq!(receiver.recv().await, Some(None));
}

#[tokio::test]
async fn a_row_that_is_cancelled_ends_its_connection_also_while_idle() {
    let port = answering(OK).await;
    let gateway = TestGateway::default();
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    client.response().await;
    for row in gateway.connection_log.live_rows() {
        row.cancel(CloseReason::Closed);
    }
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn silent_origins_and_clients_time_out() {
    let port = origin(|mut peer, _| async move {
        peer.head().await;
        let mut waste = [0; 1];
        let _ = peer.stream.read(&mut waste).await;
    })
    .await;
    let gateway = TestGateway {
        idle: Duration::from_millis(200),
        handshake: Duration::from_millis(300),
        ..TestGateway::default()
    };
    let mut waiting = client(&gateway).await;
    waiting.send(get(port, "/")).await;
    assert_eq!(status(&waiting.response().await.0), 504);
    // Idle between requests: closed without a response.
    assert_eq!(waiting.rest().await, "");
    let mut slow = client(&gateway).await;
    slow.send("GET http://a/ HT").await;
    assert_eq!(status(&slow.head().await.unwrap()), 408);
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
