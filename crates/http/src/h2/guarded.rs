//! A peer's connection below HTTP/2: what it sends is counted before it is parsed.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use privet_net::read_received;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flood::FloodGuard;
use super::wire::Wire;
use crate::turn;

pub struct Guarded {
    /// Bytes that were read already.
    first: Bytes,
    wire: Wire,
    guard: FloodGuard,
}

impl Guarded {
    pub fn new(first: Bytes, wire: Wire) -> Self {
        Self {
            first,
            wire,
            guard: FloodGuard::new(Instant::now()),
        }
    }

    /// Of a server that requests are sent to.
    pub fn of_server(wire: Wire) -> Self {
        Self {
            first: Bytes::new(),
            wire,
            guard: FloodGuard::of_server(Instant::now()),
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
            ready!(this.wire.poll_read(cx, buf))?;
        }
        let read = buf.filled().get(before..).unwrap_or_default();
        let counted = this.guard.feed(read, turn::now().into_std());
        this.wire.count_frames(this.guard.take_frames());
        Poll::Ready(counted.map_err(io::Error::other))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wire.poll_write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.wire.poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// What was written goes out by [`Wire::poll_send`].
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.poll_shutdown(cx)
    }
}
