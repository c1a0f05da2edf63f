//! The relay over any two streams: read into a borrowed buffer, write it out, give it back.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffers::{self, Buffer};
use super::{Early, RelayEnd, Side, reset};
use crate::{Meter, Stream};

/// Chunks that one direction moves before it lets others run.
const CHUNKS_PER_TURN: usize = 16;

pub(super) struct Copy {
    client: Stream,
    far: Stream,
    up: Direction,
    down: Direction,
}

struct Direction {
    held: Held,
    state: State,
    /// Something was written and not flushed yet: TLS keeps bytes until then.
    unflushed: bool,
}

/// Bytes that were read and not yet written.
enum Held {
    Nothing,
    Early(Bytes),
    Buffer { buffer: Buffer, from: u32, to: u32 },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The source ended; its end is to be carried on.
    Ending,
    Done,
}

/// Which of a direction's two streams broke.
enum Broken {
    Source(io::Error),
    Sink(io::Error),
}

impl Copy {
    pub(super) fn new(client: Stream, far: Stream, early: Early) -> Self {
        Self {
            client,
            far,
            up: Direction::new(early.up),
            down: Direction::new(early.down),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>, meter: &impl Meter) -> Poll<RelayEnd> {
        let up = self
            .up
            .poll(cx, &mut self.client, &mut self.far, |bytes| meter.up(bytes));
        if let Poll::Ready(Err(broken)) = up {
            return Poll::Ready(self.broken(broken, Side::Client, Side::Far));
        }
        let down = self
            .down
            .poll(cx, &mut self.far, &mut self.client, |bytes| {
                meter.down(bytes)
            });
        if let Poll::Ready(Err(broken)) = down {
            return Poll::Ready(self.broken(broken, Side::Far, Side::Client));
        }
        if up.is_ready() && down.is_ready() {
            Poll::Ready(RelayEnd::Finished)
        } else {
            Poll::Pending
        }
    }

    fn broken(&mut self, broken: Broken, source: Side, sink: Side) -> RelayEnd {
        let (side, error) = match broken {
            Broken::Source(error) => (source, error),
            Broken::Sink(error) => (sink, error),
        };
        match side {
            Side::Client => reset(&self.far),
            Side::Far => reset(&self.client),
        }
        RelayEnd::Broken {
            side,
            error: error.kind(),
        }
    }
}

impl Direction {
    fn new(early: Bytes) -> Self {
        Self {
            held: if early.is_empty() {
                Held::Nothing
            } else {
                Held::Early(early)
            },
            state: State::Open,
            unflushed: false,
        }
    }

    /// Ready once this direction's end was carried to the sink.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut Stream,
        sink: &mut Stream,
        count: impl Fn(u64),
    ) -> Poll<Result<(), Broken>> {
        for _ in 0..CHUNKS_PER_TURN {
            ready!(self.poll_write(cx, sink)).map_err(Broken::Sink)?;
            match self.state {
                State::Open => match self.poll_read(cx, source) {
                    Poll::Ready(Ok(0)) => self.state = State::Ending,
                    Poll::Ready(Ok(bytes)) => count(bytes),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Broken::Source(error))),
                    Poll::Pending => {
                        ready!(self.poll_flush(cx, sink)).map_err(Broken::Sink)?;
                        return Poll::Pending;
                    }
                },
                State::Ending => {
                    ready!(Pin::new(&mut *sink).poll_shutdown(cx)).map_err(Broken::Sink)?;
                    self.state = State::Done;
                }
                State::Done => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, source: &mut Stream) -> Poll<io::Result<u64>> {
        let mut buffer = buffers::borrow();
        let mut room = ReadBuf::new(&mut buffer);
        let read = Pin::new(source).poll_read(cx, &mut room);
        let bytes = room.filled().len();
        match read {
            Poll::Ready(Ok(())) if bytes > 0 => {
                self.held = Held::Buffer {
                    buffer,
                    from: 0,
                    to: bytes as u32,
                };
                Poll::Ready(Ok(bytes as u64))
            }
            other => {
                buffers::give_back(buffer);
                other.map_ok(|()| 0)
            }
        }
    }

    /// Ready once nothing is held.
    fn poll_write(&mut self, cx: &mut Context<'_>, sink: &mut Stream) -> Poll<io::Result<()>> {
        loop {
            let rest: &[u8] = match &self.held {
                Held::Nothing => return Poll::Ready(Ok(())),
                Held::Early(bytes) => bytes,
                Held::Buffer { buffer, from, to } => {
                    buffer.get(*from as usize..*to as usize).unwrap_or_default()
                }
            };
            let written = ready!(Pin::new(&mut *sink).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unflushed = true;
            self.written(written);
        }
    }

    fn written(&mut self, bytes: usize) {
        let done = match &mut self.held {
            Held::Nothing => true,
            Held::Early(rest) => {
                rest.advance(bytes.min(rest.len()));
                rest.is_empty()
            }
            Held::Buffer { from, to, .. } => {
                *from += bytes as u32;
                from >= to
            }
        };
        if done
            && let Held::Buffer { buffer, .. } = std::mem::replace(&mut self.held, Held::Nothing)
        {
            buffers::give_back(buffer);
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
