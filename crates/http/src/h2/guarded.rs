//! A client's connection below HTTP/2: what it sends is counted before it is parsed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use privet_net::{Stream, read_received};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flood::FloodGuard;

pub struct Guarded {
    /// Bytes that were read already.
    first: Bytes,
    stream: Stream,
    guard: FloodGuard,
}

impl Guarded {
    pub fn new(first: Bytes, stream: Stream) -> Self {
        Self {
            first,
            stream,
            guard: FloodGuard::new(Instant::now()),
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        if !read_received(&mut this.first, buf) {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        }
        let read = buf.filled().get(before..).unwrap_or_default();
        let counted = this.guard.feed(read, Instant::now());
        Poll::Ready(counted.map_err(io::Error::other))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
