//! Requests of clients of both versions.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use crate::common::*;
use ::h2::client::SendRequest;
use ::h2::server::SendResponse;
use ::h2::{Reason, RecvStream};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use tokio::net::{TcpListener, TcpStream};

use super::site::*;

async fn h2_client(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (client, connection) = ::h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client.ready().await.unwrap()
}

#[tokio::test]
async fn http_1_clients_reach_it_and_share_one_connection() {
    let (address, site) = site(backend(echo).await).await;
    for _ in 0..3 {
        let mut client = Peer::connect(address).await;
        client
            .send("GET /a HTTP/1.1\r\nHost: app.test\r\n\r\n")
            .await;
        let head = client.head().await.unwrap();
        assert_eq!(status(&head), 200);
        assert_eq!(field(&head, "x-path"), Some("/a"));
        assert_eq!(field(&head, "x-authority"), Some("app.test"));
        assert_eq!(client.read_chunked().await, "");
        client
            .send(
                "POST /b HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n0\r\nChecksum: 1\r\n\r\n",
            )
            .await;
        let head = client.head().await.unwrap();
        assert_eq!(field(&head, "x-method"), Some("POST"));
        assert_eq!(client.read_chunked().await, "hello");
        assert_eq!(client.trailers, "checksum: 1\r\n");
        client
            .send("HEAD /c HTTP/1.1\r\nHost: app.test\r\n\r\n")
            .await;
        let head = client.head().await.unwrap();
        assert_eq!(field(&head, "x-method"), Some("HEAD"));
    }
    assert_eq!(site.dials.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_trailers_only_response_reaches_an_http_2_client() {
    let backend = backend(|_, mut respond: SendResponse<Bytes>| async move {
        let head = Response::builder()
            .header("grpc-status", "5")
            .body(())
            .unwrap();
        respond.send_response(head, true).unwrap();
    })
    .await;
    let (address, _) = site(backend).await;
    let mut client = h2_client(address).await;
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://app.test/pkg.Service/Call")
        .header("te", "trailers")
        .header("content-type", "application/grpc")
        .body(())
        .unwrap();
    let (response, mut send) = client.send_request(request, false).unwrap();
    send.send_data(Bytes::from_static(b"\0\0\0\0\0"), true)
        .unwrap();
    let response = within(response).await.unwrap();
    assert_eq!(response.headers()["grpc-status"], "5");
    let mut body = response.into_body();
    assert!(
        within(body.data())
            .await
            .is_none_or(|piece| piece.unwrap().is_empty())
    );
}

#[tokio::test]
async fn messages_of_a_stream_pass_one_by_one_in_both_directions() {
    let backend = backend(
        |request: Request<RecvStream>, mut respond: SendResponse<Bytes>| async move {
            let mut send = respond.send_response(Response::new(()), false).unwrap();
            let mut body = request.into_body();
            while let Some(piece) = body.data().await {
                let piece = piece.unwrap();
                body.flow_control().release_capacity(piece.len()).unwrap();
                send.send_data(piece, false).unwrap();
            }
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "0".parse().unwrap());
            send.send_trailers(trailers).unwrap();
        },
    )
    .await;
    let (address, _) = site(backend).await;
    let mut client = h2_client(address).await;
    let request = Request::builder()
        .method(Method::POST)
        .uri("http://app.test/")
        .body(())
        .unwrap();
    let (response, mut send) = client.send_request(request, false).unwrap();
    let mut body = within(response).await.unwrap().into_body();
    for n in 0..10 {
        let text = format!("message {n}");
        send.send_data(text.clone().into(), false).unwrap();
        let piece = within(body.data()).await.unwrap().unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        assert_eq!(piece, text);
    }
    send.send_data(Bytes::new(), true).unwrap();
    while let Some(piece) = within(body.data()).await {
        assert_eq!(piece.unwrap(), "");
    }
    let trailers = within(body.trailers()).await.unwrap().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn after_goaway_the_next_request_opens_another_connection() {
    let (address, site) = site(backend(echo).await).await;
    let mut client = Peer::connect(address).await;
    for path in ["/goaway", "/next", "/last"] {
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        let head = client.head().await.unwrap();
        assert_eq!((status(&head), field(&head, "x-path")), (200, Some(path)));
        client.read_chunked().await;
    }
    assert_eq!(site.dials.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_reset_response_is_never_a_whole_body() {
    let backend = backend(|_, mut respond: SendResponse<Bytes>| async move {
        let mut send = respond.send_response(Response::new(()), false).unwrap();
        send.send_data("abc".into(), false).unwrap();
        send.send_reset(Reason::INTERNAL_ERROR);
    })
    .await;
    let (address, _) = site(backend).await;
    let mut client = Peer::connect(address).await;
    client
        .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    // The reset may overtake the data.
    if let Some(head) = client.head().await {
        let rest = client.rest().await;
        assert!(
            status(&head) == 502 || !rest.ends_with("0\r\n\r\n"),
            "{head}{rest}"
        );
    }
}

#[tokio::test]
async fn many_requests_at_once_share_connections() {
    let (address, site) = site(backend(echo).await).await;
    let clients = (0..50).map(|n| async move {
        let mut client = Peer::connect(address).await;
        for _ in 0..10 {
            client
                .send(format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"))
                .await;
            let head = client.head().await.unwrap();
            assert_eq!(field(&head, "x-path"), Some(&*format!("/{n}")));
            client.read_chunked().await;
        }
    });
    within(futures_join(clients)).await;
    assert_eq!(site.dials.load(Ordering::Relaxed), 1);
}

async fn futures_join<F: Future<Output = ()> + Send>(all: impl Iterator<Item = F>) {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        all.retain_mut(|future| future.as_mut().poll(cx).is_pending());
        if all.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_on_a_connection_that_ends_is_sent_on_a_new_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut connection = ::h2::server::handshake(stream).await.unwrap();
                let first = connection.accept().await.unwrap().unwrap();
                tokio::spawn(echo(first.0, first.1));
                // The connection ends with its second request, which gets no answer.
                let _second = connection.accept().await;
            });
        }
    });
    let (address, site) = site(backend).await;
    let mut client = Peer::connect(address).await;
    for path in ["/first", "/second"] {
        client
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        let head = client.head().await.unwrap();
        assert_eq!((status(&head), field(&head, "x-path")), (200, Some(path)));
        client.read_chunked().await;
    }
    assert_eq!(site.dials.load(Ordering::Relaxed), 2);
}
