//! A stream that became a tunnel, as a byte stream.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use privet_net::read_received;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::error::to_io;
use super::send::SendHalf;

pub struct H2Tunnel {
    _held: Option<Arc<dyn Send + Sync>>,
    recv: RecvStream,
    /// Received and not read yet.
    chunk: Bytes,
    send: SendHalf,
    finished: bool,
}

impl H2Tunnel {
    /// `held`: lives as long as the tunnel.
    pub fn new(recv: RecvStream, send: SendHalf, held: Option<Arc<dyn Send + Sync>>) -> Self {
        Self {
            _held: held,
            recv,
            chunk: Bytes::new(),
            send,
            finished: false,
        }
    }
}

/// Dropping it early resets it anyway.
impl privet_net::Duplex for H2Tunnel {}

impl AsyncRead for H2Tunnel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        while !read_received(&mut this.chunk, buf) {
            match ready!(this.recv.poll_data(cx)) {
                Some(Ok(chunk)) => this.chunk = chunk,
                Some(Err(error)) => return Poll::Ready(Err(to_io(error))),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = buf.filled().len() - before;
        // It fails only where the stream is gone; the next read says so.
        let _ = this.recv.flow_control().release_capacity(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for H2Tunnel {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        this.send.poll_send(cx, buf, false)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.finished {
            this.finished = true;
            this.send.end()?;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for H2Tunnel {
    /// A tunnel that ends early is not a whole one.
    fn drop(&mut self) {
        if !self.finished {
            self.send.reset(Reason::CONNECT_ERROR);
        }
    }
}
