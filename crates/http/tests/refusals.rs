//! Responses of the proxy itself: blocks, failed dials, authentication.

mod common;

use std::sync::atomic::Ordering;

use common::*;
use privet_policy::WhyKind;

#[tokio::test]
async fn a_block_is_a_page_with_the_reason_and_how_to_allow_it() {
    let gateway = TestGateway {
        blocked: Some(("ads.test", WhyKind::List)),
        ..TestGateway::default()
    };
    let mut client = Peer::connect(proxy(gateway.clone()).await).await;
    for _ in 0..2 {
        client
            .send("GET http://ads.test/x HTTP/1.1\r\nHost: ads.test\r\n\r\n")
            .await;
        let (head, body) = client.response().await;
        assert_eq!(status(&head), 403);
        assert_eq!(field(&head, "cache-control"), Some("no-store"));
        assert!(
            field(&head, "content-security-policy")
                .unwrap()
                .contains("default-src 'none'")
        );
        assert_eq!(
            field(&head, "privet-reason"),
            Some("list \"ads\" <b>line 3</b>")
        );
        assert!(body.contains("&lt;b&gt;line 3&lt;/b&gt;") && !body.contains("<b>line"));
        assert!(
            body.contains("privet why ads.test:80")
                && body.contains("allow = [&quot;ads.test&quot;]")
        );
    }
    client
        .send("HEAD http://ads.test/x HTTP/1.1\r\nHost: ads.test\r\n\r\n")
        .await;
    assert_eq!(status(&client.head().await.unwrap()), 403);
    client
        .send("CONNECT ads.test:443 HTTP/1.1\r\nHost: ads.test\r\n\r\n")
        .await;
    assert_eq!(status(&client.response().await.0), 403);
    assert_eq!(gateway.dials.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_program_that_asks_for_json_gets_json() {
    let gateway = TestGateway {
        blocked: Some(("ads.test", WhyKind::List)),
        ..TestGateway::default()
    };
    let mut client = Peer::connect(proxy(gateway).await).await;
    client
        .send("GET http://ads.test/ HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n\r\n")
        .await;
    let (head, body) = client.response().await;
    assert_eq!(field(&head, "content-type"), Some("application/json"));
    assert_eq!(
        body,
        "{\"status\":403,\"reason\":\"list \\\"ads\\\" <b>line 3</b>\",\
         \"text\":\"ads.test:80 was blocked: list \\\"ads\\\" <b>line 3</b>\",\
         \"hints\":[\"privet why ads.test:80\",\"[filter]\\u000aallow = [\\\"ads.test\\\"]\"]}\n"
    );
}

#[tokio::test]
async fn failed_dials_have_a_status_by_their_kind() {
    let mut client = Peer::connect(proxy(TestGateway::default()).await).await;
    for (host, expected, reason) in [
        ("nowhere.test", 502, "name not found"),
        ("slow.test", 504, "timed out"),
        ("127.0.0.1:1", 502, "connection refused"),
    ] {
        client
            .send(format!("GET http://{host}/ HTTP/1.1\r\nHost: x\r\n\r\n"))
            .await;
        let (head, _) = client.response().await;
        assert_eq!(
            (status(&head), field(&head, "privet-reason")),
            (expected, Some(reason))
        );
    }
    client
        .send("CONNECT slow.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert_eq!(status(&client.response().await.0), 504);
}

#[tokio::test]
async fn bytes_behind_a_refused_connect_are_not_a_request() {
    let mut client = Peer::connect(proxy(TestGateway::default()).await).await;
    client
        .send("CONNECT nowhere.test:443 HTTP/1.1\r\nHost: x\r\n\r\nGET http://nowhere.test/ HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    let (head, _) = client.response().await;
    assert_eq!(
        (status(&head), field(&head, "connection")),
        (502, Some("close"))
    );
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn the_proxy_itself_is_a_loop() {
    let gateway = TestGateway {
        blocked: Some(("127.0.0.1", WhyKind::Loop)),
        ..TestGateway::default()
    };
    let mut client = Peer::connect(proxy(gateway).await).await;
    client
        .send("GET http://127.0.0.1:7280/ HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    let (head, body) = client.response().await;
    assert_eq!(status(&head), 403);
    assert!(body.contains("go round in a circle"));
}

#[tokio::test]
async fn a_login_is_requested_checked_cached_and_never_forwarded() {
    let port = echoing().await;
    let gateway = TestGateway {
        login: Some(("alice", "s:ecret")),
        ..TestGateway::default()
    };
    let mut client = Peer::connect(proxy(gateway.clone()).await).await;
    let request = |login: &str| {
        format!(
            "POST http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\n{login}Content-Length: 3\r\n\r\nabc"
        )
    };
    let wrong = [
        "",
        "Proxy-Authorization: Bearer x\r\n",
        "Proxy-Authorization: Basic !!\r\n",
        "Proxy-Authorization: Basic YWxpY2U6bm8=\r\n",
    ];
    for login in wrong {
        client.send(request(login)).await;
        let (head, _) = client.response().await;
        assert_eq!(status(&head), 407, "{login}");
        let challenge = field(&head, "proxy-authenticate").unwrap();
        assert_eq!(challenge, "Basic realm=\"Privet\", charset=\"UTF-8\"");
    }
    assert_eq!(gateway.logins.load(Ordering::Relaxed), 1);
    for _ in 0..3 {
        client
            .send(format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: basic YWxpY2U6czplY3JldA==\r\n\r\n"))
            .await;
        let (head, seen) = client.response().await;
        assert_eq!(status(&head), 200);
        assert!(!seen.to_lowercase().contains("authorization"));
    }
    assert_eq!(gateway.logins.load(Ordering::Relaxed), 2);
    assert_eq!(gateway.connection_log.live_rows().len(), 1);
}

#[tokio::test]
async fn a_cached_login_is_checked_again_after_a_reload() {
    let port = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let gateway = TestGateway {
        login: Some(("a", "b")),
        ..TestGateway::default()
    };
    let mut client = Peer::connect(proxy(gateway.clone()).await).await;
    for reloads in 0..3 {
        for _ in 0..2 {
            client
                .send(format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic YTpi\r\n\r\n"))
                .await;
            assert_eq!(status(&client.response().await.0), 200);
        }
        assert_eq!(gateway.logins.load(Ordering::Relaxed), reloads + 1);
        gateway.generation.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_connect_without_login_may_be_tried_again_on_the_same_connection() {
    let port = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    let gateway = TestGateway {
        login: Some(("a", "b")),
        ..TestGateway::default()
    };
    let mut client = Peer::connect(proxy(gateway).await).await;
    client
        .send(format!(
            "CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\n\r\n"
        ))
        .await;
    let (head, _) = client.response().await;
    assert_eq!((status(&head), field(&head, "connection")), (407, None));
    client
        .send(format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic YTpi\r\n\r\n"))
        .await;
    assert_eq!(status(&client.head().await.unwrap()), 200);
}
