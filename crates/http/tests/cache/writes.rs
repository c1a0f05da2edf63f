//! How a stored body is written: in as few writes as the connection takes.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use privet_http::serve;
use privet_http::service::ConnectionInfo;
use privet_http::service::forward::Forward;
use privet_net::{Duplex, Stream};
use privet_policy::Listener;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use crate::support::*;

/// The proxy's end of a client's connection.
struct CountedWrites {
    stream: DuplexStream,
    writes: Arc<AtomicUsize>,
}

impl Duplex for CountedWrites {}

impl AsyncRead for CountedWrites {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CountedWrites {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn the_head_of_a_hit_leaves_with_its_body() {
    let gateway = caching();
    for length in [1_000, 60_000] {
        let body = "x".repeat(length);
        let (port, count) =
            counting(move |_, _| response("Cache-Control: max-age=60\r\n", &body)).await;
        let writes = Arc::new(AtomicUsize::new(0));
        let (mut client, stream) = tokio::io::duplex(1 << 20);
        let end = CountedWrites {
            stream,
            writes: writes.clone(),
        };
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let info = ConnectionInfo {
            local: address,
            peer: address,
        };
        let service = Forward {
            gateway: gateway.clone(),
            listener: Listener::Http,
        };
        let deadline = tokio::time::Instant::now() + gateway.handshake;
        let stream = Stream::Boxed(Box::pin(end));
        tokio::spawn(serve(stream, b"", deadline, info, service));
        let mut before = 0;
        for _ in 0..2 {
            before = writes.load(Ordering::SeqCst);
            let request = get(port, "/");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut seen = Vec::new();
            while !ends(&seen, length) {
                assert!(client.read_buf(&mut seen).await.unwrap() > 0);
            }
        }
        assert_eq!(asked(&count), 1);
        assert_eq!(writes.load(Ordering::SeqCst), before + 1, "{length} bytes");
    }
}

/// Whether these bytes are a head and so many bytes of a body.
fn ends(bytes: &[u8], length: usize) -> bool {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    head.is_some_and(|head| bytes.len() == head + 4 + length)
}
