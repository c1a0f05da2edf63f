//! One direction of a tunnel: reads a chunk, writes it, and passes the end of the stream on.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffers::{self, Buffer};
#[cfg(target_os = "linux")]
use super::pipes::{self, Pipe};
use crate::Stream;

/// What one direction may move before other tasks run.
const CHUNKS_PER_TURN: u32 = 16;
const BYTES_PER_TURN: usize = 1024 * 1024;
/// After a chunk of this size the bytes are spliced. For smaller ones a read and a write cost less than a pipe.
#[cfg(target_os = "linux")]
const BULK: usize = 16 * 1024;
/// How many bytes a pipe takes in at once. It starts here, so that many slow clients do not fill the kernel's memory,
/// and doubles up to the pipe's size each time the sink took everything.
#[cfg(target_os = "linux")]
const LEAST_ROOM: u32 = 64 * 1024;

pub(super) struct Direction {
    held: HeldBytes,
    state: DirectionState,
    /// Something was written and not flushed yet: TLS buffers until then.
    unflushed: bool,
    /// The sink took a byte.
    delivered: bool,
    mode: CopyMode,
    #[cfg(target_os = "linux")]
    room: u32,
}

/// Bytes that were read and not written yet.
enum HeldBytes {
    Nothing,
    Preread(Bytes),
    Buffer {
        buffer: Buffer,
        from: u32,
        to: u32,
    },
    #[cfg(target_os = "linux")]
    Pipe {
        pipe: Pipe,
        bytes: usize,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DirectionState {
    Open,
    /// The source ended; the sink is not shut down yet.
    Ending,
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CopyMode {
    /// TLS on a side, or no pipes here: through buffers only.
    Buffered,
    /// Two plain sockets, with little traffic so far.
    Small,
    /// Two plain sockets and bulk traffic: spliced through a pipe.
    #[cfg(target_os = "linux")]
    Splice,
}

impl CopyMode {
    /// The mode for a tunnel between these two streams.
    pub(super) fn between(client: &Stream, destination: &Stream) -> Self {
        match (client, destination) {
            (Stream::Tcp(_), Stream::Tcp(_)) => Self::Small,
            _ => Self::Buffered,
        }
    }
}

/// Which of the two streams failed.
pub(super) enum DirectionError {
    Source(io::Error),
    Sink(io::Error),
}

impl Direction {
    pub(super) fn new(preread: Bytes, mode: CopyMode) -> Self {
        Self {
            held: if preread.is_empty() {
                HeldBytes::Nothing
            } else {
                HeldBytes::Preread(preread)
            },
            state: DirectionState::Open,
            unflushed: false,
            delivered: false,
            mode,
            #[cfg(target_os = "linux")]
            room: LEAST_ROOM,
        }
    }

    pub(super) fn state(&self) -> DirectionState {
        self.state
    }

    /// Whether a byte of this direction was written to its sink.
    pub(super) fn has_delivered(&self) -> bool {
        self.delivered
    }

    /// Drops what is held, then reads and drops what the source sends; `saw_bytes` is set where it sent some. Ready
    /// once it ended or failed.
    pub(super) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Stream,
        saw_bytes: &mut bool,
    ) -> Poll<()> {
        self.mode = CopyMode::Buffered;
        for _ in 0..CHUNKS_PER_TURN {
            // A pipe with bytes in it is closed.
            let held = std::mem::replace(&mut self.held, HeldBytes::Nothing);
            if let HeldBytes::Buffer { buffer, .. } = held {
                buffers::give_back(buffer);
            }
            match ready!(self.poll_read(cx, source)) {
                Ok(1..) => *saw_bytes = true,
                Ok(0) | Err(_) => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ready once the end of the source was passed on to the sink. `other` is the state of the opposite direction; `count` is
    /// called with the length of each chunk that is read.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Stream,
        sink: &mut Stream,
        other: DirectionState,
        count: impl Fn(u64),
    ) -> Poll<Result<(), DirectionError>> {
        let (mut chunks, mut moved) = (0, 0);
        while chunks < CHUNKS_PER_TURN && moved < BYTES_PER_TURN {
            ready!(self.poll_write(cx, sink)).map_err(DirectionError::Sink)?;
            match self.state {
                DirectionState::Open => match self.poll_read(cx, source) {
                    Poll::Ready(Ok(0)) => self.state = DirectionState::Ending,
                    Poll::Ready(Ok(bytes)) => {
                        count(bytes as u64);
                        moved += bytes;
                    }
                    Poll::Ready(Err(error)) => {
                        return Poll::Ready(Err(DirectionError::Source(error)));
                    }
                    Poll::Pending => {
                        ready!(self.poll_flush(cx, sink)).map_err(DirectionError::Sink)?;
                        return Poll::Pending;
                    }
                },
                // Both directions are done, and closing a plain socket sends FIN by itself.
                DirectionState::Ending
                    if other == DirectionState::Done && matches!(sink, Stream::Tcp(_)) =>
                {
                    self.state = DirectionState::Done
                }
                DirectionState::Ending => {
                    ready!(Pin::new(&mut *sink).poll_shutdown(cx)).map_err(DirectionError::Sink)?;
                    self.state = DirectionState::Done;
                }
                DirectionState::Done => return Poll::Ready(Ok(())),
            }
            chunks += 1;
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads a chunk into `held`, which is empty. 0: the source ended.
    fn poll_read(&mut self, cx: &mut Context<'_>, source: &mut Stream) -> Poll<io::Result<usize>> {
        #[cfg(target_os = "linux")]
        if let (CopyMode::Splice, Stream::Tcp(source)) = (self.mode, &mut *source) {
            if let Some(pipe) = pipes::borrow() {
                return self.poll_fill(cx, source, pipe);
            }
            // Out of file descriptors: buffers still work.
            self.mode = CopyMode::Buffered;
        }
        let mut buffer = buffers::borrow();
        let mut room = ReadBuf::new(&mut buffer);
        let read = Pin::new(source).poll_read(cx, &mut room);
        let bytes = room.filled().len();
        if !matches!(read, Poll::Ready(Ok(()))) || bytes == 0 {
            buffers::give_back(buffer);
            return read.map_ok(|()| 0);
        }
        self.held = HeldBytes::Buffer {
            buffer,
            from: 0,
            to: bytes as u32,
        };
        #[cfg(target_os = "linux")]
        if self.mode == CopyMode::Small && bytes >= BULK {
            self.mode = CopyMode::Splice;
        }
        Poll::Ready(Ok(bytes))
    }

    #[cfg(target_os = "linux")]
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        source: &tokio::net::TcpStream,
        pipe: Pipe,
    ) -> Poll<io::Result<usize>> {
        let filled = pipe.poll_fill(cx, source, self.room as usize);
        match filled {
            Poll::Ready(Ok(bytes)) if bytes > 0 => self.held = HeldBytes::Pipe { pipe, bytes },
            _ => pipes::give_back(pipe),
        }
        filled
    }

    /// Ready once nothing is held.
    fn poll_write(&mut self, cx: &mut Context<'_>, sink: &mut Stream) -> Poll<io::Result<()>> {
        loop {
            let rest: &[u8] = match &self.held {
                HeldBytes::Nothing => return Poll::Ready(Ok(())),
                HeldBytes::Preread(bytes) => bytes,
                HeldBytes::Buffer { buffer, from, to } => {
                    buffer.get(*from as usize..*to as usize).unwrap_or_default()
                }
                #[cfg(target_os = "linux")]
                HeldBytes::Pipe { .. } => {
                    ready!(self.poll_drain(cx, sink))?;
                    continue;
                }
            };
            let written = ready!(Pin::new(&mut *sink).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = matches!(sink, Stream::Boxed(_));
            self.written(written);
        }
    }

    #[cfg(target_os = "linux")]
    fn poll_drain(&mut self, cx: &mut Context<'_>, sink: &mut Stream) -> Poll<io::Result<()>> {
        let (HeldBytes::Pipe { pipe, bytes }, Stream::Tcp(sink)) = (&self.held, sink) else {
            return Poll::Ready(Ok(()));
        };
        let drained = pipe.poll_drain(cx, sink, *bytes);
        self.room = match &drained {
            Poll::Ready(Ok(written)) if written == bytes => {
                self.room.saturating_mul(2).min(pipes::SIZE as u32)
            }
            _ => LEAST_ROOM,
        };
        let written = ready!(drained)?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written(written);
        Poll::Ready(Ok(()))
    }

    fn written(&mut self, written: usize) {
        self.delivered = true;
        let done = match &mut self.held {
            HeldBytes::Nothing => true,
            HeldBytes::Preread(rest) => {
                rest.advance(written.min(rest.len()));
                rest.is_empty()
            }
            HeldBytes::Buffer { from, to, .. } => {
                *from = from.saturating_add(written as u32);
                from >= to
            }
            #[cfg(target_os = "linux")]
            HeldBytes::Pipe { bytes, .. } => {
                *bytes = bytes.saturating_sub(written);
                *bytes == 0
            }
        };
        if !done {
            return;
        }
        match std::mem::replace(&mut self.held, HeldBytes::Nothing) {
            HeldBytes::Buffer { buffer, .. } => buffers::give_back(buffer),
            #[cfg(target_os = "linux")]
            HeldBytes::Pipe { pipe, .. } => pipes::give_back(pipe),
            _ => {}
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, sink: &mut Stream) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(sink).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}
