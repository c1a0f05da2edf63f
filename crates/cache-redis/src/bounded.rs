//! A connection whose unread replies have a bound: the client library takes a reply of any length.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use privet_cache::shared::MOST_VALUE;
use privet_net::Connection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Most commands that wait for replies.
pub(crate) const MOST_AT_ONCE: usize = 16;
/// The longest reply: a value, and some numbers.
const MOST_REPLY: usize = MOST_VALUE + 1024;
/// Most bytes that may arrive before a reply is complete.
const MOST_UNREAD: usize = MOST_REPLY * (MOST_AT_ONCE + 1);

/// Bytes received since the last complete reply.
#[derive(Debug, Default, Clone)]
pub(crate) struct Unread(Arc<AtomicUsize>);

impl Unread {
    /// A reply is complete.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// A stream whose reads fail once the server has sent more than all pending commands can be answered with.
pub(crate) struct Bounded {
    stream: Pin<Box<dyn Connection>>,
    unread: Unread,
}

impl Bounded {
    pub(crate) fn new(stream: Pin<Box<dyn Connection>>, unread: Unread) -> Self {
        Self { stream, unread }
    }
}

impl AsyncRead for Bounded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(self.stream.as_mut().poll_read(cx, buf))?;
        let read = buf.filled().len() - before;
        let unread = self.unread.0.fetch_add(read, Ordering::Relaxed);
        Poll::Ready(match unread.saturating_add(read) > MOST_UNREAD {
            true => Err(io::Error::other("the reply is too long")),
            false => Ok(()),
        })
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_reply_without_an_end_is_not_kept() {
        let (mut server, client) = tokio::io::duplex(64 * 1024);
        let unread = Unread::default();
        let mut client = Bounded::new(Box::pin(client), unread.clone());
        let writing = tokio::spawn(async move {
            let block = [b'x'; 64 * 1024];
            let mut sent = 0;
            while server.write_all(&block).await.is_ok() {
                sent += block.len();
            }
            sent
        });
        let (mut buffer, mut read) = (vec![0; 64 * 1024], 0);
        let error = loop {
            match client.read(&mut buffer).await {
                Ok(more) => read += more,
                Err(error) => break error,
            }
        };
        assert_eq!(error.to_string(), "the reply is too long");
        assert!(read <= MOST_UNREAD, "{read}");
        drop(client);
        assert!(writing.await.unwrap() <= MOST_UNREAD + 128 * 1024);
    }

    #[tokio::test]
    async fn whole_replies_have_no_end_together() {
        let (mut server, client) = tokio::io::duplex(MOST_REPLY);
        let unread = Unread::default();
        let mut client = Bounded::new(Box::pin(client), unread.clone());
        let mut reply = vec![b'x'; MOST_REPLY];
        for _ in 0..MOST_AT_ONCE * 3 {
            server.write_all(&reply).await.unwrap();
            client.read_exact(&mut reply).await.unwrap();
            unread.reset();
        }
    }
}
