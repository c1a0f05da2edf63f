//! A proxy of this crate alone on loopback, and scripted origins.
#![allow(dead_code)] // each test file uses its part

mod gateway;
mod peer;

use std::future::Future;
use std::net::SocketAddr;

use privet_connection_log::LiveConnection;
use privet_gateway::HandshakeOutcome;
use privet_http::service::ConnectionInfo;
use privet_http::service::forward::Forward;
use privet_http::{h2, serve};
use privet_net::{Connected, Stream};
use privet_policy::Listener;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

pub use gateway::TestGateway;
pub use peer::*;

/// Starts a proxy and returns its address.
pub async fn proxy(gateway: TestGateway) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, peer) = listener.accept().await.unwrap();
            let gateway = gateway.clone();
            tokio::spawn(async move {
                let deadline = tokio::time::Instant::now() + gateway.handshake;
                let served = serve(
                    client.into(),
                    b"",
                    deadline,
                    ConnectionInfo { local, peer },
                    Forward {
                        gateway: gateway.clone(),
                        listener: Listener::Http,
                    },
                )
                .await;
                if let HandshakeOutcome::Tunnel {
                    mut client,
                    preread,
                    connected,
                    live: _live,
                } = served
                {
                    let mut destination = connected.stream;
                    destination.write_all(&preread).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut destination).await;
                }
            });
        }
    });
    local
}

/// Relays the tunnels of HTTP/2 streams.
#[derive(Clone)]
struct CopyTunnels;

impl h2::Tunnels for CopyTunnels {
    async fn relay(&self, mut client: Stream, connected: Connected, _live: LiveConnection) {
        let mut destination = connected.stream;
        let _ = tokio::io::copy_bidirectional(&mut client, &mut destination).await;
    }
}

/// Starts a proxy that speaks HTTP/2 without TLS.
pub async fn h2_proxy(gateway: TestGateway) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (client, peer) = listener.accept().await.unwrap();
            let forward = Forward {
                gateway: gateway.clone(),
                listener: Listener::Http,
            };
            let info = ConnectionInfo { local, peer };
            let first = bytes::Bytes::new();
            tokio::spawn(h2::serve(client.into(), first, info, forward, CopyTunnels));
        }
    });
    local
}

/// Starts an origin that runs `script` on each connection, with the connection's number from 0. Returns its port.
pub async fn origin<F, W>(script: F) -> u16
where
    F: Fn(Peer, usize) -> W + Send + 'static,
    W: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut number = 0;
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(script(Peer::new(stream), number));
            number += 1;
        }
    });
    port
}

/// An origin that responds to every request with its head as the body.
pub async fn echoing() -> u16 {
    origin(|mut peer, _| async move {
        while let Some(head) = peer.head().await {
            let length = head.len();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}"
            ))
            .await;
        }
    })
    .await
}

/// An origin that responds to every request with the same bytes.
pub async fn answering(reply: &'static str) -> u16 {
    origin(move |mut peer, _| async move {
        while peer.head().await.is_some() {
            peer.send(reply).await;
        }
    })
    .await
}
