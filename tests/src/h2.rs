//! Clients and backends that speak HTTP/2, on a runtime of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

use crate::TIMEOUT;

/// Runs a test's client to its end.
///
/// # Panics
/// It takes longer than [`TIMEOUT`].
pub fn block_on<T>(client: impl Future<Output = T>) -> T {
    block_within(TIMEOUT, client)
}

/// As [`block_on`], for at most `limit`.
pub fn block_within<T>(limit: std::time::Duration, client: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let done = runtime.block_on(async { tokio::time::timeout(limit, client).await });
    done.expect("the client is done in time")
}

/// A server without TLS that speaks HTTP/2 from the first byte. It ends with the test's process.
pub struct H2Backend {
    pub address: SocketAddr,
}

impl H2Backend {
    /// Answers each stream by `answer`. Takes tunnels of WebSocket (RFC 8441) where `tunnels` is set.
    pub fn answering<A>(
        tunnels: Tunnels,
        answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> A + Send + Sync + 'static,
    ) -> Self
    where
        A: Future<Output = ()> + Send + 'static,
    {
        let listener =
            std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        listener.set_nonblocking(true).expect("a socket option");
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let listener = TcpListener::from_std(listener).expect("a listener");
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, tunnels, answer.clone()));
                }
            });
        });
        Self { address }
    }

    pub fn url(&self) -> String {
        format!("h2c://{}", self.address)
    }
}

/// Whether a backend announces `SETTINGS_ENABLE_CONNECT_PROTOCOL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnels {
    Taken,
    NotTaken,
}

async fn serve<A: Future<Output = ()> + Send + 'static>(
    stream: TcpStream,
    tunnels: Tunnels,
    answer: Arc<impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> A>,
) {
    let _ = stream.set_nodelay(true);
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(1 << 20)
        .initial_connection_window_size(16 << 20);
    if tunnels == Tunnels::Taken {
        builder.enable_connect_protocol();
    }
    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(answer(request, respond));
    }
}

/// Connects by prior knowledge, with wide windows. The connection is driven until its end.
pub async fn connect(address: SocketAddr) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    stream.set_nodelay(true).expect("a socket option");
    let mut builder = h2::client::Builder::new();
    builder
        .initial_window_size(1 << 20)
        .initial_connection_window_size(16 << 20)
        .initial_max_send_streams(1);
    let (send, connection) = builder.handshake(stream).await.expect("it speaks HTTP/2");
    tokio::spawn(async move {
        let _ = connection.await;
    });
    send
}

/// Sends a request without a body, and waits for the head of its response.
///
/// # Errors
/// The stream's or the connection's.
pub async fn get(
    client: &SendRequest<Bytes>,
    url: &str,
) -> Result<Response<RecvStream>, h2::Error> {
    let request = Request::get(url).body(()).expect("a request");
    let mut ready = client.clone().ready().await?;
    ready.send_request(request, true)?.0.await
}

/// The whole body.
///
/// # Errors
/// The stream was reset before its end.
pub async fn read(body: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

/// Sends all of these bytes as the windows allow.
///
/// # Errors
/// The stream was reset.
pub async fn write(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let mut room = stream.capacity();
        if room == 0 {
            let granted = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
            room = granted.unwrap_or(Ok(0))?;
        }
        let piece = bytes.split_to(room.min(bytes.len()));
        if !piece.is_empty() {
            stream.send_data(piece, false)?;
        }
    }
    Ok(())
}
