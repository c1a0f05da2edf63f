//! Bytes that were received before a stream's reader asks for them: they are read first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// `io` with `prefix` before what it reads. Writes go to `io`.
#[derive(Debug)]
pub(crate) struct Prefixed<S> {
    prefix: Bytes,
    io: S,
    has_written: bool,
}

impl<S> Prefixed<S> {
    pub(crate) fn new(prefix: Bytes, io: S) -> Self {
        Self {
            prefix,
            io,
            has_written: false,
        }
    }

    /// Whether the peer was sent anything.
    pub(crate) fn has_written(&self) -> bool {
        self.has_written
    }

    pub(crate) fn get_ref(&self) -> &S {
        &self.io
    }
}

/// Reads bytes that were received before. `false`: there are none.
pub fn read_received(received: &mut Bytes, buf: &mut ReadBuf<'_>) -> bool {
    if received.is_empty() {
        return false;
    }
    let count = received.len().min(buf.remaining());
    buf.put_slice(received.get(..count).unwrap_or_default());
    received.advance(count);
    if received.is_empty() {
        // Frees the memory.
        *received = Bytes::new();
    }
    true
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if read_received(&mut self.prefix, buf) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.has_written = true;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.has_written = true;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
