//! A stream in memory whose reads are split, for handshakes that must not depend on how their bytes arrive.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// A stream whose reads end at one position, or after each byte. Writes are never split: fast-socks5 sends its replies
/// with one `write` and does not look at how much was taken.
pub struct SplitReads {
    pub inner: DuplexStream,
    pub split: Split,
}

#[derive(Debug, Clone, Copy)]
pub enum Split {
    /// After this many bytes; 0: no split.
    At(usize),
    EveryByte,
}

impl Split {
    /// At each position below `bytes`, and after every byte.
    pub fn all(bytes: usize) -> impl Iterator<Item = Self> {
        (0..bytes).map(Self::At).chain([Self::EveryByte])
    }
}

impl AsyncRead for SplitReads {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 1024];
        let limit = match self.split {
            Split::At(0) => bytes.len(),
            Split::At(left) => left,
            Split::EveryByte => 1,
        };
        let mut part = ReadBuf::new(&mut bytes[..limit.min(buf.remaining())]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        if let Split::At(left) = &mut self.split {
            *left -= part.filled().len().min(*left);
        }
        buf.put_slice(part.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for SplitReads {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
