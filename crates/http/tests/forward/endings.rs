//! What ends an exchange: resets, half-closes, policy, cancellation, timeouts.

use std::time::Duration;

use privet_connection_log::CloseReason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::*;
use crate::support::{OK, client, get};

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
        for _ in 0..2 {
            let ended = tokio::time::timeout(Duration::from_secs(5), receiver.recv()).await;
            assert!(ended.is_ok(), "{body:?}");
        }
    }
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
