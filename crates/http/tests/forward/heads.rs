//! Heads that are rewritten on the way.

use privet_config::HeaderMode;

use crate::common::*;
use crate::support::{client, get};

#[tokio::test]
async fn the_origin_receives_a_rewritten_head() {
    let port = echoing().await;
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
async fn an_http_upstream_gets_the_whole_url_and_its_own_login() {
    let port = echoing().await;
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
    let port = echoing().await;
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
    let port = echoing().await;
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
