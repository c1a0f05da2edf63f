//! An HTTP/2 client.

use std::net::SocketAddr;

use crate::common::*;
use ::h2::client::{ResponseFuture, SendRequest};
use ::h2::{RecvStream, SendStream};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use tokio::net::TcpStream;

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Y: z\r\n\r\nok";

pub async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut builder = ::h2::client::Builder::new();
    builder.initial_window_size(1 << 20);
    let (send, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    send
}

pub async fn client(gateway: &TestGateway) -> SendRequest<Bytes> {
    connect(h2_proxy(gateway.clone()).await).await
}

pub fn get(port: u16, path: &str) -> Request<()> {
    let uri = format!("http://127.0.0.1:{port}{path}");
    Request::builder().uri(uri).body(()).unwrap()
}

pub fn post(port: u16) -> Request<()> {
    let mut request = get(port, "/");
    *request.method_mut() = Method::POST;
    request
}

/// Sends a request without a body.
pub async fn send(client: &mut SendRequest<Bytes>, request: Request<()>) -> ResponseFuture {
    let mut ready = client.clone().ready().await.unwrap();
    ready.send_request(request, true).unwrap().0
}

pub async fn open(
    client: &mut SendRequest<Bytes>,
    request: Request<()>,
) -> (ResponseFuture, SendStream<Bytes>) {
    let mut ready = client.clone().ready().await.unwrap();
    ready.send_request(request, false).unwrap()
}

/// The whole body, and the trailers.
pub async fn read(body: &mut RecvStream) -> Result<(Vec<u8>, Option<HeaderMap>), ::h2::Error> {
    let mut whole = Vec::new();
    while let Some(piece) = within(body.data()).await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len()).unwrap();
        whole.extend_from_slice(&piece);
    }
    Ok((whole, within(body.trailers()).await?))
}

pub async fn whole(response: ResponseFuture) -> (Response<()>, Vec<u8>, Option<HeaderMap>) {
    let (head, mut body) = within(response).await.unwrap().into_parts();
    let (bytes, trailers) = read(&mut body).await.unwrap();
    (Response::from_parts(head, ()), bytes, trailers)
}
