//! A SOCKS server for tests: the real handshakes and the real dialer behind a [`FakeGateway`], and an echo server.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::BytesMut;
use privet_connection_log::LiveConnection;
use privet_gateway::{Gateway, HandshakeOutcome};
use privet_net::{Meter, Preread, Stream};
use privet_policy::Listener;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fake_gateway::{FakeGateway, Plan, SeenRequest};
use crate::socks::serve;

/// A listening server and its gateway.
pub struct SocksServer {
    pub address: SocketAddr,
    pub gateway: FakeGateway,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for SocksServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SocksServer {
    pub async fn open(plan: Plan) -> Self {
        let gateway = FakeGateway::new(plan);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(listener, gateway.clone()));
        Self {
            address,
            gateway,
            task,
        }
    }

    /// A client that has sent nothing yet.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    pub fn seen_requests(&self) -> Vec<SeenRequest> {
        self.gateway.0.seen_requests.lock().unwrap().clone()
    }

    /// The route of the first open row.
    pub fn route(&self) -> String {
        let rows = self.gateway.0.connection_log.live_rows();
        rows[0].route().to_string()
    }
}

async fn accept(listener: TcpListener, gateway: FakeGateway) {
    let mut clients = tokio::task::JoinSet::new();
    while let Ok((client, peer)) = listener.accept().await {
        let local = client.local_addr().unwrap();
        clients.spawn(serve_client(client.into(), local, peer, gateway.clone()));
    }
}

/// Serves one client to the end of its tunnel.
pub async fn serve_client(
    mut client: Stream,
    local: SocketAddr,
    peer: SocketAddr,
    gateway: FakeGateway,
) {
    let mut first = BytesMut::with_capacity(256);
    if !matches!(client.read_buf(&mut first).await, Ok(1..)) {
        return;
    }
    let deadline = tokio::time::Instant::now() + gateway.handshake_timeout();
    let served = serve(
        client,
        first,
        deadline,
        local,
        peer,
        Listener::Socks,
        &gateway,
    )
    .await;
    if let HandshakeOutcome::Tunnel {
        client,
        preread,
        connected,
        live,
    } = served
    {
        let preread = Preread {
            up: preread,
            down: connected.preread,
        };
        privet_net::relay(client, connected.stream, preread, &RowMeter(live)).await;
    }
}

struct RowMeter(LiveConnection);

impl Meter for RowMeter {
    fn up(&self, bytes: u64) {
        self.0.up(bytes);
    }

    fn down(&self, bytes: u64) {
        self.0.down(bytes);
    }

    fn poll_cancelled(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_cancelled(cx)
    }
}

/// A server that sends back what it gets, one connection after another, until dropped.
pub struct Echo {
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Echo {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut clients = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                clients.spawn(async move {
                    let (mut from, mut to) = client.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                    let _ = to.shutdown().await;
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}
