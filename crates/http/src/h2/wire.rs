//! The stream below an HTTP/2 connection. What is written is collected, and goes out when the connection's task has done what
//! it could: the h2 crate flushes after each frame with a body, which would be a TLS record and a system call each.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use privet_net::Stream;
use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::body::Buffer;

/// Bytes that are collected: what a TLS record holds.
const COLLECTED: usize = 16 * 1024;
/// Frames that are read in one turn of the connection's task: then the thread's other connections have theirs.
const FRAMES: u32 = 128;
/// Slices of one write.
const SLICES: usize = 16;

/// The stream. Its clones are the same one.
#[derive(Clone)]
pub struct Wire(Arc<Mutex<Inner>>);

struct Inner {
    stream: Stream,
    /// `None`: nothing is collected.
    collected: Option<Buffer>,
    /// Something was written and not flushed yet: TLS keeps what the socket did not take.
    unflushed: bool,
    /// Frames that were read in this turn.
    frames: u32,
}

impl Wire {
    pub fn new(stream: Stream) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            stream,
            collected: None,
            unflushed: false,
            frames: 0,
        })))
    }

    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        if inner.frames >= FRAMES {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut inner.stream).poll_read(cx, buf)
    }

    /// Counts frames that were read.
    pub fn count_frames(&self, frames: u32) {
        self.lock().frames += frames;
    }

    /// Collects bytes. Where there are more than are collected, they are written with what was collected before.
    pub fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.lock().poll_write(cx, slices)
    }

    /// Writes what was collected, at the end of a turn: when the connection's task has nothing else to do.
    pub fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        inner.frames = 0;
        ready!(inner.poll_drain(cx))?;
        if inner.unflushed {
            ready!(Pin::new(&mut inner.stream).poll_flush(cx))?;
            inner.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    pub fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.lock();
        ready!(inner.poll_drain(cx))?;
        Pin::new(&mut inner.stream).poll_shutdown(cx)
    }

    /// Ignores poisoning: the stream is as it was.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count: usize = slices.iter().map(|slice| slice.len()).sum();
        loop {
            let held = self
                .collected
                .as_ref()
                .map_or(0, |held| held.filled().len());
            if held + count <= COLLECTED {
                let collected = self.collected.get_or_insert_with(Buffer::small);
                for slice in slices {
                    collected.append(slice);
                }
                return Poll::Ready(Ok(count));
            }
            let written = ready!(self.poll_write_through(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.consume(written.min(held));
            if written > held {
                return Poll::Ready(Ok(written - held));
            }
        }
    }

    /// Writes what was collected and these bytes.
    fn poll_write_through(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let held = self.collected.as_ref().map_or(&[][..], Buffer::filled);
        let all = std::iter::once(held).chain(slices.iter().map(|slice| &slice[..]));
        let all: SmallVec<[IoSlice<'_>; SLICES]> = all
            .filter(|slice| !slice.is_empty())
            .take(SLICES)
            .map(IoSlice::new)
            .collect();
        Pin::new(&mut self.stream).poll_write_vectored(cx, &all)
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(collected) = &self.collected {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, collected.filled()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.consume(written),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// So many of the collected bytes were written, at least.
    fn consume(&mut self, count: usize) {
        self.unflushed = true;
        if let Some(collected) = &mut self.collected {
            collected.consume(count);
        }
        self.collected.take_if(|collected| collected.is_empty());
    }
}

/// Runs a future of the connection, and sends what it wrote each time it waits or ends.
pub async fn sending<T>(wire: &Wire, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| {
        let polled = future.as_mut().poll(cx);
        // Where the stream is broken, the next read says so.
        let _ = wire.poll_send(cx);
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn write(wire: &Wire, slices: &[&[u8]]) {
        let mut rest: Vec<u8> = slices.concat();
        while !rest.is_empty() {
            let (first, second) = rest.split_at(rest.len() / 2);
            let slices = [IoSlice::new(first), IoSlice::new(second)];
            let written = poll_fn(|cx| wire.poll_write(cx, &slices)).await.unwrap();
            rest.drain(..written);
        }
    }

    #[tokio::test]
    async fn small_writes_go_out_together() {
        let (here, mut there) = tokio::io::duplex(64 * 1024);
        let wire = Wire::new(Stream::Boxed(Box::pin(here)));
        for _ in 0..8 {
            write(&wire, &[b"head", &[b'x'; 1000]]).await;
        }
        let mut got = vec![0; 64 * 1024];
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut room = ReadBuf::new(&mut got);
        assert!(
            Pin::new(&mut there)
                .poll_read(&mut cx, &mut room)
                .is_pending()
        );
        poll_fn(|cx| wire.poll_send(cx)).await.unwrap();
        assert_eq!(there.read(&mut got).await.unwrap(), 8 * 1004);
    }

    #[tokio::test]
    async fn a_turn_reads_a_bounded_number_of_frames() {
        let (mut here, there) = tokio::io::duplex(64);
        here.write_all(b"more").await.unwrap();
        let wire = Wire::new(Stream::Boxed(Box::pin(there)));
        let mut got = [0; 64];
        let mut read = || {
            let mut room = ReadBuf::new(&mut got);
            let mut cx = Context::from_waker(std::task::Waker::noop());
            wire.poll_read(&mut cx, &mut room)
                .map_ok(|()| room.filled().len())
        };
        wire.count_frames(FRAMES);
        assert!(read().is_pending());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(wire.poll_send(&mut cx).is_ready());
        assert!(matches!(read(), Poll::Ready(Ok(4))));
    }

    #[tokio::test]
    async fn bytes_stay_in_order_whatever_the_stream_takes() {
        let body: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
        let (here, mut there) = tokio::io::duplex(5_000);
        let wire = Wire::new(Stream::Boxed(Box::pin(here)));
        let sent = body.clone();
        let sending = async move {
            let mut rest = &sent[..];
            for length in [1, 9, 100, 16_000, 20_000, 3, 40_000].into_iter().cycle() {
                let (piece, behind) = rest.split_at(length.min(rest.len()));
                write(&wire, &[piece]).await;
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            poll_fn(|cx| wire.poll_shutdown(cx)).await.unwrap();
        };
        let mut got = Vec::new();
        let (_, read) = tokio::join!(sending, there.read_to_end(&mut got));
        assert_eq!(read.unwrap(), body.len());
        assert!(got == body);
    }
}
