//! Stored responses answer, are validated, and leave.

use crate::common::*;
use crate::support::*;

async fn client(gateway: &TestGateway) -> Peer {
    Peer::connect(proxy(gateway.clone()).await).await
}

#[tokio::test]
async fn a_fresh_response_answers_without_the_origin() {
    let gateway = caching();
    let fields = "Cache-Control: max-age=60\r\nX: y\r\nConnection: Z\r\nZ: hop\r\n";
    let (port, count) = counting(move |_, n| response(fields, &format!("body {n}"))).await;
    let mut client = client(&gateway).await;
    client.send(get(port, "/a")).await;
    let (head, body) = client.response().await;
    assert_eq!(
        (body.as_str(), used(&head)),
        ("body 0", "fwd=uri-miss; stored")
    );
    client.send(get(port, "/a")).await;
    let (head, body) = client.response().await;
    assert_eq!(body, "body 0");
    assert!(used(&head).starts_with("hit; ttl="), "{head}");
    assert_eq!(field(&head, "age"), Some("0"));
    assert_eq!((field(&head, "x"), field(&head, "z")), (Some("y"), None));
    client.send(get(port, "/b")).await;
    assert_eq!(client.response().await.1, "body 1");
    assert_eq!(asked(&count), 2);
    // One row for the connection's own requests, one for the cache's answers.
    let stats = cache(&gateway).stats();
    assert_eq!((stats.counts.hits, stats.entries), (1, 2));
}

#[tokio::test]
async fn what_may_not_be_stored_passes_as_ever() {
    let gateway = caching();
    let (port, count) =
        counting(|_, n| response("Cache-Control: no-store\r\n", &format!("body {n}"))).await;
    let mut client = client(&gateway).await;
    for n in 0..3 {
        client.send(get(port, "/")).await;
        let (head, body) = client.response().await;
        assert_eq!(body, format!("body {n}"));
        let forward = if n == 0 { "fwd=uri-miss" } else { "fwd=miss" };
        assert_eq!(used(&head), forward);
    }
    assert_eq!(asked(&count), 3);
    assert_eq!(cache(&gateway).stats().entries, 0);
    // One connection to the origin for all of them.
    assert_eq!(gateway.dials.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_stale_response_is_confirmed_or_replaced() {
    let gateway = caching();
    let (port, count) = counting(|head, n| match field(head, "if-none-match") {
        Some("\"v1\"") if n < 3 => {
            "HTTP/1.1 304 Not Modified\r\nETag: \"v1\"\r\nX: new\r\n\r\n".to_owned()
        }
        _ => response(
            &format!(
                "Cache-Control: max-age=0\r\nETag: \"v{}\"\r\nX: old\r\n",
                n.max(1)
            ),
            &format!("body {n}"),
        ),
    })
    .await;
    let mut client = client(&gateway).await;
    for (body, x, status) in [
        ("body 0", "old", "fwd=uri-miss; stored"),
        ("body 0", "new", "fwd=stale; fwd-status=304; ttl=0"),
        ("body 0", "new", "fwd=stale; fwd-status=304; ttl=0"),
        ("body 3", "old", "fwd=stale; stored"),
    ] {
        client.send(get(port, "/")).await;
        let (head, got) = client.response().await;
        assert_eq!((got.as_str(), field(&head, "x")), (body, Some(x)), "{head}");
        assert_eq!(used(&head), status);
    }
    assert_eq!(asked(&count), 4);
}

#[tokio::test]
async fn a_client_with_the_same_copy_gets_304_by_its_own_validator() {
    let gateway = caching();
    let fields = "Cache-Control: max-age=60\r\nETag: \"v1\"\r\nContent-Type: text/x\r\n";
    let (port, count) = counting(move |_, _| response(fields, "body")).await;
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    client.response().await;
    client
        .send(with(port, "/", "If-None-Match: \"v1\"\r\n"))
        .await;
    let head = client.head().await.unwrap();
    assert_eq!((status(&head), field(&head, "etag")), (304, Some("\"v1\"")));
    assert_eq!(field(&head, "content-length"), None);
    client
        .send(with(port, "/", "If-None-Match: \"v2\"\r\n"))
        .await;
    let (head, body) = client.response().await;
    assert_eq!((status(&head), body.as_str()), (200, "body"));
    assert_eq!(asked(&count), 1);
}

#[tokio::test]
async fn an_unsafe_request_makes_the_next_one_ask_again() {
    let gateway = caching();
    let (port, count) =
        counting(|_, n| response("Cache-Control: max-age=60\r\n", &format!("body {n}"))).await;
    let mut client = client(&gateway).await;
    client.send(get(port, "/a")).await;
    assert_eq!(client.response().await.1, "body 0");
    client
        .send(format!(
            "DELETE http://127.0.0.1:{port}/a HTTP/1.1\r\nHost: x\r\n\r\n"
        ))
        .await;
    let (head, body) = client.response().await;
    assert_eq!((body.as_str(), used(&head)), ("body 1", "fwd=method"));
    client.send(get(port, "/a")).await;
    assert_eq!(client.response().await.1, "body 2");
    assert_eq!(asked(&count), 3);
}

#[tokio::test]
async fn the_body_of_an_unsafe_request_arrives_as_it_was_sent() {
    let gateway = caching();
    let port = origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            let body = match field(&head, "content-length") {
                Some(length) => peer.take(length.parse().unwrap()).await,
                None => peer.read_chunked().await,
            };
            peer.send(response("", &body)).await;
        }
    })
    .await;
    let mut client = client(&gateway).await;
    let long = "x".repeat(100_000);
    for body in ["hello", "", &long] {
        let length = body.len();
        let head = format!("POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n");
        client
            .send(format!("{head}Content-Length: {length}\r\n\r\n{body}"))
            .await;
        assert_eq!(client.response().await.1, body);
    }
    client
        .send(format!(
            "PUT http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        ))
        .await;
    assert_eq!(client.response().await.1, "abc");
}

#[tokio::test]
async fn who_wants_only_what_is_stored_gets_504_where_nothing_is() {
    let gateway = caching();
    let (port, count) = counting(|_, _| response("Cache-Control: max-age=60\r\n", "body")).await;
    let mut client = client(&gateway).await;
    let only = with(port, "/", "Cache-Control: only-if-cached\r\n");
    client.send(&only).await;
    assert_eq!(status(&client.response().await.0), 504);
    assert_eq!(asked(&count), 0);
    client.send(get(port, "/")).await;
    client.response().await;
    client.send(&only).await;
    let (head, body) = client.response().await;
    assert_eq!((status(&head), body.as_str()), (200, "body"));
    assert_eq!(asked(&count), 1);
}

#[tokio::test]
async fn a_stale_response_is_sent_while_it_is_refreshed() {
    let gateway = caching();
    let (port, count) = counting(|_, n| {
        let fields = "Cache-Control: max-age=0, stale-while-revalidate=60\r\n";
        response(fields, &format!("body {n}"))
    })
    .await;
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, "body 0");
    client.send(get(port, "/")).await;
    let (head, body) = client.response().await;
    assert_eq!(body, "body 0");
    assert!(used(&head).starts_with("hit; ttl="), "{head}");
    within(async {
        while cache(&gateway).stats().counts.stored < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(asked(&count), 2);
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, "body 1");
}

#[tokio::test]
async fn a_stale_response_stands_in_for_an_origin_that_fails() {
    let gateway = caching();
    let (port, count) = counting(|_, n| match n {
        0 => response("Cache-Control: max-age=0, stale-if-error=60\r\n", "body"),
        1 => "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy".to_owned(),
        _ => String::new(),
    })
    .await;
    let mut client = client(&gateway).await;
    for _ in 0..2 {
        client.send(get(port, "/")).await;
        let (head, body) = client.response().await;
        assert_eq!((status(&head), body.as_str()), (200, "body"), "{head}");
    }
    assert_eq!(asked(&count), 2);
}

#[tokio::test]
async fn a_head_request_is_answered_by_a_stored_response() {
    let gateway = caching();
    let (port, count) = counting(|_, _| response("Cache-Control: max-age=60\r\n", "body")).await;
    let mut client = client(&gateway).await;
    client.send(get(port, "/")).await;
    client.response().await;
    client.send(get(port, "/").replacen("GET", "HEAD", 1)).await;
    let head = client.head().await.unwrap();
    assert_eq!(field(&head, "content-length"), Some("4"));
    client.send(get(port, "/")).await;
    assert_eq!(client.response().await.1, "body");
    assert_eq!(asked(&count), 1);
}
